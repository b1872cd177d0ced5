"""What the process for the disk does: it takes what jobs there are, and says how each went."""

import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from time import perf_counter
from typing import Final, NoReturn, TypeVar

from cubbyd.errors import RefusedError, StoreError
from cubbyd.store.batch import Each, Job, apply, one_by_one
from cubbyd.store.disk_messages import Answer, Inbox, Told, answer_message
from cubbyd.store.files import DiskFiles

T = TypeVar("T")
R = TypeVar("R")

QUICK: Final = 0.001
"""Seconds: where a sync takes longer, several are under way at once."""
SYNCS_AT_ONCE: Final = 4
"""They share the journal's commits, and more share no more."""

RECEIVED_BYTES: Final = 64 * 1024
"""Asked of the channel at once; a large change comes in pieces."""
BATCH_BYTES: Final = 1024 * 1024
"""After so many no more is taken into a batch: who is in it waits for all of it."""

_log = logging.getLogger(__name__)


def be_the_disk(channel: socket.socket, files: DiskFiles) -> NoReturn:
    """Carry out what comes over the channel, until it ends."""
    status = 1
    try:
        # What is to stop the daemon may reach all of its processes; this one has to outlive it.
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(each, signal.SIG_IGN)
        _close_all_but({0, 1, 2, channel.fileno(), *files.descriptors})
        _carry_out_all(channel, files)
    except (EOFError, ConnectionError):
        status = 0  # the daemon ended, and did not wait for an answer
    except BaseException as error:  # noqa: BLE001 - nobody else is told
        _log.error("the process that writes to the disk ends: %s", type(error).__name__)
    finally:
        os._exit(status)  # with nothing of what the daemon does at its end


def _close_all_but(kept: set[int]) -> None:
    """Such as the sockets at which clients connect, which must end with the daemon."""
    borders = [-1, *sorted(kept), os.sysconf("SC_OPEN_MAX")]
    for low, high in pairwise(borders):
        if high - low > 1:  # closerange(0, 0) closes all there are
            os.closerange(low + 1, high)


def _carry_out_all(channel: socket.socket, files: DiskFiles) -> None:
    """Until nobody knows what is on disk. Raises EOFError or ConnectionError at the end."""
    inbox = Inbox()
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as threads:
        # Now: later there may be none to be had, and what is queued for them would be done twice.
        each = in_turn_or_at_once(threads) if have_begun(threads) else one_by_one
        answer: Answer = []
        while not isinstance(answer, str):
            # Jobs may be large, and are not to stay in memory until the next.
            answer = _carried_out(next_jobs(channel, inbox), files, each)
            channel.sendall(answer_message(answer))


def next_jobs(channel: socket.socket, inbox: Inbox) -> list[Job]:
    """What has come by now, and at least one. Raises EOFError when the daemon has ended."""
    jobs: list[Job] = []
    size = 0
    while True:
        try:
            data = channel.recv(RECEIVED_BYTES, socket.MSG_DONTWAIT if jobs else 0)
        except BlockingIOError:
            return jobs
        if not data:
            raise EOFError
        jobs += inbox.jobs(data)
        size += len(data)
        if jobs and (len(data) < RECEIVED_BYTES or size >= BATCH_BYTES):
            return jobs


def have_begun(threads: Executor) -> bool:
    """Begin them all; tells whether they could be had."""
    all_here = Barrier(SYNCS_AT_ONCE)
    try:
        list(threads.map(lambda _: all_here.wait(), range(SYNCS_AT_ONCE)))
    except RuntimeError:
        all_here.abort()
        return False
    return True


def in_turn_or_at_once(threads: Executor) -> Each:
    """In turn while that is quick; else at once, for a disk that takes long shares what it does."""

    def each(work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        if len(items) <= 1:
            return one_by_one(work, items)
        began = perf_counter()
        first = work(items[0])
        is_slow = perf_counter() - began > QUICK
        return [first, *(threads.map if is_slow else map)(work, items[1:])]

    return each


def _carried_out(jobs: Sequence[Job], files: DiskFiles, each: Each) -> Answer:
    try:
        results = apply(files, jobs, each=each)
    except StoreError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - of a bug the disk tells as little
        return f"a bug in carrying changes out: {type(error).__name__}"
    return [_told(error) for error in results]


def _told(error: RefusedError | None) -> Told:
    return None if error is None else (error.code, error.status, error.messages)
