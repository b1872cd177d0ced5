"""A new token's policies, life and name come about by OpenBao's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.core.creation import Bounds, child_policies, display_name, lifetime, policy_names
from cubbyd.core.duration import parse_duration
from cubbyd.errors import InvalidRequestError

DAYS_32 = 768 * 3600
BEYOND_PARENT = "child policies must be subset of parent"
BEYOND_ROOT = "root tokens may not be created without parent token being root"
CAPPED = '{0} of "{1}" exceeded the effective max_ttl of "{2}"; {0} value is capped accordingly'
RESERVED = 'cannot assign policy "response-wrapping"'


def policies(requested, parent, *, has_sudo=False, no_default_policy=False):
    return child_policies(requested, parent, has_sudo=has_sudo, no_default_policy=no_default_policy)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ([], ()),
        (["b", "a", "b"], ("a", "b")),
        ([" Default ", "DEFAULT"], ("default",)),
        (["", "  "], ()),
        (["default,foo"], ("default,foo",)),
    ],
)
def test_names_are_trimmed_lowered_sorted_and_there_once(written, known):
    assert policy_names(written) == known


@pytest.mark.parametrize(
    ("requested", "parent", "given_"),
    [
        ([], ["a", "b"], ("a", "b")),
        ([], ["default", "a"], ("a", "default")),
        (["a"], ["a", "b"], ("a",)),
        (["a"], ["a", "default"], ("a", "default")),
        (["A "], ["a"], ("a",)),
    ],
)
def test_a_plain_caller_gives_no_more_than_it_has(requested, parent, given_):
    assert policies(requested, parent) == given_


@pytest.mark.parametrize(
    ("requested", "parent", "given_"),
    [
        (["a"], ["root"], ("a", "default")),
        (["a"], ["admin"], ("a", "default")),
        (["default"], ["root"], ("default",)),
        ([], ["root"], ("root",)),
        (["root", "a"], ["root"], ("root",)),
    ],
)
def test_sudo_gives_what_it_likes_and_default_with_it(requested, parent, given_):
    assert policies(requested, parent, has_sudo=True) == given_


def test_default_can_be_declined_even_where_it_is_named():
    declined = policies(["a", "default"], ["root"], has_sudo=True, no_default_policy=True)

    assert declined == ("a",)
    assert policies([], ["a", "default"], no_default_policy=True) == ("a",)


@pytest.mark.parametrize(
    ("requested", "parent", "has_sudo", "words"),
    [
        (["b"], ["a"], False, BEYOND_PARENT),
        (["default"], ["a"], False, BEYOND_PARENT),
        (["root"], ["a"], False, BEYOND_PARENT),
        (["root"], ["admin"], True, BEYOND_ROOT),
        (["response-wrapping"], ["root"], True, RESERVED),
        (["Response-Wrapping"], ["root"], True, RESERVED),
        ([], ["response-wrapping"], False, RESERVED),
    ],
)
def test_more_is_refused_in_openbaos_words(requested, parent, has_sudo, words):
    with pytest.raises(InvalidRequestError) as refused:
        policies(requested, parent, has_sudo=has_sudo)

    assert refused.value.messages == (words,)


names = st.sampled_from(["a", "b", "default", "root", "response-wrapping"])


@given(st.lists(names), st.lists(names, min_size=1), st.booleans())
def test_nobody_without_sudo_ever_gives_what_it_has_not(requested, parent, no_default_policy):
    try:
        given_ = policies(requested, parent, no_default_policy=no_default_policy)
    except InvalidRequestError:
        return
    assert set(given_) <= set(parent)
    assert "response-wrapping" not in given_
    assert "root" not in given_ or given_ == ("root",)


def life(*, ttl=0, explicit_max_ttl=0, period=0, is_root=False):
    found = lifetime(
        ttl=ttl,
        explicit_max_ttl=explicit_max_ttl,
        period=period,
        is_root=is_root,
        bounds=Bounds(),
    )
    return (found.ttl, found.explicit_max_ttl, found.period), found.warnings


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ({}, (DAYS_32, 0, 0)),
        ({"ttl": 60}, (60, 0, 0)),
        ({"ttl": DAYS_32}, (DAYS_32, 0, 0)),
        ({"ttl": 60, "explicit_max_ttl": 3600}, (60, 3600, 0)),
        ({"period": 60}, (60, 0, 60)),
        ({"period": 60, "ttl": 3600}, (60, 0, 60)),
        ({"is_root": True}, (0, 0, 0)),
        ({"is_root": True, "ttl": 60}, (60, 0, 0)),
        ({"is_root": True, "explicit_max_ttl": 60}, (60, 60, 0)),
        ({"is_root": True, "period": 60}, (60, 0, 60)),
    ],
)
def test_what_fits_is_granted_without_a_word(asked, granted):
    assert life(**asked) == (granted, ())


@pytest.mark.parametrize(
    ("asked", "granted", "words"),
    [
        (
            {"ttl": "3000h"},
            ("768h", "0", "0"),
            CAPPED.format("TTL", "3000h", "768h"),
        ),
        (
            {"explicit_max_ttl": "1h"},
            ("1h", "1h", "0"),
            CAPPED.format("TTL", "768h", "1h"),
        ),
        (
            {"explicit_max_ttl": "1000h"},
            ("768h", "1000h", "0"),
            None,
        ),
        (
            {"period": "3000h"},
            ("768h", "0", "3000h"),
            CAPPED.format("period", "3000h", "768h"),
        ),
    ],
)
def test_what_does_not_fit_is_cut_and_told(asked, granted, words):
    found, warnings = life(**{name: parse_duration(value) for name, value in asked.items()})

    assert found == tuple(map(parse_duration, granted))
    assert warnings == ((words,) if words else ())


times = st.integers(0, 2 * DAYS_32)


@given(times, times, times)
def test_only_root_tokens_live_for_ever(ttl, explicit_max_ttl, period):
    (granted, *_), _ = life(ttl=ttl, explicit_max_ttl=explicit_max_ttl, period=period)

    assert 0 < granted <= DAYS_32
    assert granted <= (explicit_max_ttl or DAYS_32)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("", "token"),
        ("backup", "token-backup"),
        ("my backup", "token-my-backup"),
        ("a_b.c", "token-a-b-c"),
        ("a!", "token-a"),
        ("a!!", "token-a-"),
        ("ä", "token-"),
        ("-", "token-"),
        ("🔑x", "token--x"),
    ],
)
def test_a_display_name_keeps_letters_and_digits(name, stored):
    """Everything else becomes a dash, and one dash at the end is cut."""
    assert display_name(name) == stored
