"""What is said when something went wrong: a line that steers no terminal, or an object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.cli.complaint import complaint, flat, wants_json
from cubbyd.errors import multierror, refusal


@given(st.text())
def test_a_message_is_one_line_that_prints(text):
    assert flat(text).isprintable()


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["C", "Z"]), min_size=1))
def test_the_wording_for_several_errors_is_taken_off(text):
    assert flat(multierror(text)) == flat(text)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("1 error occurred:\n\t* permission denied\n\n", "permission denied"),
        ("2 errors occurred:\n\t* one\n\t* two\n\n", "one; two"),
        ("error: 1 error occurred:\n\t* x\n\n", "error: x"),
        ("a\r\nb\x1b[2Jc", "a; b\\x1b[2Jc"),
    ],
)
def test_messages_are_flattened(message, line):
    assert flat(message) == line


def test_a_token_in_the_wrong_place_is_not_repeated():
    token = f"cbyw_{'a1B' * 16}"

    told = flat(f"No such command '{token}'; cannot read {token}: no such file")

    assert told == "No such command 'cbyw_...'; cannot read cbyw_...: no such file"


@pytest.mark.parametrize(
    ("code", "setting"),
    [("too_large", "limits.max_cubbyhole_bytes"), ("frame_too_large", "limits.max_frame_bytes")],
)
def test_what_is_too_large_comes_with_the_limit_that_it_met(code, setting):
    told = complaint(refusal(code, 413, ["it is too large"]))

    assert told.text.startswith("it is too large: ")
    assert setting in told.text


@pytest.mark.parametrize(
    ("arguments", "variable", "is_json"),
    [
        (["read", "x"], None, False),
        (["read", "x", "--format", "json"], None, True),
        (["read", "--format=json", "--nonsense"], None, True),
        (["read", "x"], "json", True),
        (["read", "x", "--format", "table"], "json", False),
        (["read", "x", "--format"], None, False),
        (["write", "x", "--", "--format=json"], None, False),
    ],
)
def test_errors_are_json_when_answers_are(monkeypatch, arguments, variable, is_json):
    monkeypatch.delenv("CUBBY_FORMAT", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUBBY_FORMAT", variable)

    assert wants_json(arguments) is is_json
