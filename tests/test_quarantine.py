"""What ``cubbyd fsck --quarantine`` moves aside, and what becomes of those who depend on it.

- Descendants go along, youngest first; put back, all are there again.
- A policy's file stays, and so do its tokens' refusals.
- Nothing is replaced, and nothing is made where nothing is moved.
"""

import os
import stat

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

from cubbyd.errors import StoreError
from cubbyd.fsck import changes
from cubbyd.fsck.fates import End

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
