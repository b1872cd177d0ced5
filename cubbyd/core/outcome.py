"""A decision: what to answer once these changes are durable."""

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from cubbyd.clock import Timestamp
from cubbyd.core.policy import Policy
from cubbyd.core.token import Accessor, TokenEntry
from cubbyd.secret import Secret

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


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
    is_new: bool = False
    """Whether it is known that there is no such file yet, so that none is looked for."""

    @property
    def accessor(self) -> Accessor:
        """The file's name."""
        return self.entry.accessor


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Destroy a token's file, and with it everything the token had."""

    accessor: Accessor


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPolicy:
    """Write a policy's file: a new one, or its next version."""

    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePolicy:
    """Destroy a policy's file."""

    name: str


@dataclass(frozen=True, slots=True)
class Tidy:
    """Look at every file again, behind the requests, for what is dead and nobody met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate:
    """Add a key term: what is written from then on is sealed under this key."""

    key: Secret
    at: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekey:
    """Have the keyring opened by something else; what is in it stays as it is."""

    source: str
    """One of ``crypto.opener.KeySource``."""
    passphrase: Secret | None = None
    """The new one, where that is the source."""
    current: Secret | None = None
    """The one that has opened it so far, where that was the source."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Forget the keys, and all that they opened."""


KeyChange: TypeAlias = Rekey | Seal
TokenChange: TypeAlias = Put | Remove
Change: TypeAlias = TokenChange | PutPolicy | RemovePolicy | Tidy | Rotate


class Outcome(NamedTuple, Generic[T_co]):
    """What to answer, and the changes that must be durable before anybody hears of it."""

    reply: T_co
    changes: tuple[Change, ...] = ()
    afterwards: KeyChange | None = None
    """What is to become of the keys then; before anybody hears of it, too."""

    def saying(self, reply: U) -> "Outcome[U]":
        """The same changes, with another answer."""
        return Outcome(reply=reply, changes=self.changes, afterwards=self.afterwards)

    def phases(self, counted: TokenChange | None) -> list[list[Change]]:
        """The changes in the order in which each step must be durable before the next begins.

        A crash between two steps may lose what was not answered, and grants nothing: a limited
        caller's use (``counted``) comes first, and what is new is there before what it replaces
        goes. A change of the caller's own file has the count in it already; if the file goes, the
        caller's other plans for it are moot.
        """
        if counted is None and not self.changes[1:]:  # nearly always
            return [[change] for change in self.changes]
        first: list[Change] = []
        puts: list[Change] = []
        removes: list[Change] = []
        own = [] if counted is None else [counted]
        for change in self.changes:
            if isinstance(change, Put | Remove) and own and change.accessor == own[0].accessor:
                own.append(change)
            elif isinstance(change, Remove | RemovePolicy):
                removes.append(change)
            else:
                puts.append(change)
        if own:
            going = [change for change in own if isinstance(change, Remove)]
            first = [(going or own)[-1]]
        return [phase for phase in (first, puts, removes) if phase]
