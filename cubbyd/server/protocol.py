"""What a session needs of the protocol that a door speaks: a plain state machine, bytes in and out.

``wire.connection.ServerConnection`` is the CBOR door's and ``server.http.connection`` the HTTP
door's. Requests are answered one by one, in order: between two calls of ``next_event`` the answer
to the first is made.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from cubbyd.errors import RefusedError, WireError
from cubbyd.messages import Peer, Response
from cubbyd.wire.connection import Asked, Misasked, Need


@dataclass(frozen=True, slots=True)
class Interim:
    """Something to send before the request that is being received can go on."""

    data: bytes


Event: TypeAlias = Asked | Misasked | Interim | Need


class Connection(Protocol):
    """The daemon's end of one connection."""

    @property
    def is_mid_frame(self) -> bool:
        """Whether the client owes us the rest of a request."""

    @property
    def is_over(self) -> bool:
        """Whether the answer that was made last is the last of this connection."""

    def receive_data(self, data: bytes) -> None:
        """Take what the socket gave. Only buffers."""

    def next_event(self) -> Event:
        """The next request, what is wrong with it, or that more data is needed.

        Raises:
            WireError: The stream is broken; nothing after this point can be understood.
        """

    def answer(self, request_id: int, response: Response) -> bytes:
        """An answer's bytes. Changes nothing here, for it may yet become a refusal.

        Raises:
            TooLargeError: No client would take it. Ask before anything is committed.
        """

    def refuse(self, request_id: int | None, error: RefusedError | WireError) -> bytes:
        """A refusal's bytes; without an id it is the last that the connection carries."""


class Connect(Protocol):
    """Begins a connection with a peer."""

    def __call__(self, peer: Peer, *, max_frame_bytes: int) -> Connection:
        """The daemon's end of it; a request's payload is bounded."""
