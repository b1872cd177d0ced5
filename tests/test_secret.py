"""A secret shows itself only when asked by name, and is not stored by accident."""

import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.secret import Secret


@given(st.binary())
def test_it_gives_back_what_it_took(value):
    assert Secret(value).reveal() == value


@given(st.text())
def test_text_comes_back_as_text(text):
    assert Secret.from_text(text).reveal_text() == text


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__, lambda s: repr([s])])
def test_showing_it_tells_its_length_and_no_more(show):
    shown = show(Secret(b"xyzzy"))
    assert "xyzzy" not in shown
    assert "<Secret of 5 bytes>" in shown


@pytest.mark.parametrize("keep", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_not_for_copying(keep):
    with pytest.raises(TypeError, match="not for pickling"):
        keep(Secret(b"xyzzy"))


def test_it_has_no_dictionary_for_debuggers_to_print():
    with pytest.raises(TypeError):
        vars(Secret(b"xyzzy"))


@given(st.binary(max_size=4), st.binary(max_size=4))
def test_secrets_are_equal_when_their_bytes_are(one, other):
    assert (Secret(one) == Secret(other)) == (one == other)


def test_a_secret_equals_nothing_but_a_secret():
    assert Secret(b"xyzzy") != b"xyzzy"
    assert Secret(b"xyzzy") != "xyzzy"


def test_it_cannot_be_a_key():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Secret(b"xyzzy"))


@pytest.mark.parametrize(
    "slip",
    [lambda: Secret(b"xyzzy\xff").reveal_text(), lambda: Secret.from_text("xyzzy\ud800")],
)
def test_what_is_not_text_is_refused_unquoted(slip):
    """Python's own error would carry the whole secret in its ``object``."""
    with pytest.raises(ValueError, match="not") as caught:
        slip()

    assert type(caught.value) is ValueError
    assert caught.value.__context__ is None
    told = "".join(traceback.format_exception_only(caught.value))
    assert "xyzzy" not in told
