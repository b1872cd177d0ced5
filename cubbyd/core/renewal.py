"""How a token's life is prolonged, by OpenBao's rules for auth/token/renew."""

from dataclasses import replace
from math import ceil, floor

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
        bounds: The system's. They bound a period, but not how often it is renewed: that only
            the token's own explicit_max_ttl does.

    Raises:
        InvalidRequestError: It has had all that it may have, since the bounds were set lower.
    """
    asked = entry.period or increment or _granted_last(entry, now)
    cap = min(bounds.max_ttl, entry.explicit_max_ttl or bounds.max_ttl)
    wanted, warnings = asked, []
    if entry.period and asked > cap:
        wanted = cap
        warnings.append(capped_warning("period", asked, cap))
    hard_cap = entry.explicit_max_ttl if entry.period else cap
    if not hard_cap:
        return replace(entry, renewed_at=now, expires_at=now + wanted), tuple(warnings)
    # In whole seconds, as OpenBao counts: what was created this second is not capped yet.
    longest = floor(entry.created_at) + hard_cap - floor(now)
    if longest <= 0:
        raise InvalidRequestError("past the max TTL, cannot renew")
    if longest < wanted:
        warnings.append(capped_warning("TTL", wanted, longest))
    expires_at = min(now + min(wanted, longest), entry.created_at + hard_cap)
    return replace(entry, renewed_at=now, expires_at=expires_at), tuple(warnings)


def _granted_last(entry: TokenEntry, now: Timestamp) -> float:
    """The TTL of the last renewal, or of the creation; in whole seconds, as it was told."""
    last = (entry.expires_at or now) - (entry.renewed_at or entry.issued_at)
    return max(1, ceil(round(last, 3)))
