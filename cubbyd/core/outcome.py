"""A decision: what to answer once these changes are durable."""

from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from cubbyd.core.token import Accessor, TokenEntry
from cubbyd.secret import Secret

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cubbyhole:
    """New contents for a cubbyhole, encoded, and the token that alone can open them again."""

    token: Secret
    contents: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write a token's file: a new one, or its next version."""

    entry: TokenEntry
    cubbyhole: Cubbyhole | None = None
    """None: as it is; a new token has none."""

    @property
    def accessor(self) -> Accessor:
        """The file's name."""
        return self.entry.accessor


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Destroy a token's file, and with it everything the token had."""

    accessor: Accessor


Change: TypeAlias = Put | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What to answer, and the changes that must be durable before anybody hears of it."""

    reply: T
    changes: tuple[Change, ...] = ()

    def phases(self, counted: Change | None) -> list[list[Change]]:
        """The changes in the order in which each step must be durable before the next begins.

        A crash between two steps may lose what was not answered, and grants nothing: a limited
        caller's use (``counted``) comes first, and what is new is there before what it replaces
        goes. A change of the caller's own file has the count in it already; if the file goes, the
        caller's other plans for it are moot.
        """
        changes = list(self.changes)
        first: list[Change] = []
        if counted is not None:
            own = [change for change in changes if change.accessor == counted.accessor]
            changes = [change for change in changes if change.accessor != counted.accessor]
            going = [change for change in (*own, counted) if isinstance(change, Remove)]
            first = [(going or own or [counted])[0]]
        puts: list[Change] = [change for change in changes if isinstance(change, Put)]
        removes: list[Change] = [change for change in changes if isinstance(change, Remove)]
        return [phase for phase in (first, puts, removes) if phase]
