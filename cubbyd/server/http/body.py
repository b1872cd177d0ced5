"""A request's body as data: a JSON object, or a form as curl and browsers send it."""

import json
from collections.abc import Mapping
from typing import Final, NoReturn, cast
from urllib.parse import parse_qsl

from cubbyd import codec
from cubbyd.errors import InvalidRequestError
from cubbyd.value import Map, Value

FORM: Final = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS: Final = 1000
"""Pairs in a form or a query: OpenBao stops at as many strings in a JSON body."""

_BLANK: Final = " \t\r\n"


def parse_body(body: bytes, content_type: str) -> Map | None:
    """What a write brings along; None for nothing.

    Raises:
        InvalidRequestError: It is neither of the two, or holds what cubbyd does not carry.
    """
    if not body:
        return None
    if content_type.partition(";")[0].strip().lower() == FORM and body[:1] not in (b"{", b"["):
        return {name: ",".join(values) for name, values in pairs(body).items()}
    value = _parse_json(body)
    if not isinstance(value, dict | None):
        raise _not_json("it is not an object")
    if value is not None:
        _check_carried(value)
    return value


def pairs(text: bytes) -> dict[str, list[str]]:
    """The values of each name in a form or a query.

    Raises:
        InvalidRequestError: It cannot be read, or is too long.
    """
    found: dict[str, list[str]] = {}
    try:
        items = parse_qsl(
            text.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except ValueError:  # which quotes what it read
        items = None
    if items is None:
        raise InvalidRequestError(
            f"a form or query that is not UTF-8, or has more than {MAX_FORM_FIELDS} fields"
        )
    for name, value in items:
        found.setdefault(name, []).append(value)
    return found


def _parse_json(body: bytes) -> Value:
    try:
        text = body.decode().lstrip(_BLANK)
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        problem = "exceeded max depth"
    except ValueError as error:  # its text may quote the body
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        problem = f"it is not JSON{where}"
    else:
        _check_rest(text[end:].lstrip(_BLANK))
        return cast("Value", value)
    raise _not_json(problem)


def _check_rest(rest: str) -> None:
    """A second value is ignored, as in OpenBao; what could not even begin one is refused."""
    if rest:
        try:
            _DECODER.raw_decode(rest)
        except (ValueError, RecursionError):
            rest = ""
        if not rest:
            raise _not_json("something follows the object")


def _check_carried(value: Mapping[str, Value]) -> None:
    try:
        codec.encode_foreign(value)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None


def _not_json(problem: str) -> InvalidRequestError:
    return InvalidRequestError(f"failed to decode JSON input: {problem}")


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
"""Plain JSON: Python's own takes NaN and Infinity as well."""
