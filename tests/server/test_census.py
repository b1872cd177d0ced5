"""How many connections each user may have.

The rule: a greedy user leaves as much to the others as it takes, and an owner always finds room.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.errors import BusyError
from cubbyd.messages import Role
from cubbyd.server.limits import Census, Limits

LIMITS = Limits(max_connections=100, max_connections_per_uid=40, owner_reserve=4)


def admit_all(census, uid, role=Role.GUEST, limits=LIMITS):
    """Let one user in as often as it gets."""
    count = 0
    try:
        while True:
            census.admit(uid, role, limits)
            count += 1
    except BusyError:
        return count


def test_a_user_gets_no_more_than_the_limit_of_one_user():
    assert admit_all(Census(), 1000) == 40


def test_who_leaves_makes_room():
    census = Census()
    admit_all(census, 1000)

    census.leave(1000)

    census.admit(1000, Role.GUEST, LIMITS)
    assert census.total == 40


def test_nobody_is_remembered_who_has_left():
    census = Census()
    census.admit(1000, Role.GUEST, LIMITS)
    census.leave(1000)

    assert not census._by_uid  # noqa: SLF001 - a long life must not fill it


def test_a_refusal_counts_nothing_and_says_what_is_the_matter():
    census = Census()
    admit_all(census, 1000)

    with pytest.raises(BusyError, match="uid 1000 has 40 connections open, and a user may have 40"):
        census.admit(1000, Role.GUEST, LIMITS)
    assert census.total == 40


def test_one_greedy_user_gets_half_even_where_its_own_limit_is_higher():
    roomy = Limits(max_connections=100, max_connections_per_uid=100, owner_reserve=0)

    assert admit_all(Census(), 1000, limits=roomy) == 50


def test_it_takes_many_greedy_users_to_fill_the_house():
    """Each takes at most half of what those before it left."""
    census, roomy = Census(), Limits(max_connections=1024 + 16, max_connections_per_uid=1024)

    taken = [admit_all(census, uid, limits=roomy) for uid in range(1000, 1011)]

    assert taken == [512, 256, 128, 64, 32, 16, 8, 4, 2, 1, 1]


def test_an_owner_finds_room_where_no_guest_does():
    census = Census()
    for uid in range(1000, 2000):
        admit_all(census, uid)

    with pytest.raises(BusyError, match="0 are left"):
        census.admit(7, Role.GUEST, LIMITS)
    census.admit(0, Role.OWNER, LIMITS)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans())))
def test_no_user_holds_more_than_what_is_left_free(steps):
    """At the moment when it is let in."""
    census, held = Census(), dict.fromkeys(range(10), 0)
    limits = Limits(max_connections=20, max_connections_per_uid=9, owner_reserve=2)
    for uid, comes in steps:
        if not comes and held[uid]:
            census.leave(uid)
            held[uid] -= 1
        elif comes:
            try:
                census.admit(uid, Role.GUEST, limits)
            except BusyError:
                continue
            held[uid] += 1
            assert held[uid] <= limits.max_connections_per_uid
            assert held[uid] <= limits.max_connections - limits.owner_reserve - census.total + 1
        assert census.total == sum(held.values())
