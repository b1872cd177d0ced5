"""fsck finds what is there, says whom damage costs what, and by its changes nobody gains.

- Looking changes nothing. What becomes of bytes and file types is in test_damage*.py.
- What is moved aside takes its descendants along, youngest first; put back, all are there again.
- A policy's file, and what another cubbyd or keyring may open, are never moved.
- After a restore, what a copy would let out twice is destroyed: a stub's children are not.
"""

import os
import stat
from contextlib import closing

import pytest
from damaged_store import NOW, POLICY, POLICY_FILE, SCENE, answers, harmed, restarted
from fakes import counting_random
from house import KEYS

from cubbyd.crypto.keys import RootKeys
from cubbyd.errors import StoreError
from cubbyd.fsck import changes
from cubbyd.fsck.check import check
from cubbyd.fsck.fates import End
from cubbyd.fsck.survey import Kind, Reason
from cubbyd.secret import Secret
from cubbyd.store import record
from cubbyd.store.files import DiskFiles

NAMES = SCENE.names


@pytest.fixture
def store(tmp_path):
    return SCENE.on_disk(tmp_path / "store")


def fsck(store, *, keys=KEYS, now=NOW, **options):
    with closing(DiskFiles(store)) as files:
        return check(files, keys, now=now, **options)


async def told_by_a_daemon(store):
    with closing(DiskFiles(store)) as files:
        async with restarted(files) as house:
            return await answers(house)


def spoil(path):
    path.write_bytes(path.read_bytes()[:-300])


def ends(report):
    return {each: (fate.end, fate.cause) for each, fate in report.fates.items()}


def names_in(directory):
    return {path.name for path in directory.iterdir()}


# -- looking


def test_a_store_without_damage_is_told_by_kinds(store):
    for name in ("staged-0123456789abcdef", "keyring", "lock"):
        (store / name).touch(0o600)
    (store / "notes.txt").touch()
    (store / "quarantine-1").mkdir()

    report = fsck(store)

    kinds = {NAMES[who]: report.found.tokens[NAMES[who]].kind for who in SCENE.tokens}
    special = {"limited": Kind.LIMITED, "wrapping": Kind.WRAPPING, "stub": Kind.STUB}
    assert kinds == {NAMES[who]: special.get(who, Kind.SERVICE) for who in SCENE.tokens}
    assert report.found.policies == [POLICY]
    assert report.found.others == {
        Kind.STAGED: ["staged-0123456789abcdef"],
        Kind.QUARANTINE: ["quarantine-1"],
        Kind.FOREIGN: ["notes.txt"],
    }
    assert (report.found.damaged, report.fates, report.left) == ({}, {}, [])


def test_an_ancestor_that_is_absent_dooms_its_descendants(store):
    (store / NAMES["parent"]).unlink()

    report = fsck(store, quarantine=True)

    doomed = (End.ORPHANED, NAMES["parent"])
    assert ends(report) == {NAMES["child"]: doomed, NAMES["grandchild"]: doomed}
    assert report.moved == []


def test_an_ancestor_that_has_expired_dooms_its_descendants(store):
    whole = record.decode((store / NAMES["child"]).read_bytes(), NAMES["child"], KEYS)
    object.__setattr__(whole.entry, "expires_at", NOW)
    (store / NAMES["child"]).write_bytes(record.encode(whole, KEYS, counting_random()))

    expired = (End.EXPIRED, NAMES["child"])
    assert ends(fsck(store)) == {NAMES["child"]: expired, NAMES["grandchild"]: expired}
    assert ends(fsck(store, now=NOW - 0.5)) == {}


def test_who_also_has_root_does_not_depend_on_a_policy(store):
    whole = record.decode((store / NAMES["governed"]).read_bytes(), NAMES["governed"], KEYS)
    object.__setattr__(whole.entry, "policies", (POLICY, "root"))
    (store / NAMES["governed"]).write_bytes(record.encode(whole, KEYS, counting_random()))
    spoil(store / POLICY_FILE)

    report = fsck(store)

    assert report.damaged_policies == {POLICY: POLICY_FILE}
    assert ends(report) == {}


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (slice(6, 8), b"\0\2", "format version 2; this cubbyd reads 1"),
        (slice(6, 8), b"\0\0", "format version 0; this cubbyd reads 1"),
        (slice(8, 12), b"\0\0\0\7", "wants key term 7"),
    ],
)
def test_what_another_cubbyd_may_open_is_told_in_words_and_never_moved(store, at, value, words):
    """Not a changed byte: all that is sealed would be sealed as something else."""
    path = store / NAMES["child"]
    file = bytearray(path.read_bytes())
    file[at] = value
    file[20] ^= 1
    path.write_bytes(file)

    report = fsck(store, quarantine=True)

    (damage,) = report.left
    assert damage.reason is Reason.UNKNOWN_FORMAT
    assert words in damage.problem
    assert report.quarantine is None


@pytest.mark.parametrize("term", [1, 2])
def test_with_another_stores_keyring_nothing_is_moved(store, term):
    keys = RootKeys(accessor_key=KEYS.accessor_key, terms={term: Secret(b"2" * 32)})

    report = fsck(store, keys=keys, quarantine=True)

    assert len(report.left) == len(SCENE.files)
    assert report.moved == []


# -- moving aside


async def test_a_tree_is_moved_whole_and_put_back_whole(store):
    """Nobody comes to life without what was above, and the reaper finds nobody to destroy."""
    spoil(store / NAMES["parent"])
    moved = {NAMES[who] for who in ("parent", "child", "grandchild")}

    report = fsck(store, quarantine=True)

    assert set(report.moved) == moved
    assert report.left == []
    aside = store / report.quarantine
    assert names_in(aside) == moved
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700
    assert harmed(await told_by_a_daemon(store)) == dict.fromkeys(
        ("parent", "child", "grandchild"), "permission_denied"
    )
    assert fsck(store).found.damaged == {}

    for name in moved:
        (aside / name).rename(store / name)
    (store / NAMES["parent"]).write_bytes(SCENE.files[NAMES["parent"]])
    assert harmed(await told_by_a_daemon(store)) == {}


