"""A store's directory, and the process that writes to it."""

import os
import signal
from contextlib import closing, contextmanager

import trio
from fakes_disk import FaultyFiles
from trio.testing import wait_all_tasks_blocked

from cubbyd.store.disk_process import DiskProcess
from cubbyd.store.files import DiskFiles


@contextmanager
def forked(directory, *, wrong=lambda files: files):
    """The directory as the daemon sees it, and the process, which may see it otherwise."""
    with (
        closing(DiskFiles(directory)) as files,
        files.locked(),
        closing(DiskProcess(wrong(files))) as disk,
    ):
        yield files, disk


class Faulty(FaultyFiles):
    """A directory that fails at the n-th change, on disk."""

    @property
    def descriptors(self):
        return self.inner.descriptors


@contextmanager
def stopped(disk):
    """It goes on with all that was sent by then."""
    os.kill(disk.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(disk.pid, signal.SIGCONT)  # or nothing that waits for its end would end


async def together(disk, jobs):
    """What refused each of them, if they are sent while it is busy."""
    results = [...] * len(jobs)

    async def carry_out(place):
        results[place] = await disk.carry_out(jobs[place])

    await disk.carry_out([])  # from here on it waits for more
    async with trio.open_nursery() as nursery:
        with stopped(disk):
            for place in range(len(jobs)):
                nursery.start_soon(carry_out, place)
                await wait_all_tasks_blocked()
    return results
