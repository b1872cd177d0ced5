"""A client's end of a connection, and what both ends share: see ``wire.connection``."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeGuard

from cubbyd import codec
from cubbyd.errors import MalformedFrameError, RefusedError, refusal
from cubbyd.messages import Operation, Response
from cubbyd.secret import Secret
from cubbyd.value import Value
from cubbyd.wire.framing import MAX_ANSWER_BYTES, FrameReader, frame

MAX_ID: Final = 2**64 - 1
"""Largest request id: what fits a CBOR unsigned integer."""


class Need(Enum):
    """What ``next_event`` waits for."""

    DATA = "data"


class ClientConnection:
    """A client's end: requests out, responses and refusals in, matched by their ids."""

    def __init__(self) -> None:
        self._reader = FrameReader(max_bytes=MAX_ANSWER_BYTES)
        self._next_id = 0
        self.receive_data = self._reader.receive_data

    def ask(
        self,
        operation: Operation,
        path: str,
        *,
        token: Secret | None = None,
        data: Mapping[str, object] | None = None,
        wrap_ttl: int | str | None = None,
    ) -> tuple[int, bytes]:
        """A request's id and frame.

        Raises:
            ValueError: The data holds something that cubbyd does not carry.
        """
        self._next_id += 1
        fields: dict[str, object] = {
            "id": self._next_id,
            "operation": operation.value,
            "path": path,
        }
        if token is not None:
            fields["token"] = token.reveal_text()
        if data is not None:
            fields["data"] = data
        if wrap_ttl is not None:
            fields["wrap_ttl"] = wrap_ttl
        # The limit is the daemon's to name: it may have been set higher there.
        return self._next_id, frame(codec.encode_foreign(fields), max_bytes=2**32 - 1)

    def next_event(self) -> tuple[int | None, Response | RefusedError] | Need:
        """The id of a request and what became of it; the id is None when the daemon gave up on us.

        Raises:
            WireError: This is no daemon that we understand.
        """
        payload = self._reader.next_payload()
        if payload is None:
            return Need.DATA
        fields = codec.decode(payload, max_items=len(payload))
        if not isinstance(fields, dict):
            raise MalformedFrameError("the answer is not a map")
        request_id = fields.get("id")
        if not (request_id is None or is_uint(request_id)):
            raise MalformedFrameError("the answer's id is not an unsigned integer")
        if "error" in fields:
            return request_id, _refusal(fields["error"])
        if request_id is None:
            raise MalformedFrameError("the answer has no id")
        return request_id, Response.from_map(fields)


def _refusal(words: Value) -> RefusedError:
    match words:
        case {"code": str(code), "status": int(status), "messages": list(messages), **rest}:
            detail = rest.get("detail")
            return refusal(
                code,
                status,
                [str(message) for message in messages],
                detail if isinstance(detail, dict) else None,
            )
        case _:
            raise MalformedFrameError("the refusal lacks its code, status or messages")


def is_uint(value: Value) -> TypeGuard[int]:
    """Whether a value can be a request's id."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID
