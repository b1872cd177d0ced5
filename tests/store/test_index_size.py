"""The index stands for 100,000 files, and no call is long or keeps what it need not.

Counted, not timed: bytes a line, objects that the garbage collector walks, and how much a call
names or takes out.
"""

import gc
import tracemalloc
from itertools import count

import pytest
from fakes import EPOCH
from token_entries import accessor, an_entry

from cubbyd.store.index import MAX_OLD_DEADLINES, Index

pytestmark = pytest.mark.slow  # it counts over many thousands of tokens

MANY = 20_000
BYTES_A_LINE = 350
"""Without the accessors' text, of 81 bytes each: 100,000 come to 51 MB at the most."""

FAMILIES = {
    "orphans": lambda _: None,
    "one parent": lambda number: accessor(0) if number else None,
    "a tree": lambda number: accessor((number - 1) // 6) if number else None,
    "pairs": lambda number: accessor(number - 1) if number % 2 else None,
}


def filled(size, *, parent=FAMILIES["orphans"], expires_at=EPOCH + 1000):
    index = Index()
    for number in range(size):
        index.put(an_entry(number, parent=parent(number), expires_at=expires_at))
    return index


@pytest.mark.parametrize("family", FAMILIES)
def test_a_line_is_short(family):
    entries = [
        an_entry(number, parent=FAMILIES[family](number), expires_at=EPOCH + number)
        for number in range(MANY)
    ]
    index = Index()
    tracemalloc.start()
    try:
        for entry in entries:
            index.put(entry)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size / MANY < BYTES_A_LINE


def test_the_garbage_collector_need_not_walk_the_lines():
    """Or it would stop the daemon for as long as there are many."""
    gc.collect()
    before = len(gc.get_objects())

    index = filled(MANY)

    gc.collect()
    assert len(gc.get_objects()) - before < MANY / 100
    assert len(index) == MANY


def test_deadlines_of_tokens_that_are_gone_do_not_pile_up():
    """As where secrets are wrapped for a day and unwrapped at once, all day long."""
    index = filled(10)
    tracemalloc.start()
    try:
        for number in range(MANY):
            index.put(an_entry(100 + number, expires_at=EPOCH + 86_400))
            index.remove(accessor(100 + number))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < 2 * MAX_OLD_DEADLINES * BYTES_A_LINE


def test_neither_do_those_of_a_token_that_is_renewed_for_ever():
    index = Index()
    tracemalloc.start()
    try:
        for number in range(MANY):
            index.put(an_entry(1, expires_at=EPOCH + number))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < 2 * MAX_OLD_DEADLINES * BYTES_A_LINE


def test_the_deadlines_of_a_tree_that_is_gone_are_taken_out_a_few_at_a_time():
    """And until that is done, the next deadline is told too early, never too late."""
    index = filled(MANY)
    index.put(an_entry(MANY, expires_at=EPOCH + 5000))
    for number in range(MANY):
        index.remove(accessor(number))

    told = [index.next_deadline() for _ in range(MANY)]

    assert told == sorted(told)
    assert (told[0], told[-1]) == (EPOCH + 1000, EPOCH + 5000)


def test_when_they_have_passed_they_keep_no_other_from_being_named():
    index = filled(MANY)
    index.put(an_entry(MANY, expires_at=EPOCH + 5000))
    for number in range(MANY):
        index.remove(accessor(number))

    calls = count(1)
    while not (due := index.due(EPOCH + 6000, at_most=64)):
        assert next(calls) < MANY

    assert due == [accessor(MANY)]


def test_those_that_will_not_go_keep_no_other():
    """Each is named in its turn, although none is ever removed."""
    index = filled(1000, parent=FAMILIES["one parent"])
    index.remove(accessor(0))

    named = [set(index.due(EPOCH, at_most=64)) for _ in range(16)]

    assert set().union(*named) == {accessor(number) for number in range(1, 1000)}
    assert all(len(each) == 64 for each in named)


def test_a_family_without_an_end_is_not_listed_and_keeps_nobody_waiting():
    """Nobody could make one without the keys."""
    index = Index()
    index.put(an_entry(1, parent=accessor(2)))
    index.put(an_entry(2, parent=accessor(1)))
    index.put(an_entry(3))

    assert index.living(EPOCH) == [accessor(3)]
