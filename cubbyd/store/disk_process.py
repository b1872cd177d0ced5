"""A process of its own for the disk, beside the one that answers.

Group commit is its part: each job is sent at once, also while it is at work, and what has come by
the time when it is done is carried out together, next. So it never waits for the event loop, which
may have many requests to answer first.

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

import os
import select
import socket
from collections import deque
from contextlib import suppress
from time import perf_counter
from typing import Final

import trio

from cubbyd.errors import DiskProcessError, RefusedError, StartError, StoreError, refusal
from cubbyd.store.batch import Job
from cubbyd.store.disk_messages import Inbox, job_message
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


class _Sent:
    """A job on its way, and whoever waits for what becomes of it."""

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self.is_told = False
        self._told: RefusedError | StoreError | None = None
        self._task = task
        self._is_asleep = False

    async def sleep(self) -> None:
        """Return when it is told, or woken."""
        self._is_asleep = True
        # Cancellation drops the answer, never half a change.
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)

    def wake(self) -> bool:
        """Tells whether it slept."""
        was_asleep, self._is_asleep = self._is_asleep, False
        if was_asleep:
            trio.lowlevel.reschedule(self._task)
        return was_asleep

    def tell(self, told: RefusedError | StoreError | None) -> None:
        """It was carried out, or this is why not."""
        self.is_told, self._told = True, told
        self.wake()

    def result(self) -> RefusedError | None:
        """What it was told. Raises StoreError where nobody knows what is on disk."""
        if isinstance(self._told, StoreError):
            raise self._told
        return self._told


class DiskProcess:
    """The other process, until ``close``."""

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
        self._outbox = bytearray()
        self._inbox = Inbox()
        self._under_way: deque[_Sent] = deque()
        self._is_read = False
        self._answer = select.poll()
        self._answer.register(self._socket, select.POLLIN)
        self._was_quick = True
        self._restrained_for = 0
        self._last: trio.lowlevel.Task | None = None

    async def carry_out(self, job: Job, /) -> RefusedError | None:
        """Make a job durable, to its end also when the caller is cancelled; what refused it.

        Raises:
            StoreError: Nobody knows what is on disk.
            DiskProcessError: Nor then, for the process has ended.
        """
        task = trio.lowlevel.current_task()
        is_alone, self._last = task is self._last and not self._under_way, task
        began = perf_counter()
        mine = _Sent(task)
        self._send(job_message(job), mine)
        # Nothing was awaited, so who was alone still is, and the answer that comes is his.
        may_stay = is_alone and self._was_quick and not self._outbox
        try:
            if may_stay and self._wait_in_place(began + PATIENCE):
                self._take()
            while not mine.is_told:
                await (mine.sleep() if self._is_read else self._read(mine))
        except OSError as error:
            raise DiskProcessError("the process that writes to the disk has ended") from error
        self._was_quick = perf_counter() - began < PATIENCE
        return mine.result()

    def close(self) -> None:
        """Wait for what it is at, and for its end."""
        self._socket.close()
        with suppress(ChildProcessError):  # where SIGCHLD is ignored, the kernel has waited for it
            os.waitpid(self.pid, 0)

    def _send(self, message: bytes, mine: _Sent) -> None:
        """Nearly always at once; what the socket does not take is sent by a task of its own.

        So it keeps nobody who is told meanwhile, however much others have to send.
        """
        is_being_sent = bool(self._outbox)
        self._outbox += message
        self._under_way.append(mine)
        if not is_being_sent:
            self._send_some()
            if self._outbox:
                trio.lowlevel.spawn_system_task(self._send_rest)

    def _send_some(self) -> None:
        try:
            del self._outbox[: self._socket.send(self._outbox)]
        except BlockingIOError:
            pass
        except OSError:
            self._outbox.clear()  # there is nobody; who waits for an answer is told so

    async def _send_rest(self) -> None:
        while self._outbox:
            await trio.lowlevel.wait_writable(self._socket)
            self._send_some()

    async def _read(self, mine: _Sent) -> None:
        """Take answers until this one is told; from then on, somebody else does."""
        self._is_read = True
        try:
            while not mine.is_told:
                with trio.CancelScope(shield=True):
                    await trio.lowlevel.wait_readable(self._socket)
                self._take()
        finally:
            self._is_read = False
            for each in self._under_way:
                if each.wake():
                    break

    def _take(self) -> None:
        """Tell those whose answers have come. Raises OSError when there is nobody to answer."""
        data = self._socket.recv(RECEIVED_BYTES)
        if not data:
            raise ConnectionResetError
        for answer in self._inbox.answers(data):
            if isinstance(answer, str):
                while self._under_way:
                    self._under_way.popleft().tell(StoreError(answer))
                return
            for told in answer:
                self._under_way.popleft().tell(None if told is None else refusal(*told))

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
