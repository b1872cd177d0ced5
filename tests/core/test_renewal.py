"""A renewed token's life counts from now, by OpenBao's rules.

- It gets what is asked for, which may be less than it had; else what it was granted last; a
  periodic token its period, whatever is asked.
- It never gets beyond its creation and the system's longest TTL, nor beyond its own
  explicit_max_ttl; the first is no limit for a periodic token. What was cut is told.
"""

import pytest
from fakes import EPOCH
from hypothesis import given
from hypothesis import strategies as st
from token_entries import an_entry

from cubbyd.core.creation import Bounds
from cubbyd.core.renewal import renewed
from cubbyd.errors import InvalidRequestError

HOUR = 3600
DAYS_32 = 768 * HOUR
CAPPED = '{0} of "{1}" exceeded the effective max_ttl of "{2}"; {0} value is capped accordingly'


def token(ttl=HOUR, **fields):
    return an_entry(ttl=ttl, expires_at=EPOCH + ttl, renewable=True, **fields)


def renew(entry, increment=0, *, at=60, bounds=None):
    """The token's remaining seconds, and the warnings, after a renewal so many seconds later."""
    now = EPOCH + at
    entry, warnings = renewed(entry, increment, now=now, bounds=bounds or Bounds())
    assert entry.renewed_at == now
    return entry.remaining(now), warnings


@pytest.mark.parametrize(
    ("fields", "increment", "granted"),
    [
        ({}, 0, HOUR),
        ({}, 30, 30),
        ({}, HOUR, HOUR),
        ({}, 10 * HOUR, 10 * HOUR),
        ({}, DAYS_32 - 60, DAYS_32 - 60),
        ({"explicit_max_ttl": 2 * HOUR}, 0, HOUR),
        ({"explicit_max_ttl": 2 * HOUR}, 2 * HOUR - 60, 2 * HOUR - 60),
        ({"explicit_max_ttl": DAYS_32 * 2}, 10 * HOUR, 10 * HOUR),
        ({"period": HOUR}, 0, HOUR),
        ({"period": HOUR}, 5, HOUR),
        ({"period": HOUR}, 5 * HOUR, HOUR),
        ({"period": HOUR, "explicit_max_ttl": 2 * HOUR}, 0, HOUR),
    ],
)
def test_what_fits_is_granted_without_a_word(fields, increment, granted):
    assert renew(token(**fields), increment) == (granted, ())


@pytest.mark.parametrize(
    ("fields", "increment", "at", "granted", "words"),
    [
        ({}, DAYS_32, HOUR / 2, DAYS_32 - HOUR / 2, ("TTL", "768h", "767h30m")),
        ({}, 1000 * HOUR, 60, DAYS_32 - 60, ("TTL", "1000h", "767h59m")),
        ({"explicit_max_ttl": HOUR}, 0, 60, HOUR - 60, ("TTL", "1h", "59m")),
        ({"explicit_max_ttl": 2 * HOUR}, 3 * HOUR, 60, 2 * HOUR - 60, ("TTL", "3h", "1h59m")),
        (
            {"explicit_max_ttl": DAYS_32 * 2},
            DAYS_32,
            HOUR / 2,
            DAYS_32 - HOUR / 2,
            ("TTL", "768h", "767h30m"),
        ),
        (
            {"period": HOUR, "explicit_max_ttl": HOUR},
            5,
            60,
            HOUR - 60,
            ("TTL", "1h", "59m"),
        ),
        ({"period": 3000 * HOUR}, 0, 60, DAYS_32, ("period", "3000h", "768h")),
    ],
)
def test_what_does_not_is_cut_and_told(fields, increment, at, granted, words):
    assert renew(token(**fields), increment, at=at) == (granted, (CAPPED.format(*words),))


def test_a_period_beyond_its_own_limit_is_cut_twice():
    _, warnings = renew(token(period=2 * HOUR, explicit_max_ttl=HOUR), at=60)

    cut = CAPPED.format("period", "2h", "1h"), CAPPED.format("TTL", "1h", "59m")
    assert warnings == cut


@pytest.mark.parametrize("later", [0, 0.3, 0.999])
def test_a_renewal_within_the_second_of_creation_is_not_cut(later):
    """OpenBao counts in whole seconds; a fraction that was lost is no reason for a warning."""
    entry = token(ttl=DAYS_32)

    remaining, warnings = renew(entry, at=later)

    assert (remaining, warnings) == (pytest.approx(DAYS_32 - later), ())


def test_a_token_gets_again_what_it_was_granted_last():
    """Not what it was created with; and what was cut stays cut."""
    entry, bounds = token(), Bounds()

    entry, _ = renewed(entry, 600, now=EPOCH + 1, bounds=bounds)
    assert renew(entry, at=300)[0] == 600
    entry, _ = renewed(entry, 7200, now=EPOCH + 300, bounds=bounds)
    assert renew(entry, at=900)[0] == 7200


def test_a_periodic_token_lives_for_ever_while_it_is_renewed():
    entry = token(period=HOUR)
    for day in range(1, 100):
        entry, warnings = renewed(entry, 0, now=EPOCH + day * 86_400, bounds=Bounds())
        assert (entry.remaining(EPOCH + day * 86_400), warnings) == (HOUR, ())


def test_the_longest_life_is_the_systems():
    assert renew(token(ttl=10), 1000, at=5, bounds=Bounds(max_ttl=60))[0] == 55


@pytest.mark.parametrize("fields", [{}, {"explicit_max_ttl": DAYS_32}])
def test_a_token_that_has_had_all_it_may_have_is_left_as_it_is(fields):
    """The longest life was set lower since: no renewal takes what it has."""
    with pytest.raises(InvalidRequestError) as refused:
        renew(token(**fields), at=60, bounds=Bounds(max_ttl=60))

    assert refused.value.messages == ("past the max TTL, cannot renew",)


def test_nothing_else_of_it_changes():
    before = token(num_uses=3, meta={"a": "b"}, explicit_max_ttl=9 * HOUR, policies=("a",))

    after, _ = renewed(before, 5, now=EPOCH + 1, bounds=Bounds())

    changed = {name for name in before.__slots__ if getattr(before, name) != getattr(after, name)}
    assert changed == {"renewed_at", "expires_at"}


spans = st.integers(1, 2 * DAYS_32)


@given(
    ttl=st.integers(2, DAYS_32),
    limit=st.just(0) | spans,
    steps=st.lists(st.tuples(st.floats(0, 0.99), st.just(0) | spans), max_size=9),
)
def test_no_series_of_renewals_outlives_the_limits(ttl, limit, steps):
    """Each comes while the token lives."""
    longest = min(DAYS_32, limit or DAYS_32)
    entry = token(min(ttl, longest), explicit_max_ttl=limit)
    now = EPOCH
    for moment, increment in steps:
        now += moment * (entry.expires_at - now)
        entry, _ = renewed(entry, increment, now=now, bounds=Bounds())
        assert now < entry.expires_at <= EPOCH + longest + 1e-3
