"""The phases of a decision: each is durable before the next begins, and no change is lost.

- A limited caller's use comes first and alone, with what else becomes of the caller's own file.
- What is new is there before what it replaces goes.
- If the caller's file goes, nothing brings it back.
"""

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from token_entries import an_entry

from cubbyd.core.outcome import Cubbyhole, Outcome, Put, Remove
from cubbyd.secret import Secret

CALLER = 1


def put(name, **fields):
    return Put(entry=an_entry(name, **fields))


def remove(name):
    return Remove(accessor=an_entry(name).accessor)


COUNT = put(CALLER, num_uses=3)
LAST_USE = remove(CALLER)
OWN_PUT = put(CALLER, num_uses=3, display_name="renewed")


def phases(*changes, counted=None):
    return Outcome(reply=None, changes=changes).phases(counted)


def test_nothing_to_change_is_no_phase():
    assert phases() == []


def test_a_use_alone_is_one_phase():
    assert phases(counted=COUNT) == [[COUNT]]
    assert phases(counted=LAST_USE) == [[LAST_USE]]


@pytest.mark.parametrize("order", list(permutations([put(2), remove(3), put(4), remove(5)])))
def test_what_is_new_comes_before_what_it_replaces_goes(order):
    new, gone = phases(*order)

    assert {each.accessor for each in new} == {put(2).accessor, put(4).accessor}
    assert {each.accessor for each in gone} == {remove(3).accessor, remove(5).accessor}
    assert all(isinstance(each, Put) for each in new)


@pytest.mark.parametrize("counted", [COUNT, LAST_USE])
def test_the_use_is_counted_before_anything_else_happens(counted):
    """A crash after the first phase has cost a use, and granted nothing."""
    assert phases(remove(3), put(2), counted=counted) == [[counted], [put(2)], [remove(3)]]


def test_the_callers_own_change_has_the_count_in_it():
    assert phases(OWN_PUT, put(2), counted=COUNT) == [[OWN_PUT], [put(2)]]


def test_a_caller_that_destroys_itself_needs_no_count():
    assert phases(LAST_USE, counted=COUNT) == [[LAST_USE]]


def test_on_the_last_use_the_callers_plans_for_its_file_are_moot():
    assert phases(OWN_PUT, counted=LAST_USE) == [[LAST_USE]]


def test_without_a_count_the_callers_file_is_like_any_other():
    assert phases(remove(3), OWN_PUT) == [[OWN_PUT], [remove(3)]]


own_changes = st.lists(st.sampled_from([OWN_PUT, LAST_USE]), max_size=2)
other_changes = st.lists(
    st.sampled_from([*map(put, range(2, 5)), *map(remove, range(5, 8))]), max_size=5
)
counts = st.sampled_from([None, COUNT, LAST_USE])


@given(own_changes, other_changes, counts, st.randoms(use_true_random=False))
def test_no_change_is_lost_or_made_up(own, others, counted, random):
    changes = [*own, *others]
    random.shuffle(changes)

    carried_out = [change for phase in phases(*changes, counted=counted) for change in phase]

    about_others = [each for each in carried_out if each.accessor != COUNT.accessor]
    assert sorted(about_others, key=repr) == sorted(others, key=repr)
    about_the_caller = [each for each in carried_out if each.accessor == COUNT.accessor]
    assert set(map(type, about_the_caller)) <= set(map(type, [*own, counted]))
    assert bool(about_the_caller) == bool(own or counted)


@pytest.mark.parametrize(
    ("own", "counted"), list(product([(), (OWN_PUT,), (LAST_USE,)], [COUNT, LAST_USE]))
)
def test_a_counted_caller_has_one_change_and_it_comes_first(own, counted):
    """If any of them takes the file away, that one it is."""
    (first,), *later = phases(remove(3), *own, put(2), counted=counted)

    assert first == (LAST_USE if LAST_USE in (*own, counted) else (*own, counted)[0])
    assert all(change.accessor != first.accessor for phase in later for change in phase)


def test_what_goes_into_a_cubbyhole_is_not_printed():
    change = Put(
        entry=an_entry(1), cubbyhole=Cubbyhole(token=Secret(b"xyzzy"), contents=b"plugh" * 3)
    )

    assert "xyzzy" not in repr(change)
    assert "plugh" not in repr(change)
