"""Frames: a length of four bytes, unsigned and big-endian, and so many bytes of payload."""

from typing import Final

from cubbyd.errors import FrameTooLargeError, MalformedFrameError

HEADER_BYTES: Final = 4

MAX_REQUEST_BYTES: Final = 1024 * 1024
"""Default bound of a request's payload. ssh-agent stops at 256 KiB, but our values may be files."""

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Bound of an answer's payload: what a client must be ready to take, and no daemon exceeds."""


def frame(payload: bytes, *, max_bytes: int) -> bytes:
    """The payload with its header.

    Raises:
        FrameTooLargeError: The payload is longer than the receiver takes.
    """
    if len(payload) > max_bytes:
        raise FrameTooLargeError(f"a frame of {len(payload)} bytes; the limit is {max_bytes}")
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


class FrameReader:
    """Cuts a stream into payloads, however the stream was cut into reads."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer: bytes | bytearray = b""
        self._position = 0
        """Where the next frame begins. What lies before it goes before we wait for more."""

    def receive_data(self, data: bytes) -> None:
        """Take what the socket gave. Only buffers; all judgement is in ``next_payload``."""
        if not self._buffer:
            self._buffer = data  # as it is: most often it is whole frames
            return
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer)
        self._buffer += data

    @property
    def is_mid_frame(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)

    def next_payload(self) -> bytes | None:
        """The next whole payload, or None until more data came.

        Raises:
            FrameTooLargeError: The header promises more than the limit; the body is not awaited.
            MalformedFrameError: The header promises nothing at all.
        """
        buffer = self._buffer
        begin = self._position + HEADER_BYTES
        if len(buffer) < begin:
            self._drop_read()
            return None
        length = int.from_bytes(buffer[self._position : begin], "big")
        if length > self._max_bytes:
            raise FrameTooLargeError(f"a frame of {length} bytes; the limit is {self._max_bytes}")
        if length == 0:
            raise MalformedFrameError("a frame of 0 bytes")
        end = begin + length
        if len(buffer) < end:
            self._drop_read()
            return None
        if len(buffer) == end:
            self._buffer, self._position = b"", 0
        else:
            self._position = end
        return bytes(buffer[begin:end])

    def _drop_read(self) -> None:
        if self._position:  # or a frame that comes in small pieces would be copied for each
            self._buffer = self._buffer[self._position :]
            self._position = 0
