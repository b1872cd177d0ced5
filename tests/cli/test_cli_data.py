r"""Data on the command line: ``key=value``, ``key=@file``, ``key=-``, ``-`` and ``\@``."""

import io
import json
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.cli.data import is_unicode, parse_data, reserve_stdin
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


def test_an_integer_beyond_bounds_is_called_so(stdin):
    for digits, sign in [(156, ""), (5000, ""), (5000, "-")]:
        content = f'{{"a": {sign}{"1" * digits}}}'.encode()
        with pytest.raises(click.UsageError, match=r"an integer has \d+ digits"):
            parse_data(["-"], stdin(content))


@given(st.integers(-(2**512), 2**512 - 1))
def test_every_integer_that_cubbyd_carries_is_read(number):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": %d}' % number)))

        assert parse_data(["-"], StandardInput()) == {"a": number}


@pytest.mark.parametrize(
    ("value", "is_it"),
    [
        ({"a": ["\N{SNOWMAN}", 1, None, b"\xff"]}, True),
        (json.loads('{"a": [{"b": "\\ud83d\\ude00"}]}'), True),
        (json.loads('{"a": [{"b": "\\ud800"}]}'), False),
        (json.loads('{"a": [{"\\udc00": 1}]}'), False),
    ],
)
def test_half_of_a_surrogate_pair_is_not_unicode(value, is_it):
    assert is_unicode(value) is is_it


@pytest.mark.parametrize("argument", ["key=@/dev/zero", "@/dev/zero", "key=-", "-"])
def test_what_has_no_end_is_not_read_to_it(monkeypatch, argument):
    with Path("/dev/zero").open() as endless:
        monkeypatch.setattr(sys, "stdin", endless)
        with pytest.raises(click.UsageError, match="more than 64 MiB"):
            parse_data([argument], StandardInput())


@pytest.mark.parametrize("arguments", [["-", "-"], ["a=-", "-"], ["a=-", "b=-"]])
def test_standard_input_serves_one_purpose(arguments):
    with pytest.raises(click.UsageError, match=r"--token-file.*--token-fd.*CUBBY_TOKEN"):
        reserve_stdin(arguments, StandardInput())


def test_only_what_reads_standard_input_reserves_it():
    stdin = StandardInput()
    reserve_stdin(["a=b", "a=b=-", "a=--", "@file", "a=@-"], stdin)
    stdin.reserve("the token")
