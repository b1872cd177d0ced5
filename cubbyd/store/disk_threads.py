"""Threads for the disk: the loop goes on while they wait for it, and several files wait at once.

A hop through ``trio.to_thread`` costs as much as a quick sync. These threads stay, and only their
answer has to find its way back.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Final, TypeVar

import trio

T = TypeVar("T")
R = TypeVar("R")

THREADS: Final = 4
"""Syncs that are under way at once: they share the journal's commits, and more share no more."""


class DiskThreads:
    """A few threads, until ``close``."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="disk")

    async def run(self, work: Callable[[], T], /) -> T:
        """Run it on a thread, to its end, also when the caller is cancelled."""
        come_back = trio.lowlevel.current_trio_token().run_sync_soon
        task = trio.lowlevel.current_task()
        running = self._threads.submit(work)
        running.add_done_callback(lambda _: come_back(trio.lowlevel.reschedule, task))
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
        return running.result()

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What ``work`` makes of each item, several at once; for who is on one of the threads."""
        results: dict[int, R] = {}
        waiting = list(enumerate(items))

        def share(_: object = None) -> None:
            while True:
                try:
                    number, item = waiting.pop()
                except IndexError:
                    return
                results[number] = work(item)

        others = self._threads.map(share, repeat(None, min(len(items), THREADS) - 1))
        try:
            share()
        finally:
            list(others)  # waits, and raises what they raised
        return [results[number] for number in range(len(items))]

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        self._threads.shutdown()
