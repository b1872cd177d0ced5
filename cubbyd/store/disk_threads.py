"""Threads for the disk: the loop goes on while they wait for it, and several files wait at once.

A hop through ``trio.to_thread`` costs more than a quick sync. These threads stay, and who changes
something twice running, which is who changes things alone, waits for a quick disk where it stands:
that spares it the way through the event loop, and keeps others waiting for ``PATIENCE`` at most,
and not again before the disk has shown that it is quick.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Final, Generic, TypeVar

import trio
from outcome import Outcome, capture

T = TypeVar("T")
R = TypeVar("R")

THREADS: Final = 4
"""Syncs that are under way at once: they share the journal's commits, and more share no more."""
PATIENCE: Final = 0.001
"""Seconds for which the loop stands still to wait for the disk: less than anybody notices, and most
of what a disk takes that has a cache which survives a power cut."""


class DiskThreads:
    """A few threads, until ``close``."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._was_quick = True
        self._last: trio.lowlevel.Task | None = None
        self._threads = [
            Thread(target=self._go_on, name="disk", daemon=True) for _ in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[], T], /) -> T:
        """Run it on a thread, to its end, also when the caller is cancelled."""
        task = trio.lowlevel.current_task()
        is_alone, self._last = task is self._last, task
        job = _Job(work)
        began = perf_counter()
        self._work.put(job.do)
        if not (is_alone and self._was_quick and job.is_done_within(PATIENCE)):
            await job.has_ended()
        self._was_quick = perf_counter() - began < PATIENCE
        return job.result()

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What ``work`` makes of each item, several at once; for who is on one of the threads."""
        if len(items) == 1:
            return [work(items[0])]
        waiting = list(enumerate(items))
        results: dict[int, Outcome[R]] = {}
        ended: SimpleQueue[None] = SimpleQueue()

        def share() -> None:
            while waiting:
                with suppress(IndexError):  # another thread was quicker
                    number, item = waiting.pop()
                    results[number] = capture(work, item)
            ended.put(None)

        helping = range(1, min(len(items), THREADS))
        for _ in helping:
            self._work.put(share)
        share()
        for _ in (0, *helping):
            ended.get()
        return [results[number].unwrap() for number in range(len(items))]

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _go_on(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # and what it wrote


async def in_thread(work: Callable[[], T], /) -> T:
    """Run what happens seldom on a thread of trio's; once begun, to its end."""
    return await trio.to_thread.run_sync(work)


class _Job(Generic[T]):
    """Work for a thread, and whoever waits for it on the loop."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._ended: SimpleQueue[Outcome[T]] = SimpleQueue()
        self._come_back: Callable[[], None] | None = None

    def do(self) -> None:
        """The thread's part."""
        self._ended.put(capture(self._work))
        if self._come_back is not None:
            self._come_back()

    def is_done_within(self, seconds: float) -> bool:
        """Stand still until it is done, or for so long."""
        with suppress(Empty):
            self._ended.put(self._ended.get(timeout=seconds))
            return True
        return False

    async def has_ended(self) -> None:
        """Return when it is done."""
        task = trio.lowlevel.current_task()
        loop = trio.lowlevel.current_trio_token()
        is_waiting = True

        def wake() -> None:
            if is_waiting:
                trio.lowlevel.reschedule(task)

        def come_back() -> None:
            with suppress(trio.RunFinishedError):  # nobody was waiting
                loop.run_sync_soon(wake)

        self._come_back = come_back
        # It may have ended just before, and then be on its way back all the same, or not.
        if self._ended.empty():
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
        is_waiting = False

    def result(self) -> T:
        """What it returned, or raised."""
        return self._ended.get_nowait().unwrap()
