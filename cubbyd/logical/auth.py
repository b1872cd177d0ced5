"""A token as an answer's ``auth`` shows it."""

from cubbyd.core.token import TokenEntry
from cubbyd.messages import Auth
from cubbyd.secret import Secret


def auth_of(entry: TokenEntry, token: Secret, *, ttl: float, is_orphan: bool) -> Auth:
    """What OpenBao tells of a token that was just created or renewed.

    Args:
        entry: The token's metadata.
        token: The token; empty where the caller knows it by its accessor only.
        ttl: Seconds granted just now; 0 for ever.
        is_orphan: Whether it outlives whoever made it.
    """
    return Auth(
        client_token=token,
        accessor=entry.accessor,
        policies=entry.policies,
        lease_duration=int(ttl),
        renewable=entry.renewable,
        orphan=is_orphan,
        num_uses=entry.num_uses,
        metadata=entry.meta,
    )
