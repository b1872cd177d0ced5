"""How a new token comes to its policies and its life, by OpenBao's rules for auth/token/create."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from cubbyd.core.duration import format_duration
from cubbyd.core.policy import DEFAULT, RESPONSE_WRAPPING, ROOT
from cubbyd.errors import InvalidRequestError

DEFAULT_TTL: Final = 768 * 3600.0
"""Seconds a token lives when nobody says otherwise: OpenBao's 32 days."""
MAX_TTL: Final = 768 * 3600.0
"""Seconds a token may live at most between renewals: OpenBao's 32 days."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9-]")


class Lifetime(NamedTuple):
    """How long a new token lives; 0 is for ever, or none."""

    ttl: float
    explicit_max_ttl: float
    period: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The system's TTLs, in seconds."""

    default_ttl: float = DEFAULT_TTL
    max_ttl: float = MAX_TTL


def policy_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names as policies are known by: trimmed, in lower case, once each, sorted."""
    return tuple(sorted({name.strip().lower() for name in names} - {""}))


def child_policies(
    requested: Iterable[str],
    parent: Collection[str],
    *,
    has_sudo: bool,
    no_default_policy: bool,
) -> tuple[str, ...]:
    """The policies of a new token.

    Args:
        requested: None at all: the parent's.
        parent: Those of the caller; ``root`` for an owner without a token.
        has_sudo: Whether the caller may exceed its own.
        no_default_policy: Whether ``default`` is unwanted, even where it is named.

    Raises:
        InvalidRequestError: They exceed what the caller may give.
    """
    wanted = list(requested)
    if not all(name.strip() for name in wanted):
        # An unset variable in a script must not come to mean the parent's policies: root's, say.
        raise InvalidRequestError("the name of a policy is empty")
    names = set(policy_names(wanted))
    if not names:
        names = set(parent)
    else:
        if not has_sudo and not names <= set(parent):
            raise InvalidRequestError("child policies must be subset of parent")
        if has_sudo or DEFAULT in parent:
            names.add(DEFAULT)
    if no_default_policy:
        names.discard(DEFAULT)
    if ROOT in names:
        if ROOT not in parent:
            raise InvalidRequestError(
                "root tokens may not be created without parent token being root"
            )
        names = {ROOT}
    if RESPONSE_WRAPPING in names:
        raise InvalidRequestError(f'cannot assign policy "{RESPONSE_WRAPPING}"')
    return tuple(sorted(names))


def lifetime(
    *, ttl: float, explicit_max_ttl: float, period: float, is_root: bool, bounds: Bounds
) -> Lifetime:
    """What a new token's times come to, with OpenBao's warnings where they were cut.

    None of them is negative. A period is kept as it was asked for, and cut anew at each renewal.
    """
    longest = min(bounds.max_ttl, explicit_max_ttl or bounds.max_ttl)
    if period:
        wanted, what = period, "period"
    elif is_root and not ttl:
        return Lifetime(ttl=explicit_max_ttl, explicit_max_ttl=explicit_max_ttl, period=0)
    else:
        wanted, what = ttl or bounds.default_ttl, "TTL"
    granted = min(wanted, longest)
    return Lifetime(
        ttl=granted,
        explicit_max_ttl=explicit_max_ttl,
        period=period,
        warnings=(capped_warning(what, wanted, longest),) if granted < wanted else (),
    )


def capped_warning(what: str, wanted: float, longest: float) -> str:
    """OpenBao's words for a time that was cut; ``what`` is TTL or period."""
    return (
        f'{what} of "{format_duration(wanted)}" exceeded the effective max_ttl of '
        f'"{format_duration(longest)}"; {what} value is capped accordingly'
    )


def display_name(name: str) -> str:
    """A display name as it is stored: ``token``, or ``token-`` and what is left of the name."""
    if not name:
        return "token"
    return ("token-" + _NOT_IN_NAMES.sub("-", name)).removesuffix("-")
