"""Threads for the disk, with work that meets in the middle in place of a disk."""

import os
import threading
from contextlib import closing

import pytest
import trio
from fakes import MemoryFiles
from house import House

from cubbyd.store import disk_threads
from cubbyd.store.batch import Write
from cubbyd.store.commit import GroupCommit
from cubbyd.store.disk_threads import THREADS, DiskThreads, _Job
from cubbyd.store.files import DiskFiles


@pytest.fixture
def threads():
    with closing(DiskThreads()) as threads:
        yield threads


async def test_work_is_done_beside_the_loop(threads):
    done_on = await threads.run(threading.get_ident)

    assert done_on != threading.get_ident()


async def test_what_it_raises_is_raised(threads):
    def fail():
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        await threads.run(fail)


async def test_it_goes_on_to_its_end_when_nobody_wants_it_any_more(threads):
    begun, goes, done = threading.Event(), threading.Event(), []

    def work():
        begun.set()
        goes.wait(5)
        done.append(True)

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(threads.run, work)
            await trio.to_thread.run_sync(begun.wait, 5)
            scope.cancel()
            goes.set()

    assert done == [True]


async def test_a_caller_who_was_cancelled_before_gets_its_answer(threads):
    with trio.CancelScope() as scope:
        scope.cancel()
        assert await threads.run(lambda: "done") == "done"


# -- waiting in place


@pytest.fixture
def waited_for(monkeypatch):
    """Whether each job was waited for in place, and if that was enough."""
    seen = []
    is_done_within = _Job.is_done_within

    def watched(job, seconds):
        seen.append(is_done_within(job, seconds))
        return seen[-1]

    monkeypatch.setattr(_Job, "is_done_within", watched)
    monkeypatch.setattr(disk_threads, "PATIENCE", 60)
    return seen


async def test_who_changes_things_alone_is_waited_for_in_place(threads, waited_for):
    assert [await threads.run(lambda: "first"), await threads.run(lambda: "second")] == [
        "first",
        "second",
    ]
    assert waited_for == [True]


async def test_of_several_nobody_is(threads, waited_for):
    async def change():
        for _ in range(3):
            await threads.run(lambda: None)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(change)

    assert len(waited_for) <= 2  # of six: the last who is left is alone


async def test_a_slow_disk_does_not_stop_the_loop(threads):
    """The work ends only if the loop goes on meanwhile."""
    goes, came = threading.Event(), []

    async def change():
        works = (lambda: None, lambda: None, lambda: goes.wait(10), lambda: "done")
        came.extend([await threads.run(work) for work in works])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(change)
        await trio.sleep(0.01)
        goes.set()

    assert came == [None, None, True, "done"]


async def test_after_that_it_is_not_waited_for_before_it_is_quick_again(threads, monkeypatch):
    waited = []
    is_done_within = _Job.is_done_within

    def watched(job, seconds):
        waited.append(True)
        return is_done_within(job, seconds)

    async def counted(work):
        del waited[:]
        await threads.run(work)
        return len(waited)

    monkeypatch.setattr(_Job, "is_done_within", watched)
    monkeypatch.setattr(disk_threads, "PATIENCE", 60)
    assert [await counted(lambda: None) for _ in range(2)] == [0, 1]
    monkeypatch.setattr(disk_threads, "PATIENCE", 0)
    assert await counted(lambda: None) == 1
    assert await counted(lambda: None) == 0
    monkeypatch.setattr(disk_threads, "PATIENCE", 60)
    assert [await counted(lambda: None) for _ in range(2)] == [0, 1]


async def test_whoever_reads_is_served_while_one_who_writes_waits_for_a_slow_sync(
    threads, tmp_path
):
    """The first sync that is slow comes when all before were quick."""
    calls = HeldSync()
    files = DiskFiles(tmp_path / "store", calls)
    commit = GroupCommit(files, run_blocking=threads.run, each=threads.each)
    house = House(files, commit=commit)
    async with house.running():
        mine, yours = await house.token(), await house.token()
        await house.guest.ask("write", "cubbyhole/x", {"is": "yours"}, token=yours)

        async def write():
            for _ in range(4):
                await house.guest.ask("write", "cubbyhole/x", {"is": "mine"}, token=mine)
            calls.hold()
            await house.guest.ask("write", "cubbyhole/x", {"is": "last"}, token=mine)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            with trio.fail_after(30):
                while not calls.is_held:
                    await trio.lowlevel.checkpoint()
                for _ in range(100):
                    found = await house.guest.ask("read", "cubbyhole/x", token=yours)
                    assert found.data == {"is": "yours"}
                assert calls.is_held
            calls.release()

        found = await house.guest.ask("read", "cubbyhole/x", token=mine)
        assert found.data == {"is": "last"}
    files.close()


class HeldSync:
    """The system's calls; a sync may be held up."""

    def __init__(self):
        self._goes = threading.Event()
        self._goes.set()
        self.is_held = False

    def __getattr__(self, call):
        return getattr(os, call)

    def hold(self):
        self._goes.clear()

    def release(self):
        self._goes.set()

    def fsync(self, fd):
        self.is_held = not self._goes.is_set()
        self._goes.wait(30)
        self.is_held = False
        os.fsync(fd)


# -- several at once


async def test_several_are_under_way_at_once(threads):
    """All come to the barrier, or none goes on."""
    barrier = threading.Barrier(THREADS, timeout=5)

    def each():
        return threads.each(lambda number: (barrier.wait(), number)[1], range(2 * THREADS))

    assert await threads.run(each) == [*range(2 * THREADS)]


@pytest.mark.parametrize("count", [0, 1, 2, THREADS, 5 * THREADS])
async def test_results_are_in_the_order_of_what_was_given(threads, count):
    words = await threads.run(lambda: threads.each(str, range(count)))

    assert words == [str(number) for number in range(count)]


@pytest.mark.parametrize("bad", range(5))
async def test_what_one_of_them_raises_is_raised_when_all_have_ended(threads, bad):
    ended = []

    def work(number):
        if number == bad:
            raise RuntimeError
        ended.append(number)

    with pytest.raises(RuntimeError):
        await threads.run(lambda: threads.each(work, range(5)))
    before = [*ended]
    await threads.run(lambda: None)

    assert ended == before


async def test_many_changes_are_made_with_them(threads):
    files = MemoryFiles()
    commit = GroupCommit(files, run_blocking=threads.run, each=threads.each)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            job = [Write(f"{number}", b"%d" % number)]
            nursery.start_soon(commit.carry_out, [job], lambda _: None)

    assert files.files == {f"{number}": b"%d" % number for number in range(50)}
    assert files.syncs < 50
