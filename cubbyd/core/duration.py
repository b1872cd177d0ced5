"""Durations as OpenBao reads them: seconds, days, or a Go duration such as ``1h30m``."""

import re
from functools import lru_cache
from typing import Final

MAX_NANOSECONDS: Final = 2**63 - 1
"""Go counts durations in 64-bit nanoseconds, some 292 years; more is refused there too."""
MAX_TEXT_CHARS: Final = 64
"""Every sensible duration is shorter, and a mebibyte of ``1ns`` would take a second to add up."""

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_SIGN = re.compile(r"[+-]?")
_TERM = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?([^.0-9]*)", re.ASCII)
_DAY, _SECOND = 86_400 * 10**9, 10**9
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # U+00B5, the micro sign
    "μs": 10**3,  # U+03BC, the Greek letter, which Go takes too
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}


def parse_duration(value: int | str) -> float:
    """Seconds, from an integer of them or from text; "" is 0, as in OpenBao.

    Raises:
        ValueError: In the words of Go, which OpenBao's users know.
    """
    if isinstance(value, int):
        nanoseconds = value * _SECOND
    elif len(value) > MAX_TEXT_CHARS:
        raise ValueError(f"time: invalid duration {_quoted(value)}")
    elif _INTEGER.fullmatch(value):
        nanoseconds = _number(value) * _SECOND
    elif value.endswith("d") and not value[:-1].strip("+-.0123456789"):
        nanoseconds = _days(value[:-1])
    else:
        nanoseconds = _go_duration(value) if value else 0
    if abs(nanoseconds) > MAX_NANOSECONDS:
        raise ValueError(
            "multiplication of durations resulted in overflow, one operand may be too large"
        )
    return nanoseconds / _SECOND


def _days(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"strconv.ParseInt: parsing {_quoted(text)}: invalid syntax")
    return _number(text) * _DAY


def _number(text: str) -> int:
    """An integer, or one that is as surely too large: Python balks at thousands of digits."""
    digits = text.lstrip("+-").lstrip("0")[:20]
    return -int(digits or 0) if text.startswith("-") else int(digits or 0)


@lru_cache  # programs ask for the same few times over and over
def _go_duration(text: str) -> int:
    """Go's time.ParseDuration: a sign, then terms of a number and a unit. Nanoseconds."""
    position = len(sign.group()) if (sign := _SIGN.match(text)) else 0
    total = 0
    if position == len(text):
        raise ValueError(f"time: invalid duration {_quoted(text)}")
    while position < len(text):
        term = _TERM.match(text, position)
        whole, point, fraction, unit = term.groups(default="") if term else ("", "", "", "")
        if not whole and not fraction:
            raise ValueError(f"time: invalid duration {_quoted(text)}")
        if not unit:
            raise ValueError(f"time: missing unit in duration {_quoted(text)}")
        if unit not in _UNITS:
            raise ValueError(f"time: unknown unit {_quoted(unit)} in duration {_quoted(text)}")
        scale = _UNITS[unit]
        total += _number(whole) * scale
        if point and fraction:
            # What comes later is lost below a nanosecond.
            total += int(fraction[:20]) * scale // 10 ** len(fraction[:20])
        position += len(term.group()) if term else 0
    if total > MAX_NANOSECONDS:
        raise ValueError(f"time: invalid duration {_quoted(text)}")
    return -total if text.startswith("-") else total


def _quoted(text: str) -> str:
    """As Go's package time quotes, and cut: no error is as long as what caused it, or odder."""
    return '"' + "".join(map(_escaped, text[:MAX_TEXT_CHARS])) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isascii() and character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogatepass"))


def format_duration(seconds: float) -> str:
    """A duration as OpenBao's warnings print it: the largest unit that divides it, ``768h``."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    terms = [(hours, "h"), (minutes, "m"), (rest, "s")]
    return "".join(f"{count}{unit}" for count, unit in terms if count) or "0s"
