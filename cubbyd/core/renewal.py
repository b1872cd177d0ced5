"""How a token's life is prolonged, by OpenBao's rules for auth/token/renew."""

from dataclasses import replace

from cubbyd.clock import Timestamp
from cubbyd.core.creation import Bounds, capped_warning
from cubbyd.core.token import TokenEntry
from cubbyd.errors import InvalidRequestError


def renewed(
    entry: TokenEntry, increment: float, *, now: Timestamp, bounds: Bounds
) -> tuple[TokenEntry, tuple[str, ...]]:
    """The token with its life counted from now, and the warnings that come with it.

    Args:
        entry: A token that expires, and may be renewed.
        increment: Seconds wanted; 0 for as many as were granted last. It may shorten the life. A
            periodic token always gets its period.
        now: When.
        bounds: The system's; a periodic token knows only its own explicit_max_ttl.

    Raises:
        InvalidRequestError: It has had all that it may have, since the bounds were set lower.
    """
    last = (entry.expires_at or now) - (entry.renewed_at or entry.issued_at)
    wanted = entry.period or increment or last
    caps = [entry.explicit_max_ttl] if entry.explicit_max_ttl else []
    if not entry.period:
        caps.append(bounds.max_ttl)
    longest = entry.created_at + min(caps) - now if caps else wanted
    if longest <= 0:
        raise InvalidRequestError("past the max TTL, cannot renew")
    granted = min(wanted, longest)
    what = "period" if entry.period else "TTL"
    warnings = (capped_warning(what, wanted, longest),) if granted < wanted else ()
    return replace(entry, renewed_at=now, expires_at=now + granted), warnings
