"""The doors of the house: accept, look who it is, let in or turn away, and count.

What comes after, the protocol, is a door's own: ``Door.serve``. Several doors share one ``Doors``,
so that their connections are counted together and end together.

Resource handling: ``Doors.serve`` closes every connection when its session ends, and the listeners
when it returns.

Error handling: whatever goes wrong in a session ends that session. Only StoreError goes further.
Out of file descriptors or memory, accepting rests for a moment, and those inside go on.
"""

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol

import trio

from cubbyd.errors import PermissionDeniedError, RefusedError
from cubbyd.messages import Peer
from cubbyd.server.limits import Census, Limits
from cubbyd.server.logs import log, report_bug
from cubbyd.server.peer import Access, Credentials, credentials, observe
from cubbyd.server.stream import SocketStream

ACCEPT_PAUSE: Final = 0.1
"""Seconds without accepting, when the system has no room for one more: as trio does it."""

FAREWELL_SECONDS: Final = 1.0
"""For somebody who was turned away to read why. An HTTP client that finds the other end closed when
it has just connected, or while it sends its request, tells its user that instead."""
MAX_FAREWELLS: Final = 32
"""Of these at once; who comes on top of them may miss it. They cost descriptors, but no place."""

FIRST_WORD_SECONDS: Final = 0.5
"""For somebody who came just before the end to ask something: it was let in, so it is served.
A restart then refuses nobody; who comes later waits in the socket, where that is systemd's."""

_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
_GONE = {errno.EAGAIN, errno.ECONNABORTED, errno.EINTR}


class Listener(Protocol):
    """A listening Unix socket that does not block: a ``SocketFile``, or one from systemd."""

    def fileno(self) -> int:
        """Its file descriptor."""

    def accept(self) -> tuple[socket.socket, object]:
        """One connection, or an OSError."""

    def close(self) -> None:
        """Stop listening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where clients come in, and what they find there."""

    listener: Listener
    serve: Callable[[SocketStream, Peer, Limits], Awaitable[None]]
    """Serves one connection; closing it is not its business."""
    turn_away: Callable[[RefusedError], bytes]
    """What to send to somebody who is not let in."""


class _Visit:
    """One connection."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.has_ended = trio.Event()


class Doors:
    """All doors of the daemon, and everybody who came through them."""

    def __init__(self, access: Access, limits: Limits) -> None:
        self.access = access
        """Who is let in; a new one holds from the next connection on."""
        self.limits = limits
        """Likewise."""
        self._census = Census()
        self._inside: dict[SocketStream, _Visit] = {}
        self._leaving = 0
        self._accepting = trio.CancelScope()
        self._emptied_at: float | None = None

    @property
    def connections(self) -> int:
        """Open now."""
        return self._census.total

    def quiet_for(self) -> float:
        """Seconds since the last connection ended, or we began; 0 while there is one."""
        if self._inside or self._emptied_at is None:
            return 0.0
        return trio.current_time() - self._emptied_at

    async def serve(
        self,
        doors: Sequence[Door],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until ``finish``, and then until the last session has ended.

        Raises:
            StoreError: A session found that the daemon must stop. In a group, as nurseries do.
            OSError: A listener is broken.
        """
        self._emptied_at = trio.current_time()
        async with trio.open_nursery() as sessions:
            try:
                with self._accepting:
                    async with trio.open_nursery() as accepting:
                        for door in doors:
                            accepting.start_soon(self._accept, door, sessions)
                        task_status.started()
            finally:
                for door in doors:
                    door.listener.close()
            await self._hear_out()

    def finish(self) -> None:
        """Let nobody in any more, and let those inside finish what they have asked for.

        Ending the reading side draws the line in the kernel: what a client has sent so far is still
        read and answered, what it tries to send later fails at the client. For those who have just
        come it is drawn a moment later.
        """
        self._accepting.cancel()
        young = trio.current_time() - FIRST_WORD_SECONDS
        for stream, visit in self._inside.items():
            if visit.since < young:
                _end_reading(stream)

    async def _hear_out(self) -> None:
        for stream, visit in [*self._inside.items()]:
            with trio.move_on_at(visit.since + FIRST_WORD_SECONDS):
                await visit.has_ended.wait()
            if not visit.has_ended.is_set():
                _end_reading(stream)

    async def _accept(self, door: Door, sessions: trio.Nursery) -> None:
        while True:
            await trio.lowlevel.wait_readable(door.listener.fileno())
            await trio.lowlevel.checkpoint_if_cancelled()  # nobody slips in behind finish()
            try:
                sock, _ = door.listener.accept()
            except OSError as error:
                if error.errno in _NO_ROOM:
                    log.error("cannot accept connections: %s", os.strerror(error.errno))
                    await trio.sleep(ACCEPT_PAUSE)
                elif error.errno not in _GONE:
                    raise
            else:
                self._greet(sock, door, sessions)

    def _greet(self, sock: socket.socket, door: Door, sessions: trio.Nursery) -> None:
        """Let one in or turn it away, without waiting."""
        sock.settimeout(0)
        try:
            known = credentials(sock)
            peer = self._let_in(sock, known)
        except RefusedError as error:
            self._turn_away(sock, door.turn_away(error), sessions)
        except OSError:
            sock.close()
        else:
            stream = SocketStream(sock)
            self._inside[stream] = _Visit(trio.current_time())
            sessions.start_soon(self._session, door, stream, peer)

    def _turn_away(self, sock: socket.socket, words: bytes, sessions: trio.Nursery) -> None:
        with suppress(OSError):
            # A fresh socket has room for this; if not, nobody waits for it.
            sock.send(words, socket.MSG_DONTWAIT)
            sock.shutdown(socket.SHUT_WR)
        if self._leaving < MAX_FAREWELLS:
            self._leaving += 1
            sessions.start_soon(self._see_off, SocketStream(sock))
        else:
            sock.close()

    async def _see_off(self, stream: SocketStream) -> None:
        self._inside[stream] = _Visit(-inf)  # it is not to be heard, only to read
        try:
            with trio.move_on_after(FAREWELL_SECONDS), suppress(trio.BrokenResourceError):
                while await stream.receive_some(4096):
                    pass
        finally:
            self._forget(stream)
            self._leaving -= 1

    def _let_in(self, sock: socket.socket, known: Credentials) -> Peer:
        """Raises PermissionDeniedError for a stranger and BusyError when it is too full."""
        role = self.access.role(known)
        if role is None:
            log.warning("turned away: uid %d, gid %d, pid %d", known.uid, known.gid, known.pid)
            raise PermissionDeniedError(
                f"uid {known.uid} is neither an owner nor a guest of this cubbyd"
            )
        peer = observe(sock, known, role)
        try:
            self._census.admit(peer.uid, role, self.limits)
        except RefusedError as error:
            log.warning("too busy: %s", error)
            raise
        return peer

    async def _session(self, door: Door, stream: SocketStream, peer: Peer) -> None:
        try:
            await door.serve(stream, peer, self.limits)
        except Exception as error:  # noqa: BLE001 - it ends this session, and no other
            report_bug(error)
        finally:
            self._forget(stream)
            self._census.leave(peer.uid)

    def _forget(self, stream: SocketStream) -> None:
        self._inside.pop(stream).has_ended.set()
        self._emptied_at = trio.current_time()
        stream.socket.close()


def _end_reading(stream: SocketStream) -> None:
    with suppress(OSError):
        stream.socket.shutdown(socket.SHUT_RD)
