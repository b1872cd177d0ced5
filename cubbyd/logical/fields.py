"""The members of a request's data, read as leniently as OpenBao reads them.

Its endpoints take ``"5"`` for 5 and ``"true"`` for true, and a number where text is wanted; what
cannot be turned into the wanted type is refused by name, without its value.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from cubbyd.core.duration import parse_duration
from cubbyd.errors import InvalidRequestError
from cubbyd.value import Map, Value

# What 64 bits hold for certain. A leading zero, which OpenBao takes for octal, is no number here.
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})", re.ASCII)
MAX_INTEGER: Final = 2**63 - 1
"""OpenBao's integers have 64 bits."""

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False", ""}


class Fields:
    """What a request said; a member that is null is one with the zero of its type."""

    __slots__ = ("_data",)

    def __init__(self, data: Map | None) -> None:
        self._data = {} if data is None else data

    def unrecognized(self, known: Iterable[str]) -> list[str]:
        """Members that an endpoint with these fields has no use for, sorted."""
        return sorted(self._data.keys() - known) if self._data else []

    def raw(self, name: str) -> Value:
        """The member as it came."""
        return self._data.get(name)

    def text(self, name: str, *, default: str = "") -> str:
        """Text; the default when absent."""
        value = self._data.get(name, default)
        return "" if value is None else _text(name, value)

    def texts(self, name: str) -> list[str]:
        """A list of texts; a lone text is a list of one."""
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list):
            text = _text(name, value)
            return [text] if text else []
        return [_text(name, item) for item in value]

    def listed(self, name: str) -> list[str]:
        """A list of texts, also as one text with commas; blanks around them do not count."""
        value = self.raw(name)
        texts = value.split(",") if isinstance(value, str) and value else self.texts(name)
        return [text.strip() for text in texts]

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean, or a word for one; the default when absent."""
        value = self._data.get(name, default)
        match value:
            case None:
                return False
            case bool() | int() if value in (0, 1):
                return bool(value)
            case str() if value in _TRUE | _FALSE:
                return value in _TRUE
            case _:
                raise _unconvertible(name, "bool")

    def integer(self, name: str, *, default: int = 0) -> int:
        """An integer; the default when absent."""
        value = self._data.get(name, default)
        match value:
            case None | "":
                return 0
            case bool() | int() if abs(value) <= MAX_INTEGER:
                return int(value)
            case str() if _INTEGER.fullmatch(value):
                return int(value)
            case _:
                raise _unconvertible(name, "int")

    def seconds(self, name: str) -> float:
        """A duration; 0 when absent."""
        value = self.raw(name)
        if value is None:
            return 0.0
        if isinstance(value, float):
            value = str(value)  # and refused, as a number without a unit
        if not isinstance(value, int | str):
            raise _unconvertible(name, "duration")
        try:
            return parse_duration(value)
        except ValueError as error:
            raise InvalidRequestError(str(error)) from None

    def text_map(self, name: str) -> dict[str, str] | None:
        """A map of texts, also as ``"k=v"`` or a list of such; None when absent."""
        value = self.raw(name)
        match value:
            case None:
                return None
            case dict():
                return {
                    key: "" if item is None else _text(name, item) for key, item in value.items()
                }
            case str() | list():
                texts = [value] if isinstance(value, str) else self.texts(name)
                pairs = [text.partition("=") for text in texts]
                if all(separator for _, separator, _ in pairs):
                    return {key: text for key, _, text in pairs}
        raise _unconvertible(name, "map")


def _text(name: str, value: Value) -> str:
    match value:
        case str():
            return value
        case bool():
            return "1" if value else "0"
        case int() | float():
            return str(value)
        case bytes():  # as a client sends a file
            with suppress(UnicodeDecodeError):
                return value.decode()
    raise _unconvertible(name, "string")


def _unconvertible(name: str, kind: str) -> InvalidRequestError:
    return InvalidRequestError(
        f'Field validation failed: error converting input for field "{name}": not a {kind}'
    )
