"""A connected socket as a session reads and writes it.

It does what ``trio.SocketStream`` does, in the order that suits a server of small requests. There
is nothing to be read just after an answer went out, so we wait first and try then; an answer nearly
always fits into the socket, so we try first and wait then, and take no turn round the event loop
where nothing had to be waited for. That is half of what an exchange costs otherwise.
"""

import socket

import trio


class SocketStream:
    """Closing the socket, when nobody waits for it any more, is its owner's business."""

    def __init__(self, sock: socket.socket) -> None:
        """Begin with a connected socket that does not block."""
        self.socket = sock

    async def receive_some(self, max_bytes: int = 65_536) -> bytes:
        """Some bytes, or none at the end; always a checkpoint.

        Raises:
            trio.BrokenResourceError: The connection is broken.
        """
        while True:
            await trio.lowlevel.wait_readable(self.socket)
            try:
                return self.socket.recv(max_bytes)
            except BlockingIOError:
                pass
            except OSError as error:
                raise trio.BrokenResourceError from error

    async def send_all(self, data: bytes) -> None:
        """Send all of it; a checkpoint only where it has to wait.

        Raises:
            trio.BrokenResourceError: The connection is broken.
        """
        while True:
            try:
                data = data[self.socket.send(data) :]
            except BlockingIOError:
                pass
            except OSError as error:
                raise trio.BrokenResourceError from error
            if not data:
                return
            await trio.lowlevel.wait_writable(self.socket)

    async def send_eof(self) -> None:
        """Send no more.

        Raises:
            trio.BrokenResourceError: The connection is broken.
        """
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise trio.BrokenResourceError from error
