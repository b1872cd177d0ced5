"""Changes in flight: nobody is told of one before the disk is sure.

- A caller that is cancelled loses its answer, and its change is carried out all the same.
- A name in flight is waited for; phases are durable in their order.
- When nobody knows what is on disk, nobody is left waiting.
"""

from errno import ENOSPC
from functools import partial

import pytest
import trio
from fakes import MemoryFiles, disk_of, shielded
from fakes_disk import FaultyFiles
from trio.testing import wait_all_tasks_blocked

from cubbyd.errors import StorageFullError, StoreError
from cubbyd.store.batch import FileChange
from cubbyd.store.commit import Commit, InFlightError


class SlowDisk:
    """Runs blocking calls when it is told to, one batch at a time."""

    def __init__(self) -> None:
        self._go = trio.Event()

    async def run(self, sync_fn):
        await self._go.wait()
        self._go = trio.Event()
        return sync_fn()

    async def turn(self):
        """Let one batch through, and everybody do what they then do."""
        await wait_all_tasks_blocked()
        self._go.set()
        await wait_all_tasks_blocked()


def nothing(_phase):
    """No index to be kept up to date."""


@pytest.fixture
def files():
    return MemoryFiles()


@pytest.fixture
def disk():
    return SlowDisk()


@pytest.fixture
async def commit(files, disk):
    return Commit(disk_of(files, shielded(disk.run)))


async def test_a_change_is_durable_when_the_call_returns(files):
    commit = Commit(disk_of(files))

    await commit.carry_out([[FileChange("a", b"1")]], nothing)

    assert (files.files, files.syncs) == ({"a": b"1"}, 1)


async def test_of_one_name_there_is_one_change_at_a_time(files, disk, commit, nursery):
    """Whoever did not look before is told to wait, and nothing was done."""
    nursery.start_soon(commit.carry_out, [[FileChange("a", b"1")]], nothing)
    await wait_all_tasks_blocked()

    with pytest.raises(InFlightError):
        await commit.carry_out([[FileChange("b", b"2")], [FileChange("a", None)]], nothing)

    commit.check_settled("b")
    await disk.turn()
    assert files.files == {"a": b"1"}


async def test_each_phase_is_durable_before_the_next_begins(files, disk, commit, nursery):
    durable = []
    phases = [[FileChange("a", b"1")], [FileChange("b", b"2")], [FileChange("a", None)]]
    nursery.start_soon(commit.carry_out, phases, durable.append)

    seen = [(dict(files.files), files.syncs, list(durable))]
    for _ in phases:
        await disk.turn()
        seen.append((dict(files.files), files.syncs, list(durable)))

    assert seen == [
        ({}, 0, []),
        ({"a": b"1"}, 1, [0]),
        ({"a": b"1", "b": b"2"}, 2, [0, 1]),
        ({"b": b"2"}, 3, [0, 1, 2]),
    ]


async def test_a_name_is_in_flight_from_the_call_until_its_last_phase_is_durable(
    disk, commit, nursery
):
    nursery.start_soon(
        commit.carry_out, [[FileChange("a", b"1")], [FileChange("b", b"2")]], nothing
    )
    await wait_all_tasks_blocked()

    for _ in range(2):
        for name in ("a", "b"):
            with pytest.raises(InFlightError):
                commit.check_settled(name)
        commit.check_settled("c")
        await disk.turn()

    commit.check_settled("a")
    commit.check_settled("b")


async def test_whoever_meets_a_name_in_flight_can_wait_for_it(files, disk, commit, nursery):
    found = []

    async def read():
        try:
            commit.check_settled("a")
        except InFlightError as change:
            await change.settled()
        found.append((files.files["a"], files.syncs))

    nursery.start_soon(commit.carry_out, [[FileChange("a", b"new")]], nothing)
    await wait_all_tasks_blocked()
    nursery.start_soon(read)
    await wait_all_tasks_blocked()
    assert found == []

    await disk.turn()

    assert found == [(b"new", 1)]


async def test_the_index_knows_of_a_phase_before_anybody_can_look(disk, commit, nursery):
    """A name never settles before what has become of it is noted."""
    order = []

    async def look():
        try:
            commit.check_settled("a")
        except InFlightError as change:
            await change.settled()
        order.append("seen")

    nursery.start_soon(
        commit.carry_out, [[FileChange("a", b"1")]], lambda _phase: order.append("noted")
    )
    await wait_all_tasks_blocked()
    nursery.start_soon(look)

    await disk.turn()

    assert order == ["noted", "seen"]


