"""Tokens as one decision sees them: alive, through all their ancestors, at one moment.

A token lives only while its parent's file does, and so on up to the topmost. A lookup that meets a
dead token notes it for destruction: the router makes that durable before it answers anything, so a
clock that is set back never revives what was once seen dead.
"""

from typing import Final, NamedTuple, Protocol

from cubbyd.clock import Timestamp
from cubbyd.core.key_status import KeyStatus
from cubbyd.core.outcome import Remove
from cubbyd.core.policy import Policy
from cubbyd.core.token import MAX_TREE_DEPTH, Accessor, TokenEntry, TokenType
from cubbyd.core.token_text import Prefix
from cubbyd.errors import IntegrityError
from cubbyd.secret import Secret

_STUB: Final = TokenType.STUB


class Opened(Protocol):
    """A token's file as it was read."""

    @property
    def entry(self) -> TokenEntry:
        """Its metadata."""
        ...

    def open(self, token: Secret) -> bytes | None:
        """Its cubbyhole, encoded, or None when nothing was ever stored."""
        ...


class Records(Protocol):
    """What a decision needs of the store. Any call may raise a refusal, or ask to wait."""

    def accessor(self, token: Secret) -> Accessor:
        """The accessor of a token, whether or not it exists."""
        ...

    def record(self, accessor: Accessor) -> Opened | None:
        """A token's file, or None when it is proven that there is none."""
        ...

    def tokens_of(self, uid: int) -> int:
        """How many tokens a uid had made that are still there."""
        ...

    def living(self, now: Timestamp) -> list[Accessor]:
        """The accessors of tokens that are alive, in no order, without opening their files."""
        ...

    def policy(self, name: str) -> Policy | None:
        """A policy that somebody wrote, or None."""
        ...

    def policy_names(self) -> list[str]:
        """The policies that somebody wrote, sorted."""
        ...

    @property
    def policies_version(self) -> int:
        """Another number after each change of a policy."""
        ...

    @property
    def is_tidying(self) -> bool:
        """Whether every file is being looked at."""
        ...

    @property
    def key_source(self) -> str:
        """Where that lies which opens the keyring: one of ``crypto.opener.KeySource``."""
        ...

    def key_status(self) -> KeyStatus:
        """What is told of the store's keys."""
        ...

    def random(self, size: int) -> bytes:
        """So many bytes that nobody can guess."""
        ...

    def new_key(self) -> Secret:
        """A fresh key, in memory for keys."""
        ...

    def mint(self, prefix: Prefix) -> tuple[Secret, Accessor]:
        """A fresh token and its accessor."""
        ...


class Known(NamedTuple):
    """A token that is alive."""

    record: Opened
    depth: int
    """1 for a token without a parent."""

    @property
    def entry(self) -> TokenEntry:
        """Its metadata."""
        return self.record.entry

    @property
    def is_orphan(self) -> bool:
        """Whether it outlives whoever made it."""
        return self.depth == 1


class Tokens:
    """The living tokens at one moment, and the dead that were met on the way."""

    __slots__ = ("_asked", "_dead", "_known", "now", "records")

    def __init__(self, records: Records, now: Timestamp) -> None:
        self.records = records
        self.now = now
        self._dead: dict[Accessor, Remove] = {}
        self._asked: Secret | None = None
        self._known: Known | None = None

    @property
    def burials(self) -> tuple[Remove, ...]:
        """What was met dead: its files must be gone before anything is answered."""
        return tuple(self._dead.values())

    def by_token(self, token: Secret) -> Known | None:
        """The living token with this text."""
        # An unwrapping asks twice for one token: for what it wraps, and for who asks.
        if self._asked is not token:
            self._known = self.by_accessor(self.records.accessor(token))
            self._asked = token
        return self._known

    def by_accessor(self, accessor: Accessor) -> Known | None:
        """The living token with this accessor.

        Raises:
            IntegrityError: Its file, or an ancestor's, is there and cannot be read.
        """
        record = self.records.record(accessor)
        if record is None or record.entry.type is _STUB:
            return None
        if record.entry.parent is None and not record.entry.has_expired(self.now):
            return Known(record, 1)
        line: list[TokenEntry] = []
        ancestor: Opened | None = record
        while ancestor is not None and ancestor.entry.type is not _STUB:
            line.append(ancestor.entry)
            if len(line) > MAX_TREE_DEPTH:
                raise IntegrityError("a token has more ancestors than can be")
            parent = ancestor.entry.parent
            if parent is None:
                break
            ancestor = self.records.record(parent)
        expired = [entry for entry in line if entry.has_expired(self.now)]
        if ancestor is None:
            expired.append(record.entry)  # its parent is gone, or the parent's, and so is it
        if not expired:
            return Known(record, len(line))
        for entry in (record.entry, *expired):
            self._dead[entry.accessor] = Remove(accessor=entry.accessor)
        return None
