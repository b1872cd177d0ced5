"""``auth/*``: tokens, their making, what is known of them, and their end."""

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

from cubbyd.client.calls import answers
from cubbyd.client.calls.answers import Keys
from cubbyd.client.calls.call import Call, Duration, Token, as_text, asked
from cubbyd.client.calls.paths import list_keys, read
from cubbyd.messages import Auth
from cubbyd.value import Map


class TokenOptions(TypedDict, total=False):
    """What a new token can be given; the daemon has a default for each that is left out."""

    policies: Sequence[str]
    """Left out: the caller's own."""
    ttl: Duration
    explicit_max_ttl: Duration
    """No renewal lengthens its life beyond this."""
    period: Duration
    """Renewable for ever, each time for so long."""
    num_uses: int
    """0: as many as it likes."""
    renewable: bool
    display_name: str
    meta: Mapping[str, str]
    no_parent: bool
    """An orphan, which outlives its maker."""
    no_default_policy: bool


def create_token(**options: Unpack[TokenOptions]) -> Call[Auth]:
    """A new token, a child of the caller's unless it is an orphan."""
    return asked("auth/token/create", answers.auth, options)


def create_orphan(**options: Unpack[TokenOptions]) -> Call[Auth]:
    """A new token that outlives its maker.

    As with ``no_parent``, which only root may ask for; this a policy can allow to others.
    """
    return asked("auth/token/create-orphan", answers.auth, options)


def login() -> Call[Auth]:
    """A token for who we are: the kernel tells the daemon, there is no password."""
    return asked("auth/peer/login", answers.auth)


def lookup_token(token: Token) -> Call[Map]:
    """All that is known of a token, in OpenBao's fields. Costs it nothing."""
    return asked("auth/token/lookup", answers.data, {"token": as_text(token)})


def lookup_self() -> Call[Map]:
    """All that is known of the token that asks."""
    return read("auth/token/lookup-self")


def lookup_accessor(accessor: str) -> Call[Map]:
    """All that is known of the token with that accessor, but for the token itself."""
    return asked("auth/token/lookup-accessor", answers.data, {"accessor": accessor})


def renew_token(token: Token, increment: Duration | None = None) -> Call[Auth]:
    """Let a token live on, from now for so long: that may be less than it had.

    Args:
        token: The token.
        increment: How long; None for as long as it was last given. A token with a period gets that
            whatever this says, and no token more than its maximum.
    """
    data = {"token": as_text(token), "increment": increment}
    return asked("auth/token/renew", answers.auth, data)


def renew_self(increment: Duration | None = None) -> Call[Auth]:
    """The same for the token that asks."""
    return asked("auth/token/renew-self", answers.auth, {"increment": increment})


def renew_accessor(accessor: str, increment: Duration | None = None) -> Call[Auth]:
    """The same for the token with that accessor; the token itself is not told, but empty."""
    data = {"accessor": accessor, "increment": increment}
    return asked("auth/token/renew-accessor", answers.auth, data)


def revoke_token(token: Token) -> Call[None]:
    """End a token, its cubbyhole and its descendants."""
    return asked("auth/token/revoke", answers.nothing, {"token": as_text(token)})


def revoke_self() -> Call[None]:
    """End the token that asks."""
    return asked("auth/token/revoke-self", answers.nothing)


def revoke_accessor(accessor: str) -> Call[None]:
    """End the token with that accessor."""
    return asked("auth/token/revoke-accessor", answers.nothing, {"accessor": accessor})


def revoke_orphan(token: Token) -> Call[None]:
    """End a token and its cubbyhole; its children live on as orphans."""
    return asked("auth/token/revoke-orphan", answers.nothing, {"token": as_text(token)})


def list_accessors() -> Call[Keys]:
    """The accessors of all living tokens."""
    return list_keys("auth/token/accessors")


def tidy() -> Call[None]:
    """Have the daemon look for what dead tokens left behind; it goes on after it has answered."""
    return asked("auth/token/tidy", answers.nothing)
