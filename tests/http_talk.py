"""Plain HTTP for tests of the HTTP door: requests as bytes, and answers read from bytes."""

import json
from dataclasses import dataclass

HOST = b"Host: localhost\r\n"
GET = b"GET /v1/sys/health HTTP/1.1\r\n" + HOST + b"\r\n"
"""A request that is fine."""


def get(*headers: bytes, path: bytes = b"/v1/sys/health") -> bytes:
    """A request with more headers."""
    lines = (b"GET " + path + b" HTTP/1.1", HOST[:-2], *headers, b"", b"")
    return b"\r\n".join(lines)


def post(*headers: bytes, body: bytes = b"", path: bytes = b"/v1/cubbyhole/x") -> bytes:
    """The same with a body, whose length is for the headers to say."""
    return get(*headers, path=path).replace(b"GET", b"POST", 1) + body


def sized(body: bytes, *headers: bytes, path: bytes = b"/v1/cubbyhole/x") -> bytes:
    """A request whose body has a length."""
    return post(*headers, b"Content-Length: %d" % len(body), body=body, path=path)


def chunked(body: bytes) -> bytes:
    """A request whose body is these bytes, which ought to be chunks."""
    return post(b"Transfer-Encoding: chunked", body=body)


def chunks(*parts: bytes) -> bytes:
    """A body in chunks, as the standard has it."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


@dataclass(frozen=True)
class Answer:
    """What a client reads."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def errors(self):
        return self.json["errors"]


def read_answers(stream: bytes, *, is_head: bool = False) -> list[Answer]:
    """All answers in a stream, of which nothing may be left over."""
    found = []
    while stream:
        head, _, stream = stream.partition(b"\r\n\r\n")
        line, *lines = head.decode().split("\r\n")
        version, status, _ = line.split(" ", 2)
        assert version == "HTTP/1.1"
        pairs = [each.split(": ", 1) for each in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs)
        length = 0 if is_head else int(headers.get("content-length", "0"))
        assert len(stream) >= length
        found.append(Answer(int(status), headers, stream[:length]))
        stream = stream[length:]
    return found


def read_answer(stream: bytes, *, is_head: bool = False) -> Answer:
    """The only answer in a stream."""
    [answer] = read_answers(stream, is_head=is_head)
    return answer
