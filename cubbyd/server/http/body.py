"""A request's body as data: a JSON object, or a form as curl and browsers send it."""

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Final, NoReturn, cast
from urllib.parse import parse_qsl

from cubbyd import codec
from cubbyd.errors import InvalidRequestError
from cubbyd.value import Map, Value

FORM: Final = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS: Final = 1000
"""Pairs in a form or a query: OpenBao stops at as many strings in a JSON body."""

MAX_FORM_BYTES: Final = 64 * 1024
"""Of a form, whose escapes take long to read; what is larger comes as JSON."""

BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
"""What one reader leaves as it stands and another refuses."""
_BLANK: Final = " \t\r\n"
_PIECE: Final = re.compile(rb'[,:]|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, also one that does not end, or what stands between two items."""


def parse_body(body: bytes, content_type: str) -> Map | None:
    """What a write brings along; None for nothing.

    Raises:
        InvalidRequestError: It is neither of the two, or holds what cubbyd does not carry.
    """
    if not body:
        return None
    is_form = content_type.partition(";")[0].strip().lower() == FORM
    # curl says "form" of whatever it sends, so the first sign decides, as in OpenBao.
    if is_form and body.lstrip(_BLANK.encode())[:1] not in (b"{", b"["):
        if len(body) > MAX_FORM_BYTES:
            raise InvalidRequestError(f"a form may have {MAX_FORM_BYTES} bytes; send JSON")
        return {name: ",".join(values) for name, values in pairs(body).items()}
    _check_count(body)
    value = _parse_json(body)
    if not isinstance(value, dict | None):
        raise _not_json("it is not an object")
    if value is not None:
        _check_carried(value)
    return value


def pairs(text: bytes) -> dict[str, list[str]]:
    """The values of each name in a form or a query.

    Raises:
        InvalidRequestError: It cannot be read, is too long, or could be read in two ways.
    """
    problem = _ambiguity(text)
    items: list[tuple[str, str]] = []
    try:
        items = parse_qsl(
            text.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except ValueError:  # which quotes what it read
        problem = f"it has more than {MAX_FORM_FIELDS} fields"
    if problem:
        raise InvalidRequestError(f"error parsing form data: {problem}")
    found: dict[str, list[str]] = {}
    for name, value in items:
        found.setdefault(name, []).append(value)
    return found


def _ambiguity(text: bytes) -> str:
    """What one reader takes for one thing and another for another; "" for nothing."""
    if b";" in text:
        return "a ; that is not escaped"
    return "a % without two hexadecimal digits" if BAD_ESCAPE.search(text) else ""


def _check_count(body: bytes) -> None:
    """Refuse too many items before they are built: a mebibyte of empty lists takes half a second.

    Each item is a string at most, and has less than one separator; so nothing is refused here that
    ``_check_carried`` would take.
    """
    pieces = _PIECE.finditer(body)
    if next(islice(pieces, 2 * codec.MAX_ITEMS, None), None) is not None:
        raise InvalidRequestError(f"cubbyd cannot carry more than {codec.MAX_ITEMS} items")


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
