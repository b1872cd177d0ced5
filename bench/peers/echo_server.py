"""A server that reads frames and understands none of them: ``echo_server.py SOCKET [DELAY]``.

The first frame of a connection is what it answers to each that follows. Answers to frames that came
together are sent together, as cubbyd does. With a delay it sleeps so many seconds over each frame.
"""

import socket
import sys
import time
from functools import partial
from pathlib import Path

import trio

HEADER_BYTES = 4
RECEIVE_BYTES = 65_536


async def serve(stream: trio.SocketStream, *, delay: float = 0) -> None:
    """One connection."""
    buffer = bytearray()
    answer = b""
    while data := await stream.receive_some(RECEIVE_BYTES):
        buffer += data
        count = 0
        while len(buffer) >= HEADER_BYTES:
            end = HEADER_BYTES + int.from_bytes(buffer[:HEADER_BYTES], "big")
            if len(buffer) < end:
                break
            frame = bytes(buffer[:end])
            del buffer[:end]
            if not answer:
                answer = frame
                continue
            count += 1
            if delay:
                time.sleep(delay)  # noqa: ASYNC251 - as work would, it holds everybody up
        if count:
            await stream.send_all(answer * count)


async def run(listening: socket.socket, delay: float) -> None:
    """Serve, for ever."""
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    await trio.serve_listeners(partial(serve, delay=delay), [listener])


def main(path: str, delay: float = 0) -> None:
    """Listen at that path; who sees the socket there can connect."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{path}.new")
        listening.listen(64)
        Path(f"{path}.new").rename(path)
        trio.run(run, listening, delay)


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
