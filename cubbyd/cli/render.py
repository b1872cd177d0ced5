"""Answers as people and programs read them: a table, JSON, CBOR, or one bare value."""

from collections.abc import Mapping
from enum import Enum

import click

from cubbyd.messages import Auth, Response, WrapInfo
from cubbyd.value import Map, Value, base64url, to_json


class MissingFieldError(click.ClickException):
    """An answer has no field of the name that was asked for."""


class Format(Enum):
    """What ``--format`` takes."""

    TABLE = "table"
    JSON = "json"
    CBOR = "cbor"


_DURATIONS = ("ttl", "period", "duration")
"""The last words of keys whose numbers are seconds, as in OpenBao's tables."""


def fields(response: Response) -> Map:
    """What an answer says, by the names that OpenBao's users know: for tables and ``--field``."""
    if response.wrap_info is not None:
        return _wrap_fields(response.wrap_info)
    if response.auth is not None:
        return _auth_fields(response.auth)
    return dict(sorted((response.data or {}).items()))


def _wrap_fields(info: WrapInfo) -> Map:
    fields: Map = {
        "wrapping_token": info.token.reveal_text(),
        "wrapping_accessor": info.accessor,
        "wrapping_token_ttl": info.ttl,
        "wrapping_token_creation_time": info.creation_time,
        "wrapping_token_creation_path": info.creation_path,
    }
    if info.wrapped_accessor is not None:
        fields["wrapped_accessor"] = info.wrapped_accessor
    return fields


def _auth_fields(auth: Auth) -> Map:
    return {
        "token": auth.client_token.reveal_text(),
        "token_accessor": auth.accessor,
        "token_duration": auth.lease_duration,
        "token_renewable": auth.renewable,
        "token_policies": [*auth.policies],
        "policies": [*auth.policies],
        **{f"token_meta_{key}": value for key, value in (auth.metadata or {}).items()},
    }


def bare(response: Response, name: str) -> bytes:
    """One value, as it is: bytes raw, text in UTF-8, anything else as JSON.

    Raises:
        MissingFieldError: The answer has no such field; says which it has.
    """
    known = fields(response)
    match known.get(name):
        case bytes(data):
            return data
        case str(text):
            return text.encode()
        case None if name not in known:
            names = ", ".join(printable(each) for each in known) or "none"
            raise MissingFieldError(f"the answer has no field {name!r}; its fields: {names}")
        case value:
            return _json(value).encode()


def envelope(response: Response) -> str:
    """The whole answer as JSON, in the form of OpenBao's."""
    return _json(response.to_envelope(), indent=2)


def table(values: Mapping[str, Value]) -> str:
    """Keys and values in two columns."""
    cells = {printable(key): _cell(key, value) for key, value in values.items()}
    width = max(map(len, ["Key", *cells])) + 4
    lines = [f"{key:{width}}{cell}" for key, cell in [("Key", "Value"), ("---", "-----")]]
    return "\n".join([*lines, *(f"{key:{width}}{cell}" for key, cell in cells.items())])


def keys_table(keys: list[Value]) -> str:
    """The names that a list has, one a line."""
    return "\n".join(["Keys", "----", *(printable(str(key)) for key in keys)])


def printable(text: str) -> str:
    """Text that cannot steer a terminal: whatever does not print is escaped as in Python."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def printable_lines(text: str) -> str:
    """Likewise, but lines and tabs stay: for a text that was written to be read."""
    return "".join(char if char in "\n\t" else printable(char) for char in text)


def _cell(key: str, value: Value) -> str:
    match value:
        case None:
            return "<nil>"
        case "":
            return "n/a"
        case str(text):
            return printable(text)
        case bytes(data):
            return f"{base64url(data)} ({len(data)} bytes, base64url)"
        case int(seconds) if _is_duration(key) and not isinstance(value, bool):
            from cubbyd.core.duration import format_duration  # noqa: PLC0415 - few answers have any

            return format_duration(seconds)
        case _:
            return _json(value)


def _is_duration(key: str) -> bool:
    return key.rpartition("_")[2] in _DURATIONS


def _json(value: Value, indent: int | None = None) -> str:
    import json  # noqa: PLC0415 - a bare value mostly needs none

    return json.dumps(to_json(value), indent=indent)