async def test_a_cancelled_callers_change_is_carried_out_whole(files, disk, commit, nursery):
    durable = []
    with trio.CancelScope() as scope:
        nursery.start_soon(partial(disk_turns, disk, 2))
        scope.cancel()
        await commit.carry_out([[FileChange("a", b"1")], [FileChange("old", None)]], durable.append)
        await trio.lowlevel.checkpoint()
        durable.append("answered")

    assert scope.cancelled_caught
    assert files.files == {"a": b"1"}
    assert durable == [0, 1]


async def disk_turns(disk, number):
    for _ in range(number):
        await disk.turn()


async def test_a_refused_phase_ends_the_request_and_nobody_elses(disk, nursery):
    files = FaultyFiles(MemoryFiles(), fails_at=5, errno=ENOSPC)
    commit = Commit(disk_of(files, shielded(disk.run)))
    durable = []

    async def refused():
        with pytest.raises(StorageFullError):
            await commit.carry_out(
                [[FileChange("b", b"2")], [FileChange("c", None)]], durable.append
            )
        durable.append("refused")

    nursery.start_soon(commit.carry_out, [[FileChange("a", b"1")]], nothing)
    await wait_all_tasks_blocked()
    nursery.start_soon(refused)
    await disk.turn()
    await disk.turn()

    assert files.inner.files == {"a": b"1"}
    assert durable == ["refused"]
    for name in ("a", "b", "c"):
        commit.check_settled(name)


async def test_a_refusal_is_over_when_the_disk_takes_changes_again():
    files = FaultyFiles(MemoryFiles(), fails_at=1, errno=ENOSPC)
    commit = Commit(disk_of(files))

    with pytest.raises(StorageFullError):
        await commit.carry_out([[FileChange("a", b"1")]], nothing)
    await commit.carry_out([[FileChange("a", b"2")]], nothing)

    assert files.inner.files == {"a": b"2"}


async def test_a_failed_directory_sync_wakes_everybody_with_an_error(disk):
    """Those in the batch, and those who queued up behind it."""
    commit = Commit(disk_of(FaultyFiles(MemoryFiles(), fails_at=11), shielded(disk.run)))
    stopped = []

    async def change(name):
        with pytest.raises(StoreError):
            await commit.carry_out([[FileChange(name, b"1")]], nothing)
        stopped.append(name)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(commit.carry_out, [[FileChange("before", b"1")]], nothing)
            await wait_all_tasks_blocked()
            for name in ("in the batch", "with it"):
                nursery.start_soon(change, name)
            await disk.turn()
            nursery.start_soon(change, "behind it")
            await disk.turn()

    assert sorted(stopped) == ["behind it", "in the batch", "with it"]


async def test_nor_after_the_disk_was_left_in_the_middle():
    """By what is no error, such as Ctrl-C."""
    files = MemoryFiles()

    async def interrupted(_sync_fn):
        raise KeyboardInterrupt

    commit = Commit(disk_of(files, interrupted))
    with pytest.raises(KeyboardInterrupt):
        await commit.carry_out([[FileChange("a", b"1")]], nothing)
    with pytest.raises(StoreError, match="no longer carried out"):
        await commit.carry_out([[FileChange("b", b"1")]], nothing)


@pytest.mark.parametrize("bug", [RuntimeError, OSError])
async def test_after_a_bug_nothing_is_believed_any_more(bug):
    """Or a thread that cannot be had. Who waits is shielded, and must not wait for ever."""
    files = MemoryFiles()
    goes = trio.Event()

    async def broken(_sync_fn):
        await goes.wait()
        raise bug

    commit = Commit(disk_of(files, broken))

    async def change(name, words):
        with pytest.raises(StoreError, match=words):
            await commit.carry_out([[FileChange(name, b"1")]], nothing)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(change, "a", f"could not be carried out: {bug.__name__}")
            await wait_all_tasks_blocked()
            nursery.start_soon(change, "b", "the disk has gone")
            nursery.start_soon(change, "c", "the disk has gone")
            await wait_all_tasks_blocked()
            goes.set()
        await change("d", "no longer carried out")
    assert files.files == {}


async def test_what_is_in_flight_is_waited_for_to_its_last_phase(commit, disk, files):
    """And what comes after is not."""
    found = []

    async def settle():
        await commit.settle()
        found.extend(files.names())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            commit.carry_out, [[FileChange("a", b"1")], [FileChange("b", b"1")]], nothing
        )
        await wait_all_tasks_blocked()
        nursery.start_soon(settle)
        await disk.turn()
        nursery.start_soon(commit.carry_out, [[FileChange("c", b"1")]], nothing)
        await disk.turn()
        await disk.turn()

    assert found == ["a", "b"]
