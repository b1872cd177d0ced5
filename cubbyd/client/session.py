"""One connection to the daemon and the talk on it, but for the waiting, which is a shell's.

``Session.exchange`` is a generator: it does all its I/O on a socket that never blocks, and yields
whenever it has to wait. A shell waits in its own way and resumes it, or throws ``TimeoutError`` in,
or closes it. So what may be sent again, when a connection is given up, and what is said about it
stand here once.

Sockets are the C module's: all that the ``socket`` module adds is not used here, and takes long to
load.

A frame that did not leave whole was not carried out. One that did may have been, whatever became of
the answer, and is never sent again: unwrapping twice would look like an interception.
"""

from _socket import AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, SOCK_STREAM, socket
from collections.abc import Generator
from enum import Enum
from typing import Final, TypeVar

from cubbyd.client.calls import Call
from cubbyd.client.trust import check_listener
from cubbyd.errors import MalformedFrameError, RefusedError, UnavailableError, WireError
from cubbyd.messages import Response
from cubbyd.secret import Secret
from cubbyd.wire.client_connection import ClientConnection, Need

R = TypeVar("R")

TURN_SECONDS: Final = 0.005
"""How long to wait before connecting again while the daemon's queue of connections is full: about
what it takes to serve a few."""

_RECEIVE_BYTES: Final = 64 * 1024


class Wait(Enum):
    """What ``exchange`` waits for when it yields."""

    READABLE = "readable"
    WRITABLE = "writable"
    TURN = "turn"
    """Nothing that the kernel would tell: try again after ``TURN_SECONDS``."""


class OutcomeUnknownError(UnavailableError):
    """The request left whole, and no sensible answer came: it may have been carried out."""


class Session:
    """The connection, opened when it is needed and again when the daemon has closed it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection = ClientConnection()
        self.socket: socket | None = None
        """What to wait for; None while there is no connection."""

    def close(self) -> None:
        """Give the connection up. The next exchange opens another."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def exchange(self, call: Call[R], token: Secret | None) -> Generator[Wait, None, R]:
        """Ask, and wait for the answer.

        Args:
            call: What to ask. Its own token, if it has one, goes before the client's.
            token: The client's.

        Raises:
            RefusedError: The daemon refused.
            UnavailableError: Nobody answers there, or not sensibly.
            OutcomeUnknownError: Likewise, but the request may have been carried out.
            ValueError: The data holds something that cubbyd does not carry.
        """
        sock = yield from self._connected()
        request_id, frame = self._connection.ask(
            call.operation,
            call.path,
            token=call.token or token,
            data=call.data,
            wrap_ttl=call.wrap_ttl,
        )
        reply = None
        try:
            reply = yield from self._talk(sock, request_id, frame)
        finally:
            # Also when the caller was cancelled: a stream with an answer still to come is no use.
            if reply is None:
                self.close()
        if isinstance(reply, RefusedError):
            raise reply
        try:
            return call.decode(reply)
        except MalformedFrameError as error:
            raise OutcomeUnknownError(
                f"the request was carried out, but its answer is unexpected: {error}"
            ) from error

    def _connected(self) -> Generator[Wait, None, socket]:
        if self.socket is not None:
            if not _has_spoken(self.socket):
                return self.socket
            self.close()
        sock = socket(AF_UNIX, SOCK_STREAM)
        try:
            sock.settimeout(0)  # never blocks
            yield from self._connect(sock)
            check_listener(sock, self._path)
        except BaseException:
            sock.close()
            raise
        self._connection = ClientConnection()
        self.socket = sock
        return sock

    def _connect(self, sock: socket) -> Generator[Wait, None, None]:
        while True:
            try:
                return sock.connect(self._path)
            except BlockingIOError:
                pass  # A Unix socket says so when the queue is full; it is never "in progress".
            except OSError as error:
                raise UnavailableError(self._why_not(error)) from error
            try:
                yield Wait.TURN
            except TimeoutError as error:
                raise UnavailableError(
                    f"the daemon at {self._path} takes no connections; it is overloaded or stopped"
                ) from error

    def _why_not(self, error: OSError) -> str:
        match error:
            case FileNotFoundError() | ConnectionRefusedError():
                problem = "no daemon listens"
            case PermissionError():
                problem = "you may not connect"
            case _:
                problem = f"cannot connect ({error.strerror})"
        return (
            f"{problem} at {self._path}: start one with 'cubbyd', or name another socket with "
            "--socket or CUBBY_SOCKET"
        )

    def _talk(
        self, sock: socket, request_id: int, frame: bytes
    ) -> Generator[Wait, None, Response | RefusedError]:
        is_sent = False
        try:
            is_sent = yield from _send(sock, frame)
            # If the daemon hung up midway, it may have said why: read that before giving up.
            while (event := self._connection.next_event()) is Need.DATA:
                received = yield from _receive(sock)
                if not received:
                    raise self._lost("the daemon went away", is_sent=is_sent)
                self._connection.receive_data(received)
        except TimeoutError as error:
            raise self._lost("no answer came in time", is_sent=is_sent) from error
        except WireError as error:
            raise self._lost(f"the answer makes no sense ({error})", is_sent=is_sent) from error
        answered_id, reply = event
        if answered_id is None and isinstance(reply, RefusedError):
            self.close()  # as the daemon does: it understood nothing, or wants nobody
            return reply
        if answered_id != request_id:
            raise self._lost("the answer is to another request", is_sent=is_sent)
        return reply

    def _lost(self, problem: str, *, is_sent: bool) -> UnavailableError:
        if not is_sent:
            return UnavailableError(
                f"{problem} while the request was being sent to {self._path}; it was not carried "
                "out: try again"
            )
        return OutcomeUnknownError(
            f"{problem} from {self._path}; whether the request was carried out is not known: look "
            "before you repeat it"
        )


def _has_spoken(sock: socket) -> bool:
    """Whether an idle connection has anything to read: its end, or a last word before it."""
    try:
        sock.recv(1, MSG_PEEK | MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _send(sock: socket, frame: bytes) -> Generator[Wait, None, bool]:
    """Whether all of it left; not when the daemon hung up before."""
    rest = memoryview(frame)
    while rest:
        try:
            rest = rest[sock.send(rest, MSG_NOSIGNAL) :]
        except BlockingIOError:
            yield Wait.WRITABLE
        except OSError:
            return False
    return True


def _receive(sock: socket) -> Generator[Wait, None, bytes]:
    """What came, or nothing at the end of the stream."""
    while True:
        try:
            return sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            yield Wait.READABLE
        except OSError:
            return b""
