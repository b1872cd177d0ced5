"""The daemon's settings: every name, default, unit and range, and why.

Declared as data, so that the reader (``config``) and the users' page (``docs/configuration.md``)
speak of the same thing; a field's ``kind`` says how its value is written in TOML. Times are in
seconds. Not to be set are the bounds that are part of the protocol: a payload nests at most 64
deep and holds at most 10,000 items (``codec``), an answer has at most 64 MiB (``wire.framing``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from cubbyd import locations

T = TypeVar("T")

KIB: Final = 1024
MIB: Final = 1024 * KIB
MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

LOG_LEVELS: Final = ("error", "warning", "info", "debug")


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number within bounds, both included."""

    low: int
    high: int
    unit: str


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, or text such as ``"20m"``, within bounds in seconds, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these texts."""

    among: tuple[str, ...]


class Plain(Enum):
    """What has a form and no bounds."""

    PATH = "a path"
    FLAG = "true or false"
    UIDS = "a list of users"
    GIDS = "a list of groups"
    POLICIES = "a list of policies"
    POLICIES_BY_UID = "a table from users to lists of policies"
    POLICIES_BY_GID = "a table from groups to lists of policies"


Kind: TypeAlias = Number | Duration | Choice | Plain


def _set(default: T, kind: Kind) -> T:
    """A setting with that default."""
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """Who may connect besides the daemon's own uid and root, who are owners always."""

    owners: frozenset[int] = _set(frozenset(), Plain.UIDS)
    """Users who run the place: they act as root when they send no token."""
    guest_uids: frozenset[int] = _set(frozenset(), Plain.UIDS)
    """Users who may log in and unwrap."""
    guest_gids: frozenset[int] = _set(frozenset(), Plain.GIDS)
    """Groups whose members may log in and unwrap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """Which policies a token from ``auth/peer/login`` has, and for how long it lives."""

    uids: Mapping[int, tuple[str, ...]] = field(
        default_factory=dict, metadata={"kind": Plain.POLICIES_BY_UID}
    )
    """Policies of single users."""
    gids: Mapping[int, tuple[str, ...]] = field(
        default_factory=dict, metadata={"kind": Plain.POLICIES_BY_GID}
    )
    """Policies of the members of groups."""
    default: tuple[str, ...] = _set(("default",), Plain.POLICIES)
    """Policies of everybody whom neither table names."""
    ttl: float = _set(HOUR, Duration(1, 10 * 365 * DAY))
    """The token's TTL: long enough for a session's work, and renewable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """How much anybody may cost."""

    max_frame_bytes: int = _set(MIB, Number(4 * KIB, 16 * MIB, "bytes"))
    """Payload of a request. Each connection may make the daemon hold so much."""
    max_connections: int = _set(1024, Number(32, 65_536, "connections"))
    """Open at once, by everybody. A user is refused one more when fewer are free than it has."""
    max_connections_per_uid: int = _set(256, Number(1, 65_536, "connections"))
    """Open at once, by one user."""
    idle_timeout: float = _set(10 * MINUTE, Duration(1, 7 * DAY))
    """Until a connection is closed on which nothing has begun: connecting again costs nothing."""
    frame_timeout: float = _set(30.0, Duration(1, HOUR))
    """From a request's first byte to its last."""
    send_timeout: float = _set(30.0, Duration(1, HOUR))
    """For a client to take what is sent to it."""
    max_tokens_per_uid: int = _set(10_000, Number(1, 100_000_000, "tokens"))
    """Alive at once, by the user who created them: each is a file."""
    max_cubbyhole_bytes: int = _set(MIB - 4 * KIB, Number(KIB, 16 * MIB, "bytes"))
    """Of one token, encoded. A cubbyhole is rewritten whole, so this bounds what a write costs."""
    max_path_bytes: int = _set(4096, Number(64, 32 * KIB, "bytes"))
    """Of a request's path, in UTF-8: as in Linux."""
    max_policies: int = _set(1000, Number(1, 100_000, "policies"))
    """Written at once, by anybody; all are kept in memory."""
    max_policy_bytes: int = _set(64 * KIB, Number(KIB, MIB, "bytes"))
    """Of one policy's text, in UTF-8."""
    max_wrap_ttl: float = _set(768 * HOUR, Duration(1, 10 * 365 * DAY))
    """The longest that a wrapped response waits."""
    default_ttl: float = _set(768 * HOUR, Duration(1, 10 * 365 * DAY))
    """Of a token that is created without a TTL: 32 days, as in OpenBao."""
    max_ttl: float = _set(768 * HOUR, Duration(1, 10 * 365 * DAY))
    """The longest that a token lives, renewals included, unless it is a root or periodic token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them."""

    socket: Path = field(default_factory=locations.user_socket, metadata={"kind": Plain.PATH})
    """Where the daemon listens."""
    http_socket: Path | None = field(default=None, metadata={"kind": Plain.PATH})
    """Where it listens for OpenBao's and Vault's clients; not at all unless it is set."""
    store: Path = field(default_factory=locations.user_store, metadata={"kind": Plain.PATH})
    """The directory of sealed files."""
    key_file: Path = field(default_factory=locations.user_key_file, metadata={"kind": Plain.PATH})
    """The key file; it is made at the first start. Keep it outside the store, and back it up."""
    log_level: str = _set("info", Choice(LOG_LEVELS))
    """What is told on standard error: this and what is worse."""
    owner_needs_token: bool = _set(default=False, kind=Plain.FLAG)
    """Whether owners without a token may do no more than guests."""
    stop_timeout: float = _set(10.0, Duration(0, HOUR))
    """For requests in flight to finish when the daemon is told to stop; our units wait 20 s."""
    idle_exit: float = _set(0.0, Duration(0, 7 * DAY))
    """Without connections, until the daemon ends; 0 is never. Heeded only where systemd has opened
    the socket, and starts the daemon again when somebody connects."""
    access: AccessSettings = field(default_factory=AccessSettings)
    login: LoginSettings = field(default_factory=LoginSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
