"""One request while it is received: h11 reads its head, and what the head promises is waited for.

The body is not h11's business: one that has a length needs no reader, and for one in chunks h11 is
too generous (see ``chunks``).
"""

import h11

from cubbyd.errors import MalformedHttpError
from cubbyd.server.http.chunks import Chunks, too_large
from cubbyd.server.http.head import MAX_HEAD_BYTES
from cubbyd.server.http.request import HttpRequest


class Incoming:
    """A request whose head has come, and whose body may still be coming."""

    def __init__(self, head: bytes, *, max_body_bytes: int) -> None:
        """Read the head, with the blank line that ends it.

        Raises:
            MalformedHttpError: It is no request, or its body would be too large.
        """
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        connection.receive_data(head)
        self._request = _request(connection)
        self._headers = _headers(self._request)
        self._length = int(self._headers.get("content-length", "0"))
        if self._length > max_body_bytes:
            raise too_large(max_body_bytes)
        is_chunked = "transfer-encoding" in self._headers
        self._chunks = Chunks(max_bytes=max_body_bytes) if is_chunked else None
        self._may_wait = connection.they_are_waiting_for_100_continue and bool(
            self._chunks or self._length
        )
        options = self._headers.get("connection", "").lower().split(",")
        self.closes = self._request.http_version != b"1.1" or "close" in (
            option.strip() for option in options
        )
        """Whether its answer is the connection's last."""

    def waits_for_go_ahead(self, buffer: bytearray) -> bool:
        """Whether the client sends its body only when it is told to; true at most once."""
        waits = self._may_wait and not buffer
        self._may_wait = False
        return waits

    def finish(self, buffer: bytearray) -> HttpRequest | None:
        """The request, whose body is taken off the buffer, once it is whole; None until then.

        Raises:
            MalformedHttpError: The body breaks the framing, or is too large.
        """
        body = self._sized(buffer) if self._chunks is None else self._chunks.take(buffer)
        if body is None:
            return None
        return HttpRequest(
            method=self._request.method.decode("ascii"),
            target=self._request.target.decode("ascii"),
            headers=self._headers,
            body=body,
        )

    def _sized(self, buffer: bytearray) -> bytes | None:
        if len(buffer) < self._length:
            return None
        body = bytes(buffer[: self._length])
        del buffer[: self._length]
        return body


def _request(connection: h11.Connection) -> h11.Request:
    status = 400
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        status = error.error_status_hint  # its text quotes what it read
    else:
        if isinstance(event, h11.Request):
            return event
    raise MalformedHttpError("this is no HTTP/1.1 request", status=status)


def _headers(request: h11.Request) -> dict[str, str]:
    """By name in lower case; what is there several times is one list (RFC 9110, section 5.3)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw_items():
        name = raw_name.lower().decode("ascii")
        value = raw_value.decode(errors="surrogateescape")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
