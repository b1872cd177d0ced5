"""The loop of one connection, whatever protocol its door speaks.

Bytes come in, whole requests ("frames") are answered in order, answers go out; the connection ends
when the client ends it, breaks the framing, or lets a deadline pass. Answers to frames that lie in
the buffer together are sent together, since a send costs as much as a simple request.

One cancel scope lasts for the whole session, and its deadline is moved: while we wait for the
client, to when it must have done its part, and to never while our work waits. So a slow disk is
charged to nobody, and what the daemon does for a request is not cut off by that request's client.
Moving it costs as much as reading a request does; so it stays where it is as long as nothing is
waited for, since only then could it cut something off.

Ending early needs no code here: who wants a session to finish ends its *reading* side
(``unix.Doors.finish``). What the client had sent by then is answered, and then comes its end.
"""

from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from math import inf
from types import coroutine
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import trio

from cubbyd.errors import IntegrityError, InternalError, RefusedError, WireError
from cubbyd.messages import Peer, Request, Response
from cubbyd.server.limits import Limits
from cubbyd.server.logs import log, report_bug
from cubbyd.server.protocol import Connect, Connection, Interim
from cubbyd.wire.connection import Asked, Misasked, Need, ServerConnection

T = TypeVar("T")

Encode: TypeAlias = Callable[[Response], bytes]
"""Turns a response into the bytes to send, or raises TooLargeError: call it before committing."""

Answer: TypeAlias = Callable[[Request, Encode], Coroutine[Any, Any, bytes]]
"""Carries a request out and returns what ``Encode`` made of the response.

Raises RefusedError for the client and StoreError to stop the daemon; anything else is our bug.
"""

RECEIVE_BYTES: Final = 64 * 1024
"""Asked of the socket at once: many small requests, or a large one in few calls."""
FLUSH_BYTES: Final = 64 * 1024
"""Answers that wait to be sent together: beyond this a larger send saves nothing."""
TURN_SECONDS: Final = 0.005
"""How long one client's buffered requests go on before everybody else gets a turn."""
IDLE_GRACE: Final = 0.01
"""Of the time that a client may be idle: so much more it may get, since its deadline is moved only
when it has come nearer than that."""
LINGER_SECONDS: Final = 5.0
"""For a client that we gave up on to read why, while it may still be sending: as nginx has it."""


class Stream(Protocol):
    """What a session needs of a stream: ours, or one of trio's."""

    def receive_some(self, max_bytes: int) -> Coroutine[Any, Any, bytes]:
        """Some bytes, or none at the end; always a checkpoint."""

    def send_all(self, data: bytes) -> Coroutine[Any, Any, None]:
        """Send all of it."""

    def send_eof(self) -> Coroutine[Any, Any, None]:
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
        while not connection.is_over and await self._receive(
            deadline, grace=0 if owes_rest else IDLE_GRACE * limits.idle_timeout
        ):
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

    async def _receive(self, deadline: float, *, grace: float) -> bool:
        """Buffer what the client sends; False at its end."""
        if not deadline <= self.patience.deadline <= deadline + grace:
            self.patience.deadline = deadline + grace
        data = await self._stream.receive_some(RECEIVE_BYTES)
        # Where the deadline has passed as well, nothing is begun that would be cut off.
        await trio.lowlevel.checkpoint_if_cancelled()
        self._connection.receive_data(data)
        return bool(data)

    async def _answer_received(self) -> bool:
        """Answer every whole frame; tells whether there was any.

        Raises:
            WireError: There is a broken one; answers to those before it may still be waiting.
        """
        connection, outbox = self._connection, self._outbox
        waiting_bytes = 0
        finished_any = False
        turn_ends = trio.current_time() + TURN_SECONDS
        while (event := connection.next_event()) is not Need.DATA:
            if isinstance(event, Interim):
                outbox.append(event.data)
                continue
            finished_any = True
            outbox.append(await self._answer_one(event))
            waiting_bytes += len(outbox[-1])
            if not connection.is_mid_frame:
                continue  # to the end; nothing more has come
            if waiting_bytes >= FLUSH_BYTES or trio.current_time() >= turn_ends:
                await self._flush()
                self._be_patient()
                await trio.lowlevel.checkpoint()
                waiting_bytes = 0
                turn_ends = trio.current_time() + TURN_SECONDS
        if outbox:
            await self._flush()
        return finished_any

    async def _answer_one(self, event: Asked | Misasked) -> bytes:
        connection = self._connection
        if isinstance(event, Misasked):
            return connection.refuse(event.id, event.error)
        try:
            work = self._answer(event.request, partial(connection.answer, event.id))
            return await _before_waiting(self._be_patient, work)
        # An exception that outlived its clause would hold these frames, and the request in them.
        except IntegrityError as error:
            log.error("%s", error)  # somebody has to look at the disk
            return connection.refuse(event.id, error)
        except RefusedError as error:
            return connection.refuse(event.id, error)
        except Exception as error:  # noqa: BLE001 - a bug costs one answer, not the connection
            report_bug(error)
            return connection.refuse(event.id, InternalError())

    async def _flush(self) -> None:
        """Send what waits. May leave the deadline at the client's."""
        frames = b"".join(self._outbox)
        self._outbox.clear()
        await _before_waiting(self._hurry, self._stream.send_all(frames))

    def _be_patient(self) -> None:
        """From here on the time is ours: no deadline, unless it has passed already."""
        self.patience.deadline = inf

    def _hurry(self) -> None:
        """From here on the time is the client's, who has to take what we send."""
        self.patience.deadline = trio.current_time() + self._limits.send_timeout


@coroutine
def _before_waiting(
    prepare: Callable[[], None], work: Coroutine[Any, Any, T]
) -> Generator[Any, Any, T]:
    """Await the work, but ``prepare`` before its first wait, if it comes to one.

    A wait is what the coroutine yields, all the way up to trio, which sends in how it went. (It
    throws nothing in.)
    """
    try:
        wait = work.send(None)
        prepare()
        while True:
            wait = work.send((yield wait))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
