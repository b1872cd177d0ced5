"""How the process for the disk shares its syncs out; more of it is in test_disk_process.py."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cubbyd.store import disk_worker
from cubbyd.store.disk_worker import SYNCS_AT_ONCE, have_begun, in_turn_or_at_once


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
