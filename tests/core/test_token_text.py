"""A token's text tells a typing error from a wrong token, without asking anybody.

- It has 54 characters, and a token is made from 32 random bytes in exactly one way.
- No single slip, and no two exchanged neighbours, makes another valid token.
- What is wrong is told without the text.
"""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cubbyd.core.token_text import RANDOM_BYTES, Prefix, check_token_text, token_text

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VALID = token_text(Prefix.SERVICE, bytes(range(32))).reveal_text()

randoms = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)
tokens = st.builds(token_text, st.sampled_from(Prefix), randoms).map(
    lambda token: token.reveal_text()
)


def is_valid(text):
    try:
        check_token_text(text)
    except ValueError:
        return False
    return True


def number(digits):
    """The value of base62 digits, by Horner's rule."""
    value = 0
    for digit in digits:
        value = 62 * value + LETTERS.index(digit)
    return value


@pytest.mark.parametrize(
    ("prefix", "random", "text"),
    [
        (Prefix.SERVICE, bytes(32), "cbys_00000000000000000000000000000000000000000001xhVF6"),
        (
            Prefix.WRAPPING,
            b"\xff" * 32,
            "cbyw_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10eDMGF",
        ),
    ],
)
def test_known_tokens(prefix, random, text):
    """Frozen: tokens that are out there must stay what they are."""
    assert token_text(prefix, random).reveal_text() == text
    assert is_valid(text)


@given(st.sampled_from(Prefix), randoms)
def test_the_text_holds_the_random_bytes(prefix, random):
    text = token_text(prefix, random).reveal_text()

    assert len(text) == 54
    assert text.startswith(prefix.value)
    assert number(text[5:48]) == int.from_bytes(random, "big")
    assert is_valid(text)


@pytest.mark.parametrize("position", range(len(VALID)))
def test_every_single_slip_is_found(position):
    for letter in LETTERS + "_ -é":
        if letter != VALID[position]:
            assert not is_valid(VALID[:position] + letter + VALID[position + 1 :])


@given(tokens, st.integers(0, 52))
def test_exchanged_neighbours_are_found(text, at):
    assume(text[at] != text[at + 1])

    assert not is_valid(text[:at] + text[at + 1] + text[at] + text[at + 2 :])


@given(tokens, st.text(LETTERS, min_size=1, max_size=3), st.integers(0, 54))
def test_an_insertion_is_found(text, more, at):
    assert not is_valid(text[:at] + more + text[at:])


@given(tokens, st.integers(0, 53))
def test_a_loss_is_found(text, at):
    assert not is_valid(text[:at] + text[at + 1 :])


@given(tokens, st.sampled_from([" ", "\n", "\r\n"]))
def test_a_token_has_no_blanks_about_it(text, blank):
    assert not is_valid(text + blank)
    assert not is_valid(blank + text)


@given(st.text(max_size=60))
def test_whatever_the_text_it_is_a_token_or_a_value_error(text):
    assert isinstance(is_valid(text), bool)


@pytest.mark.parametrize("text", [VALID[:-1], VALID[:-1] + "0"])
def test_the_refusal_does_not_repeat_the_text(text):
    with pytest.raises(ValueError, match="token") as refused:
        check_token_text(text)

    assert VALID[5:20] not in str(refused.value)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_it_takes_32_bytes_and_no_other_number(size):
    with pytest.raises(ValueError, match="32 bytes"):
        token_text(Prefix.SERVICE, bytes(size))
