"""A process of its own for the disk, beside the one that answers.

A thread for it would share the interpreter's lock with the event loop: each of a change's calls to
the disk lets go of it and asks for it again, so that the two hand the processor to and fro a dozen
times for each change. Two processes do not, and where there are two cores both are at work.

It is forked before there is a key, and is given what is sealed already. It has the store's lock,
too, so nobody else gets the store while it is still at work; it ends when whoever forked it does.
What it does is in ``disk_worker``.

Whoever changes something twice running, which is who changes things alone, waits for a quick disk
where it stands, and awake: that spares it the way through the event loop, and keeps others waiting
for ``PATIENCE`` at most, and not again before the disk has shown that it is quick. Who is awake
yields between any two looks; where others take the processor then, it is left to them for the next
``RESTRAINT`` changes, and waited for asleep.
"""

import marshal
import os
import select
import socket
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter
from typing import Final

import trio

from cubbyd.errors import DiskProcessError, RefusedError, StartError, StoreError, refusal
from cubbyd.store.batch import Job
from cubbyd.store.disk_messages import Answer, messages
from cubbyd.store.disk_worker import be_the_disk
from cubbyd.store.files import DiskFiles

PATIENCE: Final = 0.001
"""Seconds for which the loop stands still to wait for the disk: less than anybody notices, and most
of what a disk takes that has a cache which survives a power cut."""
OTHERS_TURN: Final = 0.0005
"""Seconds: where a yield takes longer, somebody else had work for the processor; the process for
the disk has less to do at once."""
RESTRAINT: Final = 100
"""Changes. A scheduler's turn is several milliseconds: among so many, it is lost in the rest."""
RECEIVED_BYTES: Final = 16 * 1024
"""Asked of the socket at once: an answer nearly always has a few dozen."""


class DiskProcess:
    """The other process, until ``close``; one batch at a time."""

    def __init__(self, files: DiskFiles) -> None:
        """Fork it, where there is neither a thread yet nor a secret.

        Args:
            files: The directory, locked.

        Raises:
            StartError: The system has no process to give.
        """
        self._socket, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError as error:
            self._socket.close()
            theirs.close()
            raise StartError(
                f"no process for the disk can be had: {error.strerror}; raise the limit of "
                "processes (TasksMax= of a unit), or of memory"
            ) from None
        if pid == 0:
            be_the_disk(theirs, files)
        theirs.close()
        self.pid = pid
        """The other process's number."""
        self._socket.settimeout(0)
        self._answer = select.poll()
        self._answer.register(self._socket, select.POLLIN)
        self._was_quick = True
        self._restrained_for = 0
        self._last: trio.lowlevel.Task | None = None

    async def carry_out(self, jobs: Sequence[Job], /) -> Sequence[RefusedError | None]:
        """As ``batch.apply``, to its end also when the caller is cancelled.

        Raises:
            StoreError: Nobody knows what is on disk.
            DiskProcessError: Nor then, for the process has ended.
        """
        task = trio.lowlevel.current_task()
        is_alone, self._last = task is self._last, task
        began = perf_counter()
        try:
            await self._ask(jobs)
            if not (is_alone and self._was_quick and self._wait_in_place(began + PATIENCE)):
                await self._readable()
            told = await self._receive()
        except OSError as error:
            raise _gone() from error
        self._was_quick = perf_counter() - began < PATIENCE
        if isinstance(told, str):
            raise StoreError(told)
        return [each if each is None else refusal(*each) for each in told]

    def close(self) -> None:
        """Wait for what is under way, and for its end."""
        self._socket.close()
        with suppress(ChildProcessError):  # where SIGCHLD is ignored, the kernel has waited for it
            os.waitpid(self.pid, 0)

    async def _ask(self, jobs: Sequence[Job]) -> None:
        for message in messages(jobs):
            await self._send(message)
            del message  # before there is the next, and while the disk takes its time

    async def _send(self, message: bytes) -> None:
        """Nearly always at once, for the other end has taken what came before."""
        sent = 0
        while sent < len(message):
            try:
                sent += self._socket.send(memoryview(message)[sent:])
            except BlockingIOError:
                with trio.CancelScope(shield=True):
                    await trio.lowlevel.wait_writable(self._socket)

    async def _receive(self) -> Answer:
        answer = b""
        while True:
            part = self._socket.recv(RECEIVED_BYTES)
            if not part:
                raise _gone()
            answer += part
            try:
                told: Answer = marshal.loads(answer)  # noqa: S302 - from our own
            except EOFError:
                await self._readable()
            else:
                return told

    def _wait_in_place(self, deadline: float) -> bool:
        """Stand still until there is an answer, which may be told, or the deadline.

        Awake: a processor with nothing to do dozes, and where it is a virtual one, it takes a good
        part of a quick disk's time to wake, and then finds its caches cold.
        """
        now = perf_counter()
        while not self._restrained_for:
            if self._answer.poll(0):
                return True
            if now > deadline:
                return False
            before = now
            os.sched_yield()
            now = perf_counter()
            if now - before > OTHERS_TURN:
                self._restrained_for = RESTRAINT
        self._restrained_for -= 1
        return bool(self._answer.poll(max(0.0, deadline - now) * 1000))

    async def _readable(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.lowlevel.wait_readable(self._socket)


def _gone() -> DiskProcessError:
    return DiskProcessError("the process that writes to the disk has ended")
