"""A token as the daemon knows it, without the token itself: what its file's metadata says."""

import re
from dataclasses import field, replace
from enum import Enum
from typing import Final, NewType, Self

from cubbyd.clock import Timestamp
from cubbyd.core.policy import RESPONSE_WRAPPING
from cubbyd.unchanging import unchanging

Accessor = NewType("Accessor", str)
"""32 hex digits derived from the token: names its file, and lets others revoke what they cannot
use."""

_ACCESSOR = re.compile(r"[0-9a-f]{32}")

MAX_TREE_DEPTH: Final = 32
"""Tokens from the topmost ancestor to the youngest: every use of a token looks at all of them."""


def is_accessor(text: str) -> bool:
    """Whether a text has an accessor's form. It names a file: nothing else may reach the disk."""
    return _ACCESSOR.fullmatch(text) is not None


class TokenType(Enum):
    """What a file stands for."""

    SERVICE = "service"
    STUB = "stub"
    """What a token leaves behind that was revoked without its children: they are orphans now."""


@unchanging
class Creator:
    """Who had a token made, as the kernel told; exe and unit are observed, not proven."""

    uid: int
    gid: int
    pid: int
    exe: str | None = None
    unit: str | None = None


@unchanging
class TokenEntry:
    """A token's metadata. Durations are seconds; 0 is none, as in OpenBao."""

    accessor: Accessor
    policies: tuple[str, ...]
    path: str
    """The request that made it: a wrapping token's creation_path."""
    creator: Creator
    created_at: Timestamp
    issued_at: Timestamp
    """When its lease began, in OpenBao's words: for us, when it was created."""
    type: TokenType = TokenType.SERVICE
    parent: Accessor | None = None
    renewed_at: Timestamp | None = None
    expires_at: Timestamp | None = None
    """None: it lives until it is revoked."""
    ttl: float = 0
    explicit_max_ttl: float = 0
    period: float = 0
    num_uses: int = 0
    """Uses left; 0 is any number, and -1 that the last one is being used."""
    renewable: bool = False
    display_name: str = ""
    meta: dict[str, str] | None = field(default=None, hash=False)
    wrapped_accessor: Accessor | None = None

    @property
    def is_wrapping(self) -> bool:
        """Whether its cubbyhole holds one response, for whoever unwraps it first."""
        return self.policies == (RESPONSE_WRAPPING,)

    @property
    def is_limited(self) -> bool:
        """Whether its uses are counted; a wrapping token's single use is its unwrapping."""
        return self.num_uses != 0 and not self.is_wrapping

    @property
    def is_exhausted(self) -> bool:
        """Whether the request at hand is its last."""
        return self.num_uses < 0

    def has_expired(self, now: Timestamp) -> bool:
        """Whether its deadline has come."""
        return self.expires_at is not None and now >= self.expires_at

    def remaining(self, now: Timestamp) -> float:
        """Seconds until the deadline; 0 when there is none."""
        return 0 if self.expires_at is None else max(0.0, self.expires_at - now)

    def used(self) -> Self:
        """The same token with one use less."""
        left = self.num_uses - 1
        return replace(self, num_uses=left if left > 0 else -1)
