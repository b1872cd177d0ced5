"""Our one response as HTTP, in OpenBao's words and shape.

An answer has a length and is written at once, so there is nothing here for which a state machine
were needed: a status line, a few headers, a body.
"""

import json
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Final

from cubbyd.errors import RefusedError, TooLargeError, WireError
from cubbyd.messages import Response
from cubbyd.server.http.request import RedirectError, Shape
from cubbyd.value import Map, Value
from cubbyd.wire.framing import MAX_ANSWER_BYTES

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_JSON: Final = "Content-Type: application/json\r\n"
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_NO_CONTENT: Final = 204


def answer(
    response: Response, *, shape: Shape, is_head: bool = False, closes: bool = False
) -> bytes:
    """An answer's bytes.

    Raises:
        TooLargeError: No client would take it.
    """
    if response.is_empty:
        return _message(_NO_CONTENT, "", b"", is_head=is_head, closes=closes)
    body = _encode(_written(response, shape))
    if len(body) > MAX_ANSWER_BYTES:
        raise TooLargeError(f"the answer has {len(body)} bytes; the limit is {MAX_ANSWER_BYTES}")
    return _message(response.status or 200, _JSON, body, is_head=is_head, closes=closes)


def refuse(error: RefusedError | WireError, *, is_head: bool = False, closes: bool) -> bytes:
    """A refusal's bytes."""
    if isinstance(error, RedirectError):
        location = f"Location: {error.location}\r\n"
        return _message(error.status, location, b"", is_head=is_head, closes=closes)
    words = error.messages if isinstance(error, RefusedError) else (str(error),)
    body = _encode({"errors": [*words]})
    return _message(error.status, _JSON, body, is_head=is_head, closes=closes)


def _written(response: Response, shape: Shape) -> Map:
    envelope = response.to_envelope()
    data = envelope["data"]
    if shape is Shape.ENVELOPE or not isinstance(data, dict):
        return envelope
    return data if shape is Shape.BARE else {**data, **envelope}


def _encode(value: Value) -> bytes:
    text = _ENCODER.encode(value)
    # A refusal may quote a header, and what in it is no UTF-8 came as lone surrogates.
    return text.encode(errors="replace") + b"\n"


def _message(status: int, header: str, body: bytes, *, is_head: bool, closes: bool) -> bytes:
    # A 204 has no body, and so no length.
    length = "" if status == _NO_CONTENT else f"Content-Length: {len(body)}\r\n"
    last = "Connection: close\r\n" if closes else ""
    begin = _begin(status, int(time()))
    head = f"{begin}{header}{length}{last}\r\n".encode("latin-1")
    return head if is_head else head + body


@lru_cache(maxsize=16)
def _begin(status: int, now: int) -> str:
    """What all answers of one second and status have in common."""
    date = formatdate(now, usegmt=True)
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Date: {date}\r\n"
        "Cache-Control: no-store\r\n"
    )
