"""What a handler decides on, and what it may say."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from cubbyd.clock import Timestamp
from cubbyd.core.creation import Bounds
from cubbyd.core.outcome import Outcome
from cubbyd.core.path import MAX_PATH_BYTES, Path
from cubbyd.core.token import Creator
from cubbyd.errors import QuotaExceededError
from cubbyd.logical.access import Acls, Caller
from cubbyd.logical.fields import Fields
from cubbyd.logical.tokens import Known, Tokens
from cubbyd.messages import Operation, Peer, Request, Response
from cubbyd.secret import Secret
from cubbyd.value import Map

MAX_CUBBYHOLE_BYTES: Final = 1024 * 1024 - 4096
"""Default quota of a cubbyhole: with header, metadata and padding the file stays near 1 MiB."""
MAX_TOKENS_PER_UID: Final = 10_000
"""Default quota of live tokens that one uid had made, so that a guest cannot fill the disk."""
MAX_WRAP_TTL: Final = 768 * 3600.0
"""Default longest life of a wrapping token, in seconds: OpenBao's longest life of any token."""
MAX_METADATA_BYTES: Final = 16 * 1024
"""What a new token's display name, policies and meta may have together, encoded. Every use of a
token reads them; OpenBao has no bound but the size of a request."""
MAX_POLICIES: Final = 1000
"""Default quota of policies: all of them are kept in memory."""
MAX_POLICY_BYTES: Final = 64 * 1024
"""Default quota of one policy's text, in UTF-8."""
LOGIN_TTL: Final = 3600.0
"""Default life of a token from auth/peer/login, in seconds: to be had again for the asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """Which policies auth/peer/login gives: all that uid and groups have, else ``default``."""

    uids: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    gids: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    default: tuple[str, ...] = ("default",)
    ttl: float = LOGIN_TTL

    def policies(self, peer: Peer) -> tuple[str, ...]:
        """What this peer's token may do."""
        names = {*self.uids.get(peer.uid, ())}
        names.update(*(self.gids.get(gid, ()) for gid in (peer.gid, *peer.groups)))
        return tuple(sorted(names)) or self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings that decisions depend on."""

    version: str = ""
    owner_needs_token: bool = False
    bounds: Bounds = field(default_factory=Bounds)
    logins: Logins = field(default_factory=Logins)
    max_path_bytes: int = MAX_PATH_BYTES
    max_cubbyhole_bytes: int = MAX_CUBBYHOLE_BYTES
    max_tokens_per_uid: int = MAX_TOKENS_PER_UID
    max_wrap_ttl: float = MAX_WRAP_TTL
    max_policies: int = MAX_POLICIES
    max_policy_bytes: int = MAX_POLICY_BYTES
    hardening: Mapping[str, bool] = field(default_factory=dict)
    """What holds of that which keeps secrets in memory from others; told to whoever asks."""


class Context(NamedTuple):
    """One request at the moment of its decision."""

    request: Request
    path: Path
    fields: Fields
    tokens: Tokens
    caller: Caller
    acls: Acls
    rules: Rules
    new_id: Callable[[], str]
    """Draws the id of an answer."""
    wrap_ttl: float = 0
    """Seconds for which the answer shall be wrapped; 0: not at all."""
    wrapped: tuple[Secret, Known] | None = None
    """The wrapping token that the request is about, for sys/wrapping/*."""

    @property
    def now(self) -> Timestamp:
        """The moment of the decision."""
        return self.tokens.now

    @property
    def creator(self) -> Creator:
        """The peer as a new token's metadata remembers it."""
        peer = self.request.peer
        return Creator(uid=peer.uid, gid=peer.gid, pid=peer.pid, exe=peer.exe, unit=peer.unit)

    def answer(self, data: Map) -> Outcome[Response | None]:
        """Decided: this is the answer, and nothing changes."""
        return Outcome(reply=Response(request_id=self.new_id(), data=data))

    def check_token_quota(self, *, coming: int = 0) -> None:
        """Refuse one token more than the peer may have.

        Args:
            coming: Tokens that the same request makes besides.

        Raises:
            QuotaExceededError: Says how many, and what to do.
        """
        limit = self.rules.max_tokens_per_uid
        uid = self.request.peer.uid
        if self.tokens.records.tokens_of(uid) + coming >= limit:
            raise QuotaExceededError(
                f"uid {uid} has {limit} live tokens, and may not have more; revoke some, or let "
                "them expire"
            )


Handler: TypeAlias = Callable[[Context], Outcome[Response | None]]
"""Decides a request. None answers nothing: 404 for a read or list, 204 for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What happens at a path."""

    handlers: dict[Operation, Handler]
    fields: Collection[str] | None = None
    """The members that it knows; None takes what is written as it is."""
    is_about_wrapping: bool = False
    """Whether it is about a wrapping token, which is looked at before anything else."""
    names_token: bool = False
    """Whether its member ``token`` must be text: told before the caller is looked at."""
    needs_sudo: bool = False
    needs_caller: bool = True
    """Otherwise whatever token comes along is not even looked at."""
    is_logical: bool = True
    """Otherwise its answer is never wrapped."""
    exists: Callable[[Context], bool] = lambda _: True
    """Whether what a write would change is there, which tells create from update."""


def nothing() -> Outcome[Response | None]:
    """Decided, nothing to say and nothing to change."""
    return Outcome(reply=None)
