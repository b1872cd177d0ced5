"""Nothing is lost while fsck moves files aside, wherever the power is cut or the disk refuses.

- Each file is whole, in the store or in the quarantine, or in both; never in neither.
- A child is never in the store without its parent: the daemon would destroy it. One that cannot be
  read does not say who that is; it is moved aside before any that may be its parent goes.
- What is told to be moved is gone from the store for good; what is told to be left is there.
"""

from contextlib import closing
from errno import EIO, EMFILE, ENOSPC, EROFS
from itertools import count
from pathlib import Path

import pytest
from bad_disk import Fault
from damaged_store import NOW, SCENE, reap, restarted
from house import KEYS
from power_cuts import Recorder, frozen
from simulated_disk import SimulatedDisk

from cubbyd.errors import StoreError
from cubbyd.fsck.check import check
from cubbyd.store.files import QUARANTINE_PREFIX, DiskFiles

STORE = Path("/store")
NAMES = SCENE.names
PARENTS = {NAMES["child"]: NAMES["parent"], NAMES["grandchild"]: NAMES["child"]}
FILES = SCENE.files | {NAMES[who]: SCENE.files[NAMES[who]][:-300] for who in ("parent", "root")}
MOVED = {NAMES[who] for who in ("parent", "child", "grandchild", "root")}
NOTHING_FAILS = Fault(0)


def quarantine(disk):
    with closing(DiskFiles(STORE, disk)) as files:
        return check(files, KEYS, now=NOW, quarantine=True)


def parted(tree):
    """What is in the store, and what was moved aside."""
    store = tree["store"]
    aside = [inside for name, inside in store.items() if name.startswith(QUARANTINE_PREFIX)]
    return {name: data for name, data in store.items() if isinstance(data, bytes)}, *aside


def problems(tree, files=FILES):
    """What is wrong with what is there."""
    store, *aside = parted(tree)
    found = {name: data for each in (*aside, store) for name, data in each.items()}
    for name, data in files.items():
        if found.get(name) != data:
            yield f"{name} is lost"
    for child, parent in PARENTS.items():
        if child in store and parent not in store:
            is_readable = files[child] == SCENE.files[child]
            if is_readable or not any(child in each for each in aside):
                yield f"{child} is there without its parent"


async def problems_after_a_start(tree):
    """What is wrong once a daemon has been there, and destroyed what it took for dead."""
    disk = SimulatedDisk(tree)
    with closing(DiskFiles(STORE, disk)) as files:
        async with restarted(files) as house:
            await reap(house)
    return [*problems(disk.tree())]


async def test_no_power_cut_loses_a_file_or_leaves_a_child_alone():
    disk = SimulatedDisk({"store": FILES})
    recorder = Recorder(disk, at_most=512)
    assert set(quarantine(disk).moved) == MOVED
    recorder.end()

    trees = {frozen(tree): tree for cut in recorder.cuts for tree in cut.trees}

    assert sum(cut.left_out for cut in recorder.cuts) == 0
    assert len(recorder.cuts) > 15
    assert [each for tree in trees.values() for each in problems(tree)] == []
    assert [each for tree in trees.values() for each in await problems_after_a_start(tree)] == []


def test_no_power_cut_takes_a_parent_from_a_child_that_is_not_aside_yet():
    """Nobody can read whose child it is, until somebody mends it: its mode, say."""
    child, grandchild = NAMES["child"], NAMES["grandchild"]
    for broken in ((child,), (child, grandchild), (grandchild,)):
        files = FILES | {name: SCENE.files[name][:-300] for name in broken}
        disk = SimulatedDisk({"store": files})
        recorder = Recorder(disk, at_most=512)
        assert {*quarantine(disk).moved} == MOVED
        recorder.end()

        trees = [tree for cut in recorder.cuts for tree in cut.trees]
        assert [each for tree in trees for each in problems(tree, files)] == []


def test_many_files_cost_no_more_syncs_than_one():
    syncs = {}
    for number in (1, 100):
        names = [f"{each:032x}" for each in range(number)]
        disk = SimulatedDisk({"store": SCENE.files | dict.fromkeys(names, b"")})
        called = []
        disk.on_call = lambda call, _name, called=called: called.append(call)
        assert quarantine(disk).moved == names
        syncs[number] = called.count("fsync")

    assert syncs[1] == syncs[100]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("errno", [EIO, ENOSPC, EROFS, EMFILE])
def test_no_error_of_the_disk_loses_a_file_or_is_told_wrong(errno, for_good):
    for number in count(1):
        disk = SimulatedDisk({"store": FILES})
        disk.on_call = fault = Fault(number, errno, for_good=for_good)
        try:
            report = quarantine(disk)
        except (OSError, StoreError):
            report = None
        disk.on_call = NOTHING_FAILS
        if fault.never_came:
            break

        for tree in (disk.tree(), *disk.after_a_cut(at_most=64)):
            assert [*problems(tree)] == [], fault.met
            if report is not None:
                store = parted(tree)[0]
                assert store.keys() == FILES.keys() - {*report.moved}, fault.met
    assert number > 15


def test_a_directory_in_a_files_place_cannot_be_linked_and_is_renamed():
    disk = SimulatedDisk({"store": FILES | {NAMES["orphan"]: {"of": b"somebody's"}}})

    report = quarantine(disk)

    assert set(report.moved) == {*MOVED, NAMES["orphan"]}
    store, aside = parted(disk.tree())
    assert NAMES["orphan"] not in store
    assert aside[NAMES["orphan"]] == {"of": b"somebody's"}
