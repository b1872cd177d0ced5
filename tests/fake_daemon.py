"""A daemon without a store, on a real socket: says what a test's script tells it to say."""

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from fakes import OWNER

from cubbyd.errors import RefusedError, WireError
from cubbyd.messages import Request, Response
from cubbyd.wire.connection import Asked, Need, ServerConnection

Handler = Callable[[Request], Response]


class HangUpError(Exception):
    """Raised by a handler: close without an answer."""


class RawAnswer(Exception):  # noqa: N818 - a way to answer
    """Raised by a handler: send these bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data


class FakeDaemon:
    """Answers each request by ``handler``; what it was asked is in ``requests``.

    It serves one connection after the other, each until the client closes it or ``hang_up``.
    """

    def __init__(self, path: Path, handler: Handler, *, max_frame_bytes: int = 1024 * 1024) -> None:
        self.path = path
        self.handler = handler
        self.greeting: bytes | None = None
        """Sent at accept, in place of listening; then it closes."""
        self.requests: list[Request] = []
        self.connections = 0
        self._max_frame_bytes = max_frame_bytes
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stream: socket.socket | None = None
        self._is_closed = Event()
        self._is_idle = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Self:
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._shut_stream()
        self._thread.join()
        self._listener.close()
        self.path.unlink()

    def hang_up(self) -> None:
        """Close the connection that is open, as a restart does, and wait until that is done."""
        self._is_idle.clear()
        self._shut_stream()
        assert self._is_idle.wait(10)

    def _shut_stream(self) -> None:
        stream = self._stream
        if stream is not None:
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            with stream:
                self.connections += 1
                self._stream = stream
                if not self._is_closed.is_set():
                    self._serve(stream)
                self._stream = None
            self._is_idle.set()

    def _serve(self, stream: socket.socket) -> None:
        if self.greeting is not None:
            stream.sendall(self.greeting)
            return
        connection = ServerConnection(OWNER, max_frame_bytes=self._max_frame_bytes)
        try:
            while True:
                event = connection.next_event()
                if event is Need.DATA:
                    received = stream.recv(65536)
                    if not received:
                        return
                    connection.receive_data(received)
                else:
                    assert isinstance(event, Asked), event
                    stream.sendall(self._reply(connection, event))
        except WireError as error:
            stream.sendall(connection.refuse(None, error))
        except (HangUpError, OSError):
            pass

    def _reply(self, connection: ServerConnection, asked: Asked) -> bytes:
        self.requests.append(asked.request)
        try:
            return connection.answer(asked.id, self.handler(asked.request))
        except RefusedError as error:
            return connection.refuse(asked.id, error)
        except RawAnswer as answer:
            return answer.data
