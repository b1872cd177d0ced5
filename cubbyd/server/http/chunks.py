"""A body that comes in chunks (RFC 9112, section 7.1), read to the letter.

h11 would read it too, but takes blanks behind a size, control characters in an extension, a bare LF
at the end and a size of 80 bits: what other readers end a line at, or count otherwise. Extensions
are ignored, as the standard wants it. Trailers are refused, for nobody here would look at them, and
those who forward requests do not agree on what to do with them.
"""

import re
from typing import Final

from cubbyd.errors import MalformedHttpError

_SIZE: Final = rb"([0-9A-Fa-f]{1,16})(?:;[\t -~\x80-\xff]{0,255})?"
"""A size that 64 bits hold, and an extension that is longer than any in use."""
_LINE: Final = re.compile(_SIZE + rb"\r\n")
_LINE_SO_FAR: Final = re.compile(rb"(?:" + _SIZE + rb"\r?)?")
_LINE_END: Final = b"\r\n"


class Chunks:
    """The chunks of one body, while they are received."""

    def __init__(self, *, max_bytes: int) -> None:
        """Begin; the body is bounded, and so is all that is not body."""
        self._max_bytes = max_bytes
        self._body = bytearray()
        self._lines_bytes = 0
        self._left_bytes = 0
        """Of the chunk that has begun, with the line's end that follows it."""
        self._has_ended = False

    def take(self, buffer: bytearray) -> bytes | None:
        """Take off the buffer what has come of the body; all of it once it has ended.

        Raises:
            MalformedHttpError: It breaks the framing, or is too large: known from a chunk's size.
        """
        while self._left_bytes or self._begins(buffer):
            part = buffer[: self._left_bytes]
            if not part:
                return None
            del buffer[: len(part)]
            self._body += part
            self._left_bytes -= len(part)
            if not self._left_bytes:
                self._end_chunk()
        return bytes(self._body) if self._has_ended else None

    def _begins(self, buffer: bytearray) -> bool:
        """Whether there is a chunk; not while its line is still to come, nor if it is the last."""
        line = _LINE.match(buffer)
        if line is None:
            if not _LINE_SO_FAR.fullmatch(buffer):
                raise MalformedHttpError("a chunk does not begin with its size and CRLF")
            return False
        size, end = int(line[1], 16), line.end()
        if not size:
            after = buffer[end : end + len(_LINE_END)]
            if not _LINE_END.startswith(after):
                raise MalformedHttpError("the last chunk is not followed by an empty line")
            if after != _LINE_END:
                return False
            end += len(_LINE_END)
        self._count(size, end)
        del buffer[:end]
        self._has_ended = not size
        self._left_bytes = size + len(_LINE_END) if size else 0
        return bool(size)

    def _count(self, size: int, line_bytes: int) -> None:
        # Chunks of one byte each cost us far more than they cost the client.
        self._lines_bytes += line_bytes
        if max(len(self._body) + size, self._lines_bytes) > self._max_bytes:
            raise too_large(self._max_bytes)

    def _end_chunk(self) -> None:
        if not self._body.endswith(_LINE_END):
            raise MalformedHttpError("a chunk is not followed by CRLF")
        del self._body[-len(_LINE_END) :]


def too_large(max_bytes: int) -> MalformedHttpError:
    """A body beyond the limit, in Go's words, which are OpenBao's."""
    return MalformedHttpError(
        f"http: request body too large; the limit is {max_bytes} bytes", status=413
    )
