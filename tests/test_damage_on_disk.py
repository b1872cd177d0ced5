"""What is not a file of ours alone costs those who depend on it: no hang, no crash, no repair.

Through the router, over a real directory; and what fsck says of it. Each file of a store is
replaced by what it must not be, by another's, or by nothing.
"""

import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from damaged_store import NOW, POLICY_FILE, SCENE, answers, harmed, restarted
from house import KEYS

from cubbyd.fsck.fates import End, fates
from cubbyd.fsck.survey import Reason, survey
from cubbyd.store.files import MAX_FILE_BYTES, DiskFiles


def link_to(target):
    def make(path):
        path.unlink()
        path.symlink_to(target)

    return make


def link_to_its_own_file(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def make_directory(path):
    path.unlink()
    path.mkdir(0o700)


def make_full_directory(path):
    make_directory(path)
    (path / "file").write_bytes(b"x")


def make_fifo(path):
    path.unlink()
    os.mkfifo(path, 0o600)


def link_to_a_fifo(path):
    os.mkfifo(path.with_name("fifo"), 0o600)
    link_to("fifo")(path)


def make_huge(path):
    os.truncate(path, 2**40)


def give_away(path):
    os.chown(path, 65534, -1)


def open_to(mode):
    return lambda path: path.chmod(mode)


def copy_another(path):
    """Another's file, whole, under this name."""
    shutil.copy2(path.with_name(other_than(path.name)), path)


def link_another(path):
    """The very same file under two names."""
    path.unlink()
    path.hardlink_to(path.with_name(other_than(path.name)))


def other_than(name):
    """Another file of the same sort; of policies there is one, so a token's."""
    return SCENE.names["orphan" if name == SCENE.names["root"] else "root"]


def empty(path):
    path.write_bytes(b"")


NOT_OURS = {
    "a directory": (make_directory, "directory"),
    "a directory with something in it": (make_full_directory, "directory"),
    "a FIFO": (make_fifo, "FIFO"),
    "a link to nothing": (link_to("nowhere"), "link"),
    "a link to itself": (link_to_its_own_file, "link"),
    "a link to another's file": (link_to(SCENE.names["root"]), "link"),
    "a link to what has no end": (link_to("/dev/zero"), "link"),
    "a link to a FIFO": (link_to_a_fifo, "link"),
    "longer than the memory": (make_huge, "longer than any"),
    "readable by the group": (open_to(0o640), "mode is 0640"),
    "writable by others": (open_to(0o602), "mode is 0602"),
    "another user's": (give_away, "belongs to uid 65534"),
}
DAMAGED = {"emptied": empty, "another's file": copy_another, "another's, linked": link_another}
VICTIMS = ["parent", "stub", "governed", "wrapping", POLICY_FILE]


@pytest.fixture
def store(tmp_path):
    return SCENE.on_disk(tmp_path / "store")


def state(directory):
    """All that can be seen of a directory from outside of its files, and the small ones' bytes."""
    return {
        path.name: (*path.lstat()[:7], path.is_file() and _bytes(path))
        for path in directory.iterdir()
    }


def _bytes(path):
    return path.read_bytes() if path.stat().st_size < MAX_FILE_BYTES else "much"


async def told_by_a_daemon(store):
    with closing(DiskFiles(store)) as files:
        async with restarted(files) as house:
            return harmed(await answers(house))


async def check(store, who, damage):
    """Damage one file; returns what fsck says is wrong with it."""
    name = SCENE.names[who]
    damage(store / name)
    before = state(store)
    told = await told_by_a_daemon(store)
    assert told == dict.fromkeys(SCENE.sufferers(who), "integrity")
    after = state(store)
    after[LIMITED] = before[LIMITED]  # its use was counted
    assert after == before
    before = state(store)
    with closing(DiskFiles(store)) as files:
        found = survey(files, KEYS)
    assert state(store) == before
    ends = {each: fate.end for each, fate in fates(found, KEYS, NOW).items()}
    below = {SCENE.names[each] for each in SCENE.sufferers(who)} - {name}
    assert ends == dict.fromkeys(below, End.REFUSED)
    ((damaged, damage),) = found.damaged.items()
    assert damaged == name
    return damage


LIMITED = SCENE.names["limited"]


@pytest.mark.parametrize("who", VICTIMS, ids=lambda who: who[:6])
@pytest.mark.parametrize("what", NOT_OURS)
async def test_what_is_not_ours_alone(store, who, what):
    if what == "another user's" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    damage, words = NOT_OURS[what]

    found = await check(store, who, damage)

    assert found.reason is Reason.NOT_OURS
    assert words in found.problem


@pytest.mark.parametrize("who", VICTIMS, ids=lambda who: who[:6])
@pytest.mark.parametrize("what", DAMAGED)
async def test_what_is_none_of_this_name(store, who, what):
    found = await check(store, who, DAMAGED[what])

    is_copied = what != "emptied" and who is not POLICY_FILE
    assert found.reason is (Reason.MISPLACED if is_copied else Reason.DAMAGED)
    if is_copied:
        assert other_than(SCENE.names[who]) in found.problem


async def test_two_files_that_were_swapped(store):
    one, other = SCENE.names["child"], SCENE.names["orphan"]
    (store / one).rename(store / "aside")
    (store / other).rename(store / one)
    (store / "aside").rename(store / other)

    told = await told_by_a_daemon(store)

    assert told == dict.fromkeys(("child", "grandchild", "orphan"), "integrity")
    with closing(DiskFiles(store)) as files:
        found = survey(files, KEYS)
    assert {each.reason for each in found.damaged.values()} == {Reason.MISPLACED}
    assert other in found.damaged[one].problem
    assert one in found.damaged[other].problem


async def test_copies_under_names_that_mean_nothing_harm_nobody(store):
    """A policy's copy once stopped the daemon's start."""
    for name in SCENE.names.values():
        for copy in (f"{name}.bak", f"{name}~", name.upper(), f"{name}00", name[:-1]):
            if copy != name:
                shutil.copy2(store / name, store / copy)

    assert await told_by_a_daemon(store) == {}
    with closing(DiskFiles(store)) as files:
        assert not survey(files, KEYS).damaged


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
async def test_whatever_is_called_staged_harms_nobody(store, make):
    make(store / "staged-0123456789abcdef")

    assert await told_by_a_daemon(store) == {}


async def test_a_file_that_goes_bad_while_the_daemon_runs(store):
    """What it has in memory is not what counts."""
    with closing(DiskFiles(store)) as files:
        async with restarted(files) as house:
            assert harmed(await answers(house)) == {}
            for damage in (empty, open_to(0o644), make_fifo, make_directory):
                damage(store / SCENE.names["child"])
                told = harmed(await answers(house))
                assert told == dict.fromkeys(("child", "grandchild"), "integrity")
