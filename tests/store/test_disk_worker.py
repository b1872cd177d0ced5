"""What the process for the disk takes at once, and how it shares its syncs out.

More of it is in test_disk_process.py.
"""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cubbyd.store import disk_worker
from cubbyd.store.batch import FileChange
from cubbyd.store.disk_messages import Inbox, job_message
from cubbyd.store.disk_worker import (
    BATCH_BYTES,
    RECEIVED_BYTES,
    SYNCS_AT_ONCE,
    have_begun,
    in_turn_or_at_once,
    next_jobs,
)


@pytest.mark.parametrize("is_slow", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_syncs_are_in_turn_or_at_once(is_slow, count, monkeypatch):
    """At once where the first has taken long; the results are in their order all the same."""
    monkeypatch.setattr(disk_worker, "QUICK", 0 if is_slow else 60)
    done_on = []

    def sync(number):
        done_on.append(threading.get_ident())
        return number

    with ThreadPoolExecutor(SYNCS_AT_ONCE) as threads:
        assert in_turn_or_at_once(threads)(sync, range(count)) == [*range(count)]

    elsewhere = [each for each in done_on if each != threading.get_ident()]
    assert len(elsewhere) == (max(count - 1, 0) if is_slow else 0)


def test_so_many_are_under_way_at_once(monkeypatch):
    """All come to the barrier, or none goes on."""
    monkeypatch.setattr(disk_worker, "QUICK", 0)
    barrier = threading.Barrier(SYNCS_AT_ONCE, timeout=30)
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as threads:
        in_turn_or_at_once(threads)(lambda number: number and barrier.wait(), range(9))


@pytest.mark.parametrize("begin", range(SYNCS_AT_ONCE + 1))
def test_threads_that_cannot_all_be_had_are_not_used(begin, monkeypatch):
    """And those that began end: the limit of a user's processes may be met at any of them."""
    start, begun = threading.Thread.start, []

    def may_start(thread):
        if len(begun) == begin:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", may_start)
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as threads:
        assert have_begun(threads) is (begin == SYNCS_AT_ONCE)

    assert not any(each.is_alive() for each in begun)


class Flooded:
    """A channel on which jobs come without end, or so many; then nothing, or the daemon's end."""

    def __init__(self, sent, *, then=None):
        self._sent = sent
        self._then = then
        self.received = 0

    def recv(self, size, flags):
        data = self._sent[self.received : self.received + size]
        self.received += len(data)
        if not data and self._then is not None:
            return self._then
        if not data and flags & socket.MSG_DONTWAIT:
            raise BlockingIOError
        return data


JOB = [FileChange("a", bytes(1000))]
MESSAGE = job_message(JOB)


@pytest.mark.parametrize("count", [1, 10, RECEIVED_BYTES // len(MESSAGE) + 1, 500])
def test_all_that_has_come_is_taken_together(count):
    assert next_jobs(Flooded(MESSAGE * count), Inbox()) == [JOB] * count


def test_what_comes_to_an_end_where_it_is_cut_is_not_waited_for():
    """As many bytes as are asked for at once may be all that there are."""
    whole = job_message([FileChange("a", bytes(RECEIVED_BYTES))])
    job = [FileChange("a", bytes(2 * RECEIVED_BYTES - len(whole)))]
    assert len(job_message(job)) == RECEIVED_BYTES

    assert next_jobs(Flooded(job_message(job)), Inbox()) == [job]


def test_who_is_in_a_batch_does_not_wait_for_all_that_still_comes():
    channel = Flooded(MESSAGE * (3 * BATCH_BYTES // len(MESSAGE)))

    jobs = next_jobs(channel, Inbox())

    assert BATCH_BYTES <= channel.received < BATCH_BYTES + RECEIVED_BYTES
    assert jobs == [JOB] * (channel.received // len(MESSAGE))


def test_when_the_daemon_has_ended_there_is_no_more():
    with pytest.raises(EOFError):
        next_jobs(Flooded(MESSAGE[:-1], then=b""), Inbox())