async def test_the_orphans_of_a_damaged_stub_stay_refused(store):
    spoil(store / NAMES["stub"])

    fsck(store, quarantine=True)

    assert harmed(await told_by_a_daemon(store)) == {"orphan": "permission_denied"}


@pytest.mark.parametrize("dies_at", range(1, 8))
async def test_no_power_cut_leaves_a_child_without_its_parent(store, monkeypatch, dies_at):
    """Each step is durable before the next begins, so a cut is an end between two of them."""
    spoil(store / NAMES["parent"])
    steps = iter(range(1, 100))

    def stop_at(_):
        if next(steps) == dies_at:
            raise StoreError("the power is off")

    monkeypatch.setattr(changes.os, "fsync", stop_at)
    with pytest.raises(StoreError):
        fsck(store, quarantine=True)
    monkeypatch.undo()

    assert End.ORPHANED not in {fate.end for fate in fsck(store).fates.values()}
    told = harmed(await told_by_a_daemon(store))
    assert told.keys() == {"parent", "child", "grandchild"}


async def test_a_damaged_policy_stays_and_its_tokens_stay_refused(store):
    """Without it, the token would do what its other policies grant, and this one denied."""
    spoil(store / POLICY_FILE)
    spoil(store / NAMES["grandchild"])

    report = fsck(store, quarantine=True)

    assert report.moved == [NAMES["grandchild"]]
    assert [each.name for each in report.left] == [POLICY_FILE]
    told = harmed(await told_by_a_daemon(store))
    assert told == {"governed": "integrity", "grandchild": "permission_denied"}


def test_a_token_with_a_cut_cubbyhole_stays_while_tokens_live_below_it(store):
    for who in ("child", "orphan"):
        path = store / NAMES[who]
        path.write_bytes(path.read_bytes()[:-1])

    report = fsck(store, quarantine=True)

    assert report.fates == {}
    assert report.moved == [NAMES["orphan"]]
    assert "tokens live below it" in report.immovable[NAMES["child"]]


def test_a_quarantine_never_replaces_another(store):
    made = []
    for who in ("root", "orphan", "governed"):
        spoil(store / NAMES[who])
        made.append(fsck(store, quarantine=True).quarantine)

    assert made == ["quarantine-20261122T020001Z", *(f"{made[0]}-{n}" for n in (2, 3))]
    assert [names_in(store / name) for name in made] == [
        {NAMES[who]} for who in ("root", "orphan", "governed")
    ]


def test_what_cannot_be_moved_is_told_and_keeps_no_other(store, monkeypatch):
    for who in ("parent", "root"):
        spoil(store / NAMES[who])
    rename = os.rename

    def refuse_one(name, *more, **where):
        if name == NAMES["child"]:
            raise PermissionError(1, "Operation not permitted")
        rename(name, *more, **where)

    monkeypatch.setattr(changes.os, "rename", refuse_one)
    report = fsck(store, quarantine=True)

    assert report.immovable == {NAMES["parent"]: "Operation not permitted"}
    assert set(report.moved) == {NAMES["root"], NAMES["grandchild"]}
    assert [each.name for each in report.left] == [NAMES["parent"]]


def test_directories_links_and_fifos_are_moved_as_they_are(store):
    for who, make in (("root", os.mkdir), ("orphan", os.mkfifo)):
        (store / NAMES[who]).unlink()
        make(store / NAMES[who])
    (store / NAMES["governed"]).unlink()
    (store / NAMES["governed"]).symlink_to("/dev/zero")
    (store / "staged-0123456789abcdef").mkdir()

    report = fsck(store, quarantine=True)

    assert report.left == []
    aside = store / report.quarantine
    assert (aside / NAMES["root"]).is_dir()
    assert (aside / NAMES["orphan"]).is_fifo()
    assert (aside / NAMES["governed"]).is_symlink()


def test_nothing_is_made_where_nothing_is_to_be_moved(store):
    before = names_in(store)

    fsck(store, quarantine=True)

    assert names_in(store) == before


# -- after a restore


async def test_after_a_restore_what_may_be_spent_already_is_destroyed(store):
    report = fsck(store, after_restore=True)

    gone = {NAMES["limited"], NAMES["wrapping"]}
    assert set(report.destroyed) == gone
    assert names_in(store) == SCENE.files.keys() - gone
    assert harmed(await told_by_a_daemon(store)) == {
        "limited": "permission_denied",
        "wrapping": "wrapping_token_invalid",
    }


def test_what_may_be_spent_does_not_wait_in_a_quarantine(store):
    child = record.decode((store / NAMES["child"]).read_bytes(), NAMES["child"], KEYS)
    object.__setattr__(child.entry, "num_uses", 5)
    (store / NAMES["child"]).write_bytes(record.encode(child, KEYS, counting_random()))
    spoil(store / NAMES["parent"])

    report = fsck(store, quarantine=True, after_restore=True)

    assert NAMES["child"] in report.destroyed
    assert NAMES["child"] not in names_in(store / report.quarantine)


def test_a_stub_of_what_was_limited_stays(store):
    stub = record.decode((store / NAMES["stub"]).read_bytes(), NAMES["stub"], KEYS)
    object.__setattr__(stub.entry, "num_uses", 5)
    (store / NAMES["stub"]).write_bytes(record.encode(stub, KEYS, counting_random()))

    assert NAMES["stub"] not in fsck(store, after_restore=True).destroyed
