"""Paths are byte-exact names, and little is forbidden."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.core.path import MAX_PATH_BYTES, check_absolute, check_writable, parse_path
from cubbyd.errors import InvalidRequestError


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        " ",
        " a ",
        "a//b",
        "/x",
        "x/",
        "...",
        "a..b",
        ".x",
        "x.",
        "* + % ? # : @ \\ ~ { }",
        "schlüssel",
        "鍵",
        "🔑",
        "e\u0301",
    ],
)
def test_odd_names_are_names(text):
    assert parse_path(text) == text


@pytest.mark.parametrize("text", [".", "..", "a/./b", "../a", "a/..", "./", "cubbyhole/.."])
def test_relative_paths_are_refused(text):
    with pytest.raises(InvalidRequestError, match="relative paths not supported"):
        check_absolute(parse_path(text))


@pytest.mark.parametrize(
    "character",
    ["\0", "\t", "\n", "\x1b", "\x7f", "\u00a0", "\u00ad", "\u200b", "\u2028", "\ufeff", "\ud800"],
)
def test_what_cannot_be_printed_is_refused(character):
    with pytest.raises(InvalidRequestError, match="cannot be printed"):
        parse_path(f"a{character}b")


@pytest.mark.parametrize("letter", ["a", "é", "鍵", "🔑"])
def test_the_limit_counts_bytes(letter):
    fits = letter * (MAX_PATH_BYTES // len(letter.encode()))

    assert parse_path(fits) == fits
    with pytest.raises(InvalidRequestError, match="longer than 4096 bytes"):
        parse_path(fits + letter)


@given(st.text(max_size=80), st.integers(4, 64))
def test_any_text_is_a_path_or_refused(text, limit):
    try:
        path = parse_path(text, max_bytes=limit)
    except InvalidRequestError:
        return
    assert path == text
    assert len(path.encode()) <= limit
    assert path.isprintable()


def test_a_folder_cannot_be_written_to():
    check_writable(parse_path("a/b"))
    with pytest.raises(InvalidRequestError, match="cannot write to a path ending in '/'"):
        check_writable(parse_path("a/b/"))
