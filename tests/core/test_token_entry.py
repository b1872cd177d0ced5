"""What a token's metadata says about itself."""

from dataclasses import replace

import pytest
from fakes import EPOCH
from hypothesis import given
from hypothesis import strategies as st
from token_entries import an_entry, entries


@pytest.mark.parametrize(
    ("policies", "is_wrapping"),
    [
        (("response-wrapping",), True),
        (("default", "response-wrapping"), False),
        (("root",), False),
        (("default",), False),
        ((), False),
    ],
)
def test_policies_say_what_a_token_is(policies, is_wrapping):
    entry = an_entry(policies=policies)

    assert entry.is_wrapping == is_wrapping


@pytest.mark.parametrize(
    ("before", "after", "is_exhausted"), [(3, 2, False), (2, 1, False), (1, -1, True)]
)
def test_a_use_is_counted_and_the_last_is_marked(before, after, is_exhausted):
    """Never 0, which would be any number of uses."""
    entry = an_entry(num_uses=before)

    used = entry.used()

    assert (used.num_uses, used.is_exhausted) == (after, is_exhausted)
    assert used.is_limited


@given(entries, st.integers(2, 2**63))
def test_a_use_changes_nothing_but_the_count(entry, num_uses):
    limited = replace(entry, num_uses=num_uses)

    assert limited.used() == replace(entry, num_uses=num_uses - 1)


def test_a_wrapping_tokens_single_use_is_its_unwrapping():
    entry = an_entry(policies=("response-wrapping",), num_uses=1)

    assert not entry.is_limited


def test_a_token_without_a_count_is_not_limited():
    assert not an_entry(num_uses=0).is_limited


def test_a_token_is_dead_at_its_deadline():
    entry = an_entry(expires_at=EPOCH + 10)

    assert not entry.has_expired(EPOCH + 9.999)
    assert entry.has_expired(EPOCH + 10)
    assert entry.has_expired(EPOCH + 11)


def test_a_token_without_a_deadline_never_expires():
    assert not an_entry(expires_at=None).has_expired(1e18)


@pytest.mark.parametrize(
    ("expires_at", "remaining"), [(None, 0), (EPOCH + 5, 5), (EPOCH, 0), (EPOCH - 5, 0)]
)
def test_what_remains_is_never_negative(expires_at, remaining):
    assert an_entry(expires_at=expires_at).remaining(EPOCH) == remaining


def test_entries_can_be_told_apart_and_counted():
    assert len({an_entry(1, meta={"a": "b"}), an_entry(1, meta={"a": "b"}), an_entry(2)}) == 2
