"""fsck finds what is there, says whom damage costs what, and by its changes nobody gains.

- Looking changes nothing. What becomes of bytes and file types is in test_damage*.py.
- What another cubbyd or keyring may open is never moved. What is, is in test_quarantine.py.
- After a restore, what a copy would let out twice is destroyed: a stub's children are not.
"""

import pytest
from damaged_store import (
    NOW,
    POLICY,
    POLICY_FILE,
    SCENE,
    fsck,
    harmed,
    names_in,
    spoil,
    told_by_a_daemon,
)
from fakes import counting_random
from house import KEYS

from cubbyd.crypto.keys import RootKeys
from cubbyd.fsck import survey
from cubbyd.fsck.fates import End
from cubbyd.fsck.survey import Kind, Reason
from cubbyd.secret import Secret
from cubbyd.store import record
from cubbyd.store.sealed_file import Section, seal_file

NAMES = SCENE.names


@pytest.fixture
def store(tmp_path):
    return SCENE.on_disk(tmp_path / "store")


def ends(report):
    return {each: (fate.end, fate.cause) for each, fate in report.fates.items()}


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


def test_whose_a_copied_file_is_is_found_out_among_100_000(store):
    """Names without anything under them stand for tokens here: each is tried."""
    files = SCENE.in_memory()
    files.files |= dict.fromkeys((f"{number:032x}" for number in range(100_000)), b"")
    files.files["ab" * 16] = files.files[NAMES["root"]]

    found = survey.survey(files, KEYS)

    assert found.damaged["ab" * 16].reason is Reason.MISPLACED
    assert NAMES["root"] in found.damaged["ab" * 16].problem
    assert survey.MAX_TRIES >= 10 * 100_000


@pytest.mark.parametrize(("filler", "tries"), [(0, 40), (9 * survey.BYTES_A_TRY, 4)])
def test_no_more_seals_are_tried_than_takes_some_seconds(monkeypatch, filler, tries):
    """A file that is long to try counts for many."""
    tried = []
    monkeypatch.setattr(survey, "MAX_TRIES", 40)
    monkeypatch.setattr(survey, "_opens", lambda *_given: tried.append(1))
    files = SCENE.in_memory()
    whole = seal_file(bytes(filler), Section.METADATA, "cd" * 16, keys=KEYS, random=bytes)
    files.files |= dict.fromkeys((f"{number:032x}" for number in range(20)), whole)

    survey.survey(files, KEYS)

    assert len(tried) == tries


@pytest.mark.parametrize("who", [("root",), ("root", POLICY_FILE), ("limited", "wrapping")])
def test_with_another_stores_keyring_few_files_stay_too(store, who):
    """Whatever there is: it is all that could tell that the keyring is the right one."""
    for name in SCENE.files.keys() - {NAMES[each] for each in who}:
        (store / name).unlink()
    keys = RootKeys(accessor_key=KEYS.accessor_key, terms={1: Secret(b"2" * 32)})

    report = fsck(store, keys=keys, quarantine=True)

    assert len(report.left) == len(who)
    assert (report.moved, report.quarantine) == ([], None)


def test_a_staged_leftover_is_moved_though_no_file_opens(store):
    for name in SCENE.files:
        (store / name).unlink()
    (store / "staged-0123456789abcdef").mkdir()

    assert fsck(store, quarantine=True).left == []


@pytest.mark.parametrize("who", ["parent", "root"])
def test_no_token_is_moved_from_under_one_that_cannot_be_read_yet(store, who):
    """The child's term is in the keyring of the day after, and only it says who its parent is."""
    later = KEYS.with_term(Secret(b"2" * 32), now=NOW)
    child = record.decode((store / NAMES["child"]).read_bytes(), NAMES["child"], KEYS)
    (store / NAMES["child"]).write_bytes(record.encode(child, later, counting_random()))
    spoil(store / NAMES[who])

    report = fsck(store, quarantine=True)

    assert (report.moved, report.quarantine) == ([], None)
    assert "may live below it" in report.immovable[NAMES[who]]
    assert NAMES[who] in fsck(store, keys=later, quarantine=True).moved


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


def test_what_was_destroyed_still_tells_that_the_keyring_is_the_right_one(store):
    spoilt = {NAMES[who] for who in ("governed", "root")}
    for name in SCENE.files.keys() - spoilt - {NAMES["limited"], NAMES["wrapping"]}:
        (store / name).unlink()
    for name in spoilt:
        spoil(store / name)

    report = fsck(store, after_restore=True, quarantine=True)

    assert report.immovable == {}
    assert {*report.moved} == spoilt


def test_a_stub_of_what_was_limited_stays(store):
    stub = record.decode((store / NAMES["stub"]).read_bytes(), NAMES["stub"], KEYS)
    object.__setattr__(stub.entry, "num_uses", 5)
    (store / NAMES["stub"]).write_bytes(record.encode(stub, KEYS, counting_random()))

    assert NAMES["stub"] not in fsck(store, after_restore=True).destroyed
