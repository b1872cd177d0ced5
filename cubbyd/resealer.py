"""Moves files over to the newest key term behind the requests, and lets go of the older ones.

Where it stands is on the disk alone: after a restart it looks at every file again, and finds those
that it had moved done. It takes the same locks as a request does, so a file that was changed or
destroyed meanwhile stays so.
"""

import logging
from typing import Final

import trio

from cubbyd.errors import RefusedError
from cubbyd.store.terms import Terms

BATCH: Final = 8
"""Files written with one directory sync: so long, some three milliseconds, may a durable request
have to wait for the disk."""
RETRY_AFTER: Final = 5.0
"""Seconds to leave a disk alone that refused."""
LOOK_AGAIN_AFTER: Final = 3600.0
"""Seconds until files that could not be read are tried again: somebody may have mended them."""

_log = logging.getLogger(__name__)


async def keep_terms(terms: Terms) -> None:
    """Whenever there is more than one key term, work towards one, for ever."""
    while True:
        added = trio.Event()
        terms.call_when_added(added.set)
        wait = float("inf")
        if terms.has_old:
            try:
                wait = wait if await reseal_all(terms) else LOOK_AGAIN_AFTER
            except RefusedError as error:
                _log.warning("files cannot be moved to the new key term now: %s", error)
                wait = RETRY_AFTER
        with trio.move_on_after(wait):
            await added.wait()


async def reseal_all(terms: Terms) -> bool:
    """Move every file to the newest term, and let go of the older ones if none needs them.

    Returns:
        Whether they could go.

    Raises:
        RefusedError: The disk would not.
        StoreError: Nobody knows what is on disk.
    """
    newest = terms.keys.term
    names = await terms.names()
    unreadable = 0
    for first in range(0, len(names), BATCH):
        unreadable += await terms.reseal(names[first : first + BATCH])
        await trio.lowlevel.checkpoint()
    if unreadable:
        _log.warning("the old key terms stay: %d file(s) cannot be read", unreadable)
        return False
    if hidden := terms.hidden():
        _log.warning("the old key terms stay: what is in %s may need them", ", ".join(hidden))
        return False
    await terms.retire(before=newest)
    _log.info("all files hang on key term %d or a newer one; the older are gone", newest)
    return True
