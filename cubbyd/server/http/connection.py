"""The daemon's end of an HTTP connection as a plain state machine, around h11's.

h11 reads each request's head, a fresh one for each. Before it does, the head is judged by ``head``,
since h11 forgets how it was spelt.
"""

from cubbyd.errors import RefusedError, WireError
from cubbyd.messages import Peer, Response, Role
from cubbyd.server.http import head, reply
from cubbyd.server.http.incoming import Incoming
from cubbyd.server.http.request import Shape, to_request
from cubbyd.server.protocol import Event, Interim
from cubbyd.wire.connection import Asked, Misasked, Need
from cubbyd.wire.framing import MAX_REQUEST_BYTES


class HttpConnection:
    """Requests in, answers and refusals out, one after the other."""

    def __init__(self, peer: Peer, *, max_frame_bytes: int = MAX_REQUEST_BYTES) -> None:
        """Begin with a peer, for whom its token alone counts here; a body is bounded."""
        self._peer = peer._replace(role=Role.BEARER)
        self._max_body_bytes = max_frame_bytes
        self._buffer = bytearray()
        """What has come, and was not taken for a request yet."""
        self._incoming: Incoming | None = None
        """A request whose head has ended, and was taken off the buffer."""
        # How to answer the request that came last:
        self._shape = Shape.ENVELOPE
        self._is_head = False
        self.is_over = False

    @property
    def is_mid_frame(self) -> bool:
        """Whether the client owes us the rest of a request."""
        return bool(self._buffer) or self._incoming is not None

    def receive_data(self, data: bytes) -> None:
        """Take what the socket gave. Only buffers."""
        self._buffer += data

    def next_event(self) -> Event:
        """The next request, what is wrong with it, or that more data is needed.

        Raises:
            MalformedHttpError: What came is no request, or one that could be read in two ways.
        """
        incoming = self._incoming or self._begin()
        if incoming is None:
            return Need.DATA
        if incoming.waits_for_go_ahead(self._buffer):
            return Interim(reply.CONTINUE)
        http = incoming.finish(self._buffer)
        if http is None:
            return Need.DATA
        self._incoming = None
        self._shape, self._is_head, self.is_over = http.shape, http.is_head, incoming.closes
        try:
            return Asked(0, to_request(http, self._peer))
        except RefusedError as error:
            return Misasked(0, error)

    def _begin(self) -> Incoming | None:
        """The next request once its head has ended."""
        if self.is_over:
            return None
        self._is_head = False  # until this one is known to be
        end = self._buffer.find(head.END)
        if end < 0 or end > head.MAX_HEAD_BYTES:
            head.check_beginning(self._buffer)
            return None
        received = bytes(self._buffer[: end + len(head.END)])
        head.check(received[:end])
        self._incoming = Incoming(received, max_body_bytes=self._max_body_bytes)
        del self._buffer[: len(received)]
        return self._incoming

    def answer(self, request_id: int, response: Response) -> bytes:  # noqa: ARG002 - all in order
        """An answer's bytes. Raises TooLargeError."""
        return reply.answer(response, shape=self._shape, is_head=self._is_head, closes=self.is_over)

    def refuse(self, request_id: int | None, error: RefusedError | WireError) -> bytes:
        """A refusal's bytes; without an id it is the last that the connection carries."""
        is_last = request_id is None
        return reply.refuse(error, is_head=self._is_head, closes=self.is_over or is_last)


def turn_away(error: RefusedError) -> bytes:
    """The answer to somebody who does not get a connection."""
    return reply.refuse(error, closes=True)
