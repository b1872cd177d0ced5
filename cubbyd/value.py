"""The values that cubbyd carries and keeps: what the data of requests and answers is made of."""

from typing import TypeAlias

Value: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | None"
Map: TypeAlias = dict[str, Value]


def base64url(data: bytes) -> str:
    """Byte strings as JSON text: base64url without padding, as RFC 8949, section 6.1 has it."""
    from base64 import urlsafe_b64encode  # noqa: PLC0415 - few commands need it

    return urlsafe_b64encode(data).rstrip(b"=").decode()


def to_json(value: Value) -> Value:
    """The same value with every byte string turned into text: one way, since JSON has no bytes."""
    match value:
        case bytes():
            return base64url(value)
        case list():
            return [to_json(item) for item in value]
        case dict():
            return {key: to_json(item) for key, item in value.items()}
        case _:
            return value
