"""Durations are read as OpenBao reads them, and refused in Go's words.

- The tables were taken from OpenBao.
- Whatever the text, there are seconds or a ValueError, and its words are never long.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.core.duration import MAX_NANOSECONDS, format_duration, parse_duration

OVERFLOW = "multiplication of durations resulted in overflow, one operand may be too large"
LONGEST = MAX_NANOSECONDS // 10**9

almost_durations = st.text('0123456789+-.dhmsnuµμ "\\\n', max_size=30)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("60", 60),
        (60, 60),
        ("+5", 5),
        ("-5", -5),
        ("007", 7),
        ("0" * 30 + "90", 90),
        ("1d", 86_400),
        ("+2d", 172_800),
        ("0d", 0),
        ("90s", 90),
        ("15m", 900),
        ("25h", 90_000),
        ("1h30m", 5_400),
        ("-1h30m", -5_400),
        ("1.5h", 5_400),
        ("1.h", 3_600),
        (".5h", 1_800),
        ("500ms", 0.5),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("100ns", 1e-7),
        ("0.1ns", 0),
        ("0" * 30 + "1h", 3_600),
        ("0." + "3" * 40 + "s", 0.333333333),
        (LONGEST, LONGEST),
        (-LONGEST, -LONGEST),
    ],
)
def test_a_duration_is_read(written, seconds):
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("abc", 'time: invalid duration "abc"'),
        ("1.5", 'time: missing unit in duration "1.5"'),
        ("3600.0", 'time: missing unit in duration "3600.0"'),
        ("1w", 'time: unknown unit "w" in duration "1w"'),
        ("1y", 'time: unknown unit "y" in duration "1y"'),
        ("1e3", 'time: unknown unit "e" in duration "1e3"'),
        ("0x10", 'time: unknown unit "x" in duration "0x10"'),
        ("5 s", 'time: unknown unit " s" in duration "5 s"'),
        ("1d12h", 'time: unknown unit "d" in duration "1d12h"'),
        ("1.5d", 'strconv.ParseInt: parsing "1.5": invalid syntax'),
        ("1h30", 'time: missing unit in duration "1h30"'),
        (" 60", 'time: invalid duration " 60"'),
        ("+", 'time: invalid duration "+"'),
        ("-", 'time: invalid duration "-"'),
        (".", 'time: invalid duration "."'),
        (".s", 'time: invalid duration ".s"'),
        ("d", 'strconv.ParseInt: parsing "": invalid syntax'),
        ("+-1d", 'strconv.ParseInt: parsing "+-1": invalid syntax'),
        ('1"\\', r'time: unknown unit "\"\\" in duration "1\"\\"'),
        ("1\n", r'time: unknown unit "\x0a" in duration "1\x0a"'),
        ("1½", r'time: unknown unit "\xc2\xbd" in duration "1\xc2\xbd"'),
        ("99999999999", OVERFLOW),
        (LONGEST + 1, OVERFLOW),
        (-LONGEST - 1, OVERFLOW),
        (10**40, OVERFLOW),
        ("9" * 64, OVERFLOW),
        ("106752d", OVERFLOW),
        ("2562048h", 'time: invalid duration "2562048h"'),
    ],
)
def test_what_is_no_duration_is_refused_in_gos_words(written, words):
    with pytest.raises(ValueError, match=r"duration|ParseInt") as refused:
        parse_duration(written)

    assert str(refused.value) == words


@given(almost_durations | st.text(max_size=200))
def test_any_text_is_seconds_or_a_short_refusal(text):
    try:
        seconds = parse_duration(text)
    except ValueError as refused:
        seconds, words = 0, str(refused)
    else:
        words = ""
    assert abs(seconds) <= LONGEST + 1
    assert words.isascii()
    assert words.isprintable()
    assert len(words) < 1000


@given(st.integers(0, LONGEST))
def test_whole_seconds_come_back_from_how_they_are_printed(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.lists(st.tuples(st.integers(0, 9999), st.sampled_from("hms")), min_size=1, max_size=4))
def test_terms_add_up(terms):
    text = "".join(f"{count}{unit}" for count, unit in terms)

    worth = {"h": 3600, "m": 60, "s": 1}
    assert parse_duration(text) == sum(count * worth[unit] for count, unit in terms)


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3600, "1h"), (5400, "1h30m"), (2_764_800, "768h")],
)
def test_a_duration_is_printed_as_openbao_prints_it(seconds, printed):
    assert format_duration(seconds) == printed


def test_a_text_that_no_duration_needs_is_not_even_read():
    with pytest.raises(ValueError, match="time: invalid duration"):
        parse_duration("1ns" * 22)

    assert parse_duration("1ns" * 21) == pytest.approx(21e-9)
