"""A connection's ends as plain state machines: bytes in, events out; messages in, bytes out.

``receive_data`` only buffers, ``next_event`` judges. Any exception from ``next_event`` other than
``WireError`` is our bug. After a ``WireError`` the connection cannot be resynchronised: send
``refuse(None, error)`` and close.

The client's end lies in a file of its own, for a command would load the daemon's for nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from cubbyd import codec
from cubbyd.errors import (
    FrameTooLargeError,
    InvalidRequestError,
    MalformedFrameError,
    RefusedError,
    TooLargeError,
    WireError,
)
from cubbyd.messages import Operation, Peer, Request, Response
from cubbyd.secret import Secret
from cubbyd.value import Map, Value
from cubbyd.wire.client_connection import MAX_ID, ClientConnection, Need, is_uint
from cubbyd.wire.framing import MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, FrameReader, frame

__all__ = [
    "MAX_ID",
    "Asked",
    "ClientConnection",
    "Misasked",
    "Need",
    "ServerConnection",
]

T = TypeVar("T")

_OPERATIONS = {operation.value: operation for operation in Operation}
_REQUEST_KEYS = frozenset({"id", "operation", "path", "token", "data", "wrap_ttl"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A well-formed request."""

    id: int
    request: Request


@dataclass(frozen=True, slots=True)
class Misasked:
    """Something well-formed that is no request; the connection lives on."""

    id: int | None
    error: RefusedError


class ServerConnection:
    """The daemon's end: requests in, answers and refusals out."""

    is_over: Final = False
    """The client decides how many requests a connection carries."""

    def __init__(self, peer: Peer, *, max_frame_bytes: int = MAX_REQUEST_BYTES) -> None:
        self._peer = peer
        self._reader = FrameReader(max_bytes=max_frame_bytes)
        self.receive_data = self._reader.receive_data

    @property
    def is_mid_frame(self) -> bool:
        """Whether the client owes us the rest of a frame."""
        return self._reader.is_mid_frame

    def next_event(self) -> Asked | Misasked | Need:
        """The next request, or what is wrong with it, or that more data is needed.

        Raises:
            WireError: The stream is broken; nothing after this point can be understood.
        """
        payload = self._reader.next_payload()
        if payload is None:
            return Need.DATA
        fields = codec.decode(payload)
        if not isinstance(fields, dict):
            raise MalformedFrameError("the payload is not a map")
        request_id = fields.get("id")
        if not is_uint(request_id):
            return Misasked(None, InvalidRequestError("'id' must be an unsigned integer"))
        try:
            return Asked(request_id, self._parse(fields))
        except InvalidRequestError as error:
            return Misasked(request_id, error)

    def _parse(self, fields: Map) -> Request:
        if not fields.keys() <= _REQUEST_KEYS:
            count = len(fields.keys() - _REQUEST_KEYS)
            # An unknown key may be a secret in the wrong place, so it is not repeated.
            raise InvalidRequestError(
                f"{count} unknown key(s); a request has {', '.join(sorted(_REQUEST_KEYS))}"
            )
        operation = _OPERATIONS.get(_typed(fields, "operation", str, "text") or "")
        if operation is None:
            raise InvalidRequestError(f"'operation' must be one of {', '.join(_OPERATIONS)}")
        path = _typed(fields, "path", str, "text")
        if path is None:
            raise InvalidRequestError("'path' is missing")
        token = _typed(fields, "token", str, "text")
        wrap_ttl: int | str | None = None
        if "wrap_ttl" in fields:
            given = fields["wrap_ttl"]
            if not (isinstance(given, str) or is_uint(given)):
                raise InvalidRequestError("'wrap_ttl' must be an unsigned integer or text")
            wrap_ttl = given
        return Request(
            operation=operation,
            path=path,
            peer=self._peer,
            token=None if token is None else Secret(token.encode()),  # it was UTF-8 just now
            data=_typed(fields, "data", dict, "a map"),
            wrap_ttl=wrap_ttl,
        )

    def answer(self, request_id: int, response: Response) -> bytes:
        """An answer's frame.

        Raises:
            TooLargeError: No client would take it. Ask before anything is committed.
        """
        fields: Map = {"id": request_id, **response.to_map()}
        try:
            return frame(codec.encode(fields), max_bytes=MAX_ANSWER_BYTES)
        except FrameTooLargeError as error:
            raise TooLargeError(f"the answer is {error}") from None

    @staticmethod
    def refuse(request_id: int | None, error: RefusedError | WireError) -> bytes:
        """A refusal's frame; also for somebody who never got a connection."""
        detail: Mapping[str, Value] = {}
        if isinstance(error, RefusedError):
            messages, detail = error.messages, error.detail
        else:
            messages = (str(error),)
        # "messages" is never empty on the wire: a bare status is told by its code.
        words: Map = {
            "code": error.code,
            "status": error.status,
            "messages": [*(messages or (error.code,))],
        }
        if detail:
            words["detail"] = {**detail}
        fields: Map = {"id": request_id, "error": words}
        return frame(codec.encode(fields), max_bytes=MAX_ANSWER_BYTES)


def _typed(fields: Map, key: str, kind: type[T], name: str) -> T | None:
    """A field of that type, or None when it is not there; null is not absence."""
    if key not in fields:
        return None
    value = fields[key]
    if isinstance(value, kind):
        return value
    raise InvalidRequestError(f"{key!r} must be {name}")
