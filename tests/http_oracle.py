"""A second reader of HTTP requests, from RFC 9112's grammar, to hold the HTTP door against.

It shares no code with the door, knows no limits, and is as strict as the grammar, but for two
things: a target may hold what a URL should escape, and trailers are refused.
"""

import re
from dataclasses import dataclass

_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(%b) (/[\x21\x22\x24-\x7e]*) HTTP/1\.([01])" % _TOKEN)
_FIELD = re.compile(
    rb"(%b):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t -~\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
    % _TOKEN
)
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)((?:;[\t -~\x80-\xff]*)?)\r\n")


class NoRequestError(Exception):
    """Not by the grammar."""


@dataclass(frozen=True)
class Read:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    is_last: bool


def read_requests(stream: bytes):
    """The whole requests in the stream, up to the first that is none."""
    while b"\r\n\r\n" in stream:
        try:
            request, stream = _read(stream)
        except NoRequestError:
            return
        yield request
        if request.is_last:
            return


def _read(stream: bytes) -> tuple[Read, bytes]:
    head, _, rest = stream.partition(b"\r\n\r\n")
    request_line, *lines = head.split(b"\r\n")
    method, target, minor = _match(_REQUEST_LINE, request_line)
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, value = _match(_FIELD, line)
        headers.setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
    is_old = minor == b"0"
    if len(headers.get("host", "")) != 1 and not (is_old and "host" not in headers):
        raise NoRequestError
    body, rest = _body(headers, rest, is_old=is_old)
    joined = {name: ", ".join(values) for name, values in headers.items()}
    options = re.split(r"[ \t]*,[ \t]*", joined.get("connection", "").lower())
    is_last = is_old or "close" in options
    return Read(method.decode(), target.decode(), joined, body, is_last), rest


def _body(headers, rest: bytes, *, is_old: bool) -> tuple[bytes, bytes]:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is None and length is None:
        return b"", rest
    if coding is None:
        if len(length) != 1 or not re.fullmatch("[0-9]+", length[0], re.ASCII):
            raise NoRequestError
        size = int(length[0])
        if len(rest) < size:
            raise NoRequestError
        return rest[:size], rest[size:]
    if length is not None or is_old or [each.lower() for each in coding] != ["chunked"]:
        raise NoRequestError
    return _chunks(rest)


def _chunks(rest: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        found = _CHUNK.match(rest)
        if found is None:
            raise NoRequestError
        size, rest = int(found[1], 16), rest[found.end() :]
        if size > len(rest) or rest[size : size + 2] != b"\r\n":
            raise NoRequestError
        body, rest = body + rest[:size], rest[size + 2 :]
        if not size:
            return body, rest


def _match(pattern, text: bytes) -> tuple[bytes, ...]:
    found = pattern.fullmatch(text)
    if found is None:
        raise NoRequestError
    return found.groups()
