"""How much a client may cost, and who is let in when it gets tight."""

from collections import Counter
from dataclasses import dataclass

from cubbyd.errors import BusyError
from cubbyd.messages import Role
from cubbyd.wire.framing import MAX_REQUEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of every connection, and of all together. Times are seconds."""

    max_frame_bytes: int = MAX_REQUEST_BYTES
    """Payload of one request."""
    max_connections: int = 1024
    """Open at once, whoever has them: 1024 with a buffer each still fit a small machine."""
    max_connections_per_uid: int = 256
    """Open at once by one user."""
    idle_timeout: float = 600
    """Until a connection on which no frame has begun is closed, or a hundredth longer; a
    client reconnects at no cost."""
    frame_timeout: float = 30
    """From a frame's first byte to its last, however the bytes are dribbled."""
    send_timeout: float = 30
    """For a client to take what was sent to it at once."""
    owner_reserve: int = 16
    """Of ``max_connections``, those that only owners get: who runs the place can always look."""


class Census:
    """Counts connections, and keeps a share for those who are not there yet.

    A user is let in once more only while it holds less than what is left free. So one greedy user
    gets at most half of the places, a second one half of the rest, and so on: it takes many users
    together to fill the house, and then owners still find their reserve. (Switches share their
    buffers so: Choudhury and Hahne, "Dynamic Queue Length Thresholds", 1998.)
    """

    def __init__(self) -> None:
        self._by_uid: Counter[int] = Counter()

    def admit(self, uid: int, role: Role, limits: Limits) -> None:
        """Count one more connection of this user.

        Raises:
            BusyError: There is no room for it, and nothing was counted.
        """
        mine = self._by_uid[uid]
        if mine >= limits.max_connections_per_uid:
            raise BusyError(
                f"uid {uid} has {mine} connections open, and a user may have "
                f"{limits.max_connections_per_uid}; close some and try again"
            )
        reserve = 0 if role is Role.OWNER else limits.owner_reserve
        free = limits.max_connections - self._by_uid.total() - reserve
        if free <= mine:
            raise BusyError(
                f"uid {uid} has {mine} connections open, and {max(free, 0)} are left for "
                "everybody; try again later"
            )
        self._by_uid[uid] += 1

    def leave(self, uid: int) -> None:
        """One connection of this user has ended."""
        self._by_uid[uid] -= 1
        if not self._by_uid[uid]:
            del self._by_uid[uid]

    @property
    def total(self) -> int:
        """Connections open now."""
        return self._by_uid.total()
