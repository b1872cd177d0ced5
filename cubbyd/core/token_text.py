"""A token's text: a prefix, 43 base62 digits of 32 random bytes, and a CRC-32 in 6 more.

The checksum tells a typing error from a wrong token without asking the daemon, and gives secret
scanners a pattern without false alarms (GitHub's tokens have the same form for the same reasons).
"""

import re
from binascii import crc32
from enum import Enum
from typing import Final

from cubbyd.secret import Secret

RANDOM_BYTES: Final = 32
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_BODY_DIGITS, _CHECK_DIGITS = 43, 6  # the least that hold 256 and 32 bits
_FORM = re.compile(rf"(cbys|cbyw)_[0-9A-Za-z]{{{_BODY_DIGITS + _CHECK_DIGITS}}}", re.ASCII)


class Prefix(Enum):
    """What a token's text says it is; only its file knows for certain."""

    SERVICE = "cbys_"
    WRAPPING = "cbyw_"


def token_text(prefix: Prefix, random: bytes) -> Secret:
    """A fresh token from 32 random bytes, read as one big-endian number."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a token is made of {RANDOM_BYTES} bytes")
    text = prefix.value + _base62(int.from_bytes(random, "big"), _BODY_DIGITS)
    return Secret.from_text(text + _checksum(text))


def check_token_text(text: str) -> None:
    """Find a typing error.

    Raises:
        ValueError: Says what is wrong with the form, never what the text was.
    """
    if not _FORM.fullmatch(text):
        raise ValueError(
            "this is not a token: one begins with 'cbys_' or 'cbyw_' and goes on with "
            f"{_BODY_DIGITS + _CHECK_DIGITS} letters and digits"
        )
    if _checksum(text[:-_CHECK_DIGITS]) != text[-_CHECK_DIGITS:]:
        raise ValueError("a character of this token is wrong: its checksum does not fit")


def _checksum(text: str) -> str:
    return _base62(crc32(text.encode()), _CHECK_DIGITS)


def _base62(number: int, width: int) -> str:
    text, pairs = "", len(_PAIRS)
    for _ in range(0, width, 2):
        text = _PAIRS[number % pairs] + text
        number //= pairs
    return text[-width:]
