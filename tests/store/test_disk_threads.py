"""Threads for the disk, with work that meets in the middle in place of a disk."""

import threading
from contextlib import closing

import pytest
import trio
from fakes import MemoryFiles

from cubbyd.store.batch import Write
from cubbyd.store.commit import GroupCommit
from cubbyd.store.disk_threads import THREADS, DiskThreads


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
