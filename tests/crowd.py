"""Many tokens in a store, made without a request each."""

from fakes import EPOCH, OWNER
from house import trio_clock

from cubbyd.core.outcome import Put
from cubbyd.core.token import Creator, TokenEntry
from cubbyd.core.token_text import Prefix

CREATOR = Creator(uid=OWNER.uid, gid=OWNER.gid, pid=OWNER.pid)
HOUR = 3600


async def crowd(house, size, *, parent=None, ttl=24 * HOUR):
    """So many tokens, made without a request each; returns them."""
    minted = [house.store.mint(Prefix.SERVICE) for _ in range(size)]
    puts = [
        Put(
            entry=TokenEntry(
                accessor=accessor,
                parent=parent,
                policies=("default",),
                path="auth/token/create",
                creator=CREATOR,
                created_at=EPOCH,
                issued_at=EPOCH,
                expires_at=trio_clock() + ttl,
            )
        )
        for _, accessor in minted
    ]
    await house.store.commit([puts])
    return [token for token, _ in minted]
