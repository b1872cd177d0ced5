"""A process of its own for the disk, beside the one that answers.

A thread for it would share the interpreter's lock with the event loop: each of a change's calls to
the disk lets go of it and asks for it again, so that the two hand the processor to and fro a dozen
times for each change. Two processes do not, and where there are two cores both are at work.

It is forked before there is a key, is given what is sealed already, and opens nothing. It has the
store's lock as well, so nobody else gets the store while it is still at work; it ends when whoever
forked it does.

Whoever changes something twice running, which is who changes things alone, waits for a quick disk
where it stands: that spares it the way through the event loop, and keeps others waiting for
``PATIENCE`` at most, and not again before the disk has shown that it is quick.
"""

import marshal
import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from time import perf_counter
from typing import BinaryIO, Final, NoReturn, TypeAlias, TypeVar

import trio

from cubbyd.errors import RefusedError, StartError, StoreError, refusal
from cubbyd.store.batch import Each, FileChange, Job, Unlink, Write, apply
from cubbyd.store.files import DiskFiles

T = TypeVar("T")
R = TypeVar("R")

PATIENCE: Final = 0.001
"""Seconds for which the loop stands still to wait for the disk: less than anybody notices, and most
of what a disk takes that has a cache which survives a power cut."""
SYNCS_AT_ONCE: Final = 4
"""Where a sync takes longer than that: they share the journal's commits, and more share no more."""

_RECEIVED_BYTES: Final = 64 * 1024

_Told: TypeAlias = tuple[str, int, tuple[str, ...]] | None
"""Of a job: what refused it."""


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
            self.pid = os.fork()
            """The other process's number."""
        except OSError as error:
            self._socket.close()
            theirs.close()
            raise StartError(
                f"no process for the disk can be had: {error.strerror}; raise the limit of "
                "processes (TasksMax= of a unit), or of memory"
            ) from None
        if self.pid == 0:
            _be_the_disk(theirs, files)
        theirs.close()
        self._socket.settimeout(0)
        self._answer = select.poll()
        self._answer.register(self._socket, select.POLLIN)
        self._was_quick = True
        self._last: trio.lowlevel.Task | None = None

    async def carry_out(self, jobs: Sequence[Job], /) -> Sequence[RefusedError | None]:
        """As ``batch.apply``, to its end also when the caller is cancelled.

        Raises:
            StoreError: Nobody knows what is on disk, or the process is gone.
        """
        task = trio.lowlevel.current_task()
        is_alone, self._last = task is self._last, task
        began = perf_counter()
        try:
            await self._send(marshal.dumps([[_plain(change) for change in job] for job in jobs]))
            if not (is_alone and self._was_quick and self._answer.poll(PATIENCE * 1000)):
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
        with suppress(ChildProcessError):  # somebody else has waited for it
            os.waitpid(self.pid, 0)

    async def _send(self, data: bytes) -> None:
        """Nearly always at once: the other end has taken what came before."""
        sent = self._socket.send(data)
        while sent < len(data):
            with trio.CancelScope(shield=True):
                await trio.lowlevel.wait_writable(self._socket)
            sent += self._socket.send(memoryview(data)[sent:])

    async def _receive(self) -> str | list[_Told]:
        answer = b""
        while True:
            part = self._socket.recv(_RECEIVED_BYTES)
            if not part:
                raise _gone()
            answer += part
            with suppress(EOFError):
                told: str | list[_Told] = marshal.loads(answer)  # noqa: S302 - from our own
                return told
            await self._readable()

    async def _readable(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.lowlevel.wait_readable(self._socket)


def _plain(change: FileChange) -> tuple[str, bytes | None]:
    return change.name, change.data if isinstance(change, Write) else None


def _gone() -> StoreError:
    return StoreError("the process that writes to the disk has ended; the log may say why")


# -- in the other process


def _be_the_disk(channel: socket.socket, files: DiskFiles) -> NoReturn:
    try:
        # What is to stop the daemon may reach all of its processes; this one has to outlive it.
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(each, signal.SIG_IGN)
        _close_all_but({0, 1, 2, channel.fileno(), *files.descriptors})
        with channel.makefile("rb") as questions, channel.makefile("wb") as answers:
            _carry_out_all(questions, answers, files)
    finally:
        os._exit(0)  # with nothing of what the daemon does at its end


def _close_all_but(kept: set[int]) -> None:
    """Such as the sockets at which clients connect, which must end with the daemon."""
    borders = [-1, *sorted(kept), os.sysconf("SC_OPEN_MAX")]
    for low, high in pairwise(borders):
        if high - low > 1:  # closerange(0, 0) closes all there are
            os.closerange(low + 1, high)


def _carry_out_all(questions: BinaryIO, answers: BinaryIO, files: DiskFiles) -> None:
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as threads, suppress(EOFError):  # the daemon's end
        each = in_turn_or_at_once(threads)
        while True:
            # A batch may be large, and is not to stay in memory until the next.
            marshal.dump(_carried_out(_jobs(questions), files, each), answers)
            answers.flush()


def _jobs(questions: BinaryIO) -> list[Job]:
    told = marshal.load(questions)  # noqa: S302 - from our own
    return [[_change(name, data) for name, data in job] for job in told]


def in_turn_or_at_once(threads: Executor) -> Each:
    """In turn while that is quick; else at once, for a disk that takes long shares what it does."""

    def each(work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        began = perf_counter()
        first = [work(item) for item in items[:1]]
        is_slow = perf_counter() - began > PATIENCE
        return [*first, *(threads.map if is_slow else map)(work, items[1:])]

    return each


def _carried_out(jobs: Sequence[Job], files: DiskFiles, each: Each) -> str | list[_Told]:
    try:
        results = apply(files, jobs, each=each)
    except StoreError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - of a bug the disk tells as little
        return f"changes could not be carried out: {type(error).__name__}"
    return [each if each is None else (each.code, each.status, each.messages) for each in results]


def _change(name: str, data: bytes | None) -> FileChange:
    return Unlink(name) if data is None else Write(name, data)
