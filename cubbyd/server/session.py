"""The loop of one connection, whatever protocol its door speaks.

Bytes come in, whole requests ("frames") are answered in order, answers go out; the connection ends
when the client ends it, breaks the framing, or lets a deadline pass. Answers to frames that lie in
the buffer together are sent together, since a send costs as much as a simple request.

One cancel scope lasts for the whole session, and its deadline is moved: while we wait for the
client, to when it must have done its part, and to never while we work. So a slow disk is charged to
nobody, and what the daemon does for a request is not cut off by that request's client.

Ending early needs no code here: who wants a session to finish ends its *reading* side
(``unix.Doors.finish``). What the client had sent by then is answered, and then comes its end.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from math import inf
from typing import Final, Protocol, TypeAlias

import trio

from cubbyd.errors import IntegrityError, InternalError, RefusedError, WireError
from cubbyd.messages import Peer, Request, Response
from cubbyd.server.limits import Limits
from cubbyd.server.logs import log, report_bug
from cubbyd.server.protocol import Connect, Connection, Interim
from cubbyd.wire.connection import Asked, Misasked, Need, ServerConnection

Encode: TypeAlias = Callable[[Response], bytes]
"""Turns a response into the bytes to send, or raises TooLargeError: call it before committing."""

Answer: TypeAlias = Callable[[Request, Encode], Awaitable[bytes]]
"""Carries a request out and returns what ``Encode`` made of the response.

Raises RefusedError for the client and StoreError to stop the daemon; anything else is our bug.
"""

RECEIVE_BYTES: Final = 64 * 1024
"""Asked of the socket at once: many small requests, or a large one in few calls."""
FLUSH_BYTES: Final = 64 * 1024
"""Answers that wait to be sent together: beyond this a larger send saves nothing."""
TURN_SECONDS: Final = 0.005
"""How long one client's buffered requests go on before everybody else gets a turn."""
LINGER_SECONDS: Final = 5.0
"""For a client that we gave up on to read why, while it may still be sending: as nginx has it."""


class Stream(Protocol):
    """What a session needs of a trio stream."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Some bytes, or none at the end."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it; always a checkpoint."""

    async def send_eof(self) -> None:
        """Send no more."""


async def serve(
    stream: Stream,
    peer: Peer,
    *,
    answer: Answer,
    limits: Limits,
    connect: Connect = ServerConnection,
) -> None:
    """Serve one connection to its end. Closing the stream is left to the caller.

    Raises:
        StoreError: What is on disk is unknown, and the daemon must stop. Maybe inside a group.
    """
    connection = connect(peer, max_frame_bytes=limits.max_frame_bytes)
    session = _Session(stream, connection, answer=answer, limits=limits)
    with session.patience, suppress(trio.BrokenResourceError):
        try:
            await session.run()
        except WireError as error:
            log.warning("closing on uid %d, pid %d: %s", peer.uid, peer.pid, error)
            await session.give_up(error)
    if session.patience.cancelled_caught:
        log.debug("closing on uid %d, pid %d: a deadline passed", peer.uid, peer.pid)


def turn_away(error: RefusedError) -> bytes:
    """The frame for somebody who does not get a session."""
    return ServerConnection.refuse(None, error)


class _Session:
    def __init__(
        self, stream: Stream, connection: Connection, *, answer: Answer, limits: Limits
    ) -> None:
        self._stream = stream
        self._connection = connection
        self._answer = answer
        self._limits = limits
        self._outbox: list[bytes] = []
        self.patience = trio.CancelScope()

    async def run(self) -> None:
        limits, connection = self._limits, self._connection
        deadline = trio.current_time() + limits.idle_timeout
        owes_rest = False
        # What was received and asked is held by no variable here, nor in what this calls: a secret
        # would stay in memory for as long as the client is idle.
        while not connection.is_over and await self._receive(deadline):
            finished_any = await self._answer_received()
            if not connection.is_mid_frame:
                deadline = trio.current_time() + limits.idle_timeout
                owes_rest = False
            elif finished_any or not owes_rest:
                # A frame that has begun keeps this deadline, however often more of it comes.
                deadline = trio.current_time() + limits.frame_timeout
                owes_rest = True

    async def give_up(self, error: WireError) -> None:
        """Send what waits, and why there is no more; then let the client come to read it.

        A socket that is closed while it holds unread data fails the client's sending, and many a
        client that fails to send never reads.
        """
        self._outbox.append(self._connection.refuse(None, error))
        await self._flush()
        self.patience.deadline = trio.current_time() + LINGER_SECONDS
        await self._stream.send_eof()
        while await self._stream.receive_some(RECEIVE_BYTES):
            pass

    async def _receive(self, deadline: float) -> bool:
        """Buffer what the client sends; False at its end."""
        self.patience.deadline = deadline
        data = await self._stream.receive_some(RECEIVE_BYTES)
        await self._be_patient()
        self._connection.receive_data(data)
        return bool(data)

    async def _answer_received(self) -> bool:
        """Answer every whole frame; tells whether there was any.

        Raises:
            WireError: There is a broken one; answers to those before it may still be waiting.
        """
        waiting_bytes = 0
        finished_any = False
        turn_ends = trio.current_time() + TURN_SECONDS
        while (event := self._connection.next_event()) is not Need.DATA:
            if isinstance(event, Interim):
                self._outbox.append(event.data)
                continue
            finished_any = True
            self._outbox.append(await self._answer_one(event))
            waiting_bytes += len(self._outbox[-1])
            if waiting_bytes >= FLUSH_BYTES or trio.current_time() >= turn_ends:
                await self._flush()
                await self._be_patient()
                waiting_bytes = 0
                turn_ends = trio.current_time() + TURN_SECONDS
        if self._outbox:
            await self._flush()
        return finished_any

    async def _answer_one(self, event: Asked | Misasked) -> bytes:
        refuse = partial(self._connection.refuse, event.id)
        if isinstance(event, Misasked):
            return refuse(event.error)
        try:
            return await self._answer(event.request, partial(self._connection.answer, event.id))
        # An exception that outlived its clause would hold these frames, and the request in them.
        except IntegrityError as error:
            log.error("%s", error)  # somebody has to look at the disk
            return refuse(error)
        except RefusedError as error:
            return refuse(error)
        except Exception as error:  # noqa: BLE001 - a bug costs one answer, not the connection
            report_bug(error)
            return refuse(InternalError())

    async def _flush(self) -> None:
        """Send what waits. Leaves the deadline at the client's."""
        frames = b"".join(self._outbox)
        self._outbox.clear()
        self.patience.deadline = trio.current_time() + self._limits.send_timeout
        await self._stream.send_all(frames)

    async def _be_patient(self) -> None:
        """From here on the time is ours: no deadline, unless it has passed already."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self.patience.deadline = inf
