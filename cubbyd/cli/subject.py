"""The token that a command is about: TOKEN, or ``--accessor``, or ``--self``.

It is not the token that asks, which ``token_source`` finds, unless it is ``--self``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec, Self, TypeVar

import click

from cubbyd.cli.invocation import Invocation
from cubbyd.cli.quick import option
from cubbyd.client.calls import Call
from cubbyd.secret import Secret

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways(Generic[T_co]):
    """The three calls that do the same to a token, by how it is named."""

    by_token: Callable[[Secret], Call[T_co]]
    by_accessor: Callable[[str], Call[T_co]]
    by_self: Callable[[], Call[T_co]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a command line says of the token that the command is about."""

    token: str | None
    """The argument; ``-`` is standard input."""
    accessor: str | None
    is_self: bool

    @classmethod
    def parse(cls, token: str | None, *, accessor: str | None, is_self: bool) -> Self:
        """One token at most.

        Raises:
            click.UsageError: More than one is named.
        """
        if [token is not None, accessor is not None, is_self].count(True) > 1:
            raise click.UsageError("name one token: TOKEN, --accessor or --self")
        return cls(token=token, accessor=accessor, is_self=is_self)

    @property
    def is_named(self) -> bool:
        """Whether anything is said at all."""
        return self.is_self or self.token is not None or self.accessor is not None

    def call(self, invocation: Invocation, ways: Ways[T]) -> Call[T]:
        """The call for this token; for the caller's own where none is named.

        Warns of a token that is an argument.
        """
        if self.accessor is not None:
            return ways.by_accessor(self.accessor)
        if self.token is None:
            return ways.by_self()
        token = invocation.tokens.argument(self.token)
        invocation.warn_of_argument(self.token)
        return ways.by_token(token)


def subject_options(function: Callable[P, R]) -> Callable[P, R]:
    """The options that name a token; TOKEN is each command's own argument."""
    accessor = option("--accessor", metavar="ACCESSOR", help="The token with that accessor.")
    own = option("--self", "is_self", is_flag=True, help="Your own token.")
    return accessor(own(function))
