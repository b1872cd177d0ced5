r"""Data on the command line: ``key=value``, ``key=@file``, ``key=-``, ``-`` and ``\@``."""

import io
import json
import sys

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.cli.data import parse_data, reserve_stdin
from cubbyd.cli.standard import StandardInput

KEYS = st.text(min_size=1).filter(lambda key: "=" not in key and key[0] != "@")


@pytest.fixture
def stdin(monkeypatch):
    def set_stdin(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return StandardInput()

    return set_stdin


@given(KEYS, st.text().filter(lambda text: text != "-" and not text.startswith(("@", "\\@"))))
def test_plain_text_is_taken_as_it_is(key, text):
    assert parse_data([f"{key}={text}"], StandardInput()) == {key: text}


@given(KEYS, st.text())
def test_any_text_can_be_written_with_an_at_before_it(key, text):
    assert parse_data([f"{key}=\\@{text}"], StandardInput()) == {key: f"@{text}"}


@given(st.binary())
def test_a_file_is_bytes_whatever_is_in_it(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("data") / "file"
    file.write_bytes(content)

    assert parse_data([f"key=@{file}"], StandardInput()) == {"key": content}


def test_standard_input_is_bytes(stdin):
    assert parse_data(["key=-"], stdin(b"text\n\xff")) == {"key": b"text\n\xff"}


def test_a_later_key_replaces_an_earlier(stdin):
    content = json.dumps({"a": 2, "b": [None, True, 1.5]}).encode()

    assert parse_data(["a=1", "-", "b=3"], stdin(content)) == {"a": 2, "b": "3"}


@pytest.mark.parametrize(
    "argument", ["", "s3cret", "=s3cret", "key=\udcff", "key=@", "key=@s3cret\0", "@none"]
)
def test_what_is_no_data_is_refused_and_no_value_quoted(argument):
    with pytest.raises(click.UsageError) as caught:
        parse_data([argument], StandardInput())

    if "@" not in argument:  # a file's name is no secret
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"1", b"null", b'{"a": Infinity}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_json_object_is_refused(stdin, content):
    with pytest.raises(click.UsageError, match="standard input is"):
        parse_data(["-"], stdin(content))


@pytest.mark.parametrize("arguments", [["-", "-"], ["a=-", "-"], ["a=-", "b=-"]])
def test_standard_input_serves_one_purpose(arguments):
    with pytest.raises(click.UsageError, match=r"--token-file.*--token-fd.*CUBBY_TOKEN"):
        reserve_stdin(arguments, StandardInput())


def test_only_what_reads_standard_input_reserves_it():
    stdin = StandardInput()
    reserve_stdin(["a=b", "a=b=-", "a=--", "@file", "a=@-"], stdin)
    stdin.reserve("the token")
