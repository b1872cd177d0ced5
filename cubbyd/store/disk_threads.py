"""Threads for the disk: the loop goes on while they wait for it, and several files wait at once.

A hop through ``trio.to_thread`` costs as much as a quick sync. These threads stay, and only their
answer has to find its way back.
"""

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Final, TypeVar

import trio
from outcome import Outcome, capture

T = TypeVar("T")
R = TypeVar("R")

THREADS: Final = 4
"""Syncs that are under way at once: they share the journal's commits, and more share no more."""


class DiskThreads:
    """A few threads, until ``close``."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._go_on, name="disk", daemon=True) for _ in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[], T], /) -> T:
        """Run it on a thread, to its end, also when the caller is cancelled."""
        come_back = trio.lowlevel.current_trio_token().run_sync_soon
        task = trio.lowlevel.current_task()
        self._work.put(lambda: come_back(trio.lowlevel.reschedule, task, capture(work)))
        result: T = await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
        return result

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What ``work`` makes of each item, several at once; for who is on one of the threads."""
        waiting = list(enumerate(items))
        results: dict[int, Outcome[R]] = {}
        ended: SimpleQueue[None] = SimpleQueue()

        def share() -> None:
            while waiting:
                try:
                    number, item = waiting.pop()
                except IndexError:  # another thread was quicker
                    break
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
