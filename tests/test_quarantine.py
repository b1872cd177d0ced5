"""What ``cubbyd fsck --quarantine`` moves aside, and what becomes of those who depend on it.

- Descendants go along, youngest first; put back, all are there again.
- A policy's file stays, and so do its tokens' refusals.
- Power cuts and errors of the disk are in test_quarantine_cuts.py.
- Nothing is replaced, and nothing is made where nothing is moved.
"""

import os
import stat
from errno import EOPNOTSUPP, EPERM

import pytest
from damaged_store import (
    POLICY_FILE,
    SCENE,
    fsck,
    harmed,
    names_in,
    reaped_by_a_daemon,
    spoil,
    told_by_a_daemon,
)

from cubbyd.fsck import changes

NAMES = SCENE.names


@pytest.fixture
def store(tmp_path):
    return SCENE.on_disk(tmp_path / "store")


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


async def test_a_stub_waits_for_an_orphan_that_was_moved_aside(store):
    """Without the stub, its orphan would be destroyed when it is put back."""
    orphan = store / NAMES["orphan"]
    orphan.chmod(0o644)
    aside = store / fsck(store, quarantine=True).quarantine

    await reaped_by_a_daemon(store)
    (aside / orphan.name).rename(orphan)
    orphan.chmod(0o600)
    await reaped_by_a_daemon(store)

    assert harmed(await told_by_a_daemon(store)) == {}


async def test_a_stub_goes_when_no_quarantine_is_left(store):
    (store / NAMES["orphan"]).chmod(0o644)
    aside = store / fsck(store, quarantine=True).quarantine

    aside.rename(store.parent / "for-good")
    await reaped_by_a_daemon(store)

    assert NAMES["stub"] not in names_in(store)


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


@pytest.mark.parametrize("who", ["child", "grandchild"])
def test_a_descendant_that_is_damaged_too_goes_once(store, who):
    """Whichever of the two is come to first."""
    for each in (who, "parent"):
        cut = -1 if each != "parent" else -300
        path = store / NAMES[each]
        path.write_bytes(path.read_bytes()[:cut])

    report = fsck(store, quarantine=True)

    assert sorted(report.moved) == sorted(NAMES[each] for each in ("parent", "child", "grandchild"))
    assert report.left == []


@pytest.mark.parametrize("errno", [EPERM, EOPNOTSUPP])
def test_where_there_are_no_links_files_are_renamed(store, monkeypatch, errno):
    spoil(store / NAMES["parent"])
    monkeypatch.setattr(changes.os, "link", lambda *_names, **_where: fail(errno))

    report = fsck(store, quarantine=True)

    assert len(report.moved) == 3
    assert names_in(store / report.quarantine) == {*report.moved}
    assert not names_in(store) & {*report.moved}


def fail(errno):
    raise OSError(errno, os.strerror(errno))


def test_a_quarantine_never_replaces_another(store):
    made = []
    for who in ("root", "orphan", "governed"):
        spoil(store / NAMES[who])
        made.append(fsck(store, quarantine=True).quarantine)

    assert made == ["quarantine-20261122T020001Z", *(f"{made[0]}-{n}" for n in (2, 3))]
    assert [names_in(store / name) for name in made] == [
        {NAMES[who]} for who in ("root", "orphan", "governed")
    ]


def refusing(refused, call):
    """A system call that refuses one name, as with an immutable file."""

    def refuse_one(name, *more, **where):
        if name == refused:
            raise PermissionError(1, "Operation not permitted")
        call(name, *more, **where)

    return refuse_one


def test_what_cannot_be_moved_is_told_and_keeps_no_other(store, monkeypatch):
    for who in ("parent", "root"):
        spoil(store / NAMES[who])
    for call in ("link", "rename"):
        monkeypatch.setattr(changes.os, call, refusing(NAMES["child"], getattr(os, call)))
    report = fsck(store, quarantine=True)

    assert report.immovable == {NAMES["parent"]: "Operation not permitted"}
    assert set(report.moved) == {NAMES["root"], NAMES["grandchild"]}
    assert names_in(store / report.quarantine) == {*report.moved}
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
