"""Destroys the files of tokens that are dead, within a second of their deadline.

Nothing depends on it but the disk: a token is refused at its deadline whether or not its file is
still there. Deadlines are wall time and sleeping is monotonic, so it wakes each minute at least,
for a clock that was set or a machine that was suspended.
"""

import logging
from typing import Final

import trio

from cubbyd.clock import Clock
from cubbyd.core.outcome import Remove
from cubbyd.core.token import Accessor
from cubbyd.errors import RefusedError
from cubbyd.store.commit import InFlightError
from cubbyd.store.store import Store

LONGEST_SLEEP: Final = 60.0
"""Seconds; see above."""
RETRY_AFTER: Final = 0.5
"""Seconds to leave a disk alone that refused."""
LIST_AGAIN_AFTER: Final = 5.0
"""Seconds until a store that could not be looked through is tried again."""
BATCH: Final = 24
"""Files destroyed with one directory sync, so that requests get through in between: some five
milliseconds, for which a durable request may wait."""

_log = logging.getLogger(__name__)


async def build_index(store: Store) -> None:
    """Learn every token's deadline after a start, behind the requests. Raises as ``indexing``."""
    for _ in store.indexing():
        await trio.lowlevel.checkpoint()


async def keep_index(store: Store) -> None:
    """Build the index, and look at every file again whenever somebody wants it tidied, for ever."""
    while True:
        tidied = trio.Event()
        store.call_when_tidied(tidied.set)
        try:
            await build_index(store)
        except RefusedError as error:
            _log.error("the store cannot be looked through now: %s", error)
            await trio.sleep(LIST_AGAIN_AFTER)
        else:
            await tidied.wait()


async def reap(store: Store, clock: Clock) -> None:
    """Destroy what is due, and sleep until something is, for ever."""
    while True:
        sooner = trio.Event()
        store.call_when_sooner(sooner.set)
        deadline = store.next_deadline()
        wait = LONGEST_SLEEP if deadline is None else deadline - clock()
        if wait > 0:
            with trio.move_on_after(min(wait, LONGEST_SLEEP)):
                await sooner.wait()
        else:
            await _reap_batch(store, clock)
            await trio.lowlevel.checkpoint()  # for a quick disk nobody has to wait


async def _reap_batch(store: Store, clock: Clock) -> None:
    due = store.due(clock(), at_most=BATCH)
    if not due:  # what was due is gone already, or has more time
        return
    try:
        # One that a request is changing just now is looked at again when that has settled:
        # the change may have given it more time.
        for accessor in due:
            store.check_settled(accessor)
    except InFlightError as change:
        await change.settled()
        return
    try:
        await store.commit([[Remove(accessor=accessor) for accessor in due]])
    except RefusedError:
        await _destroy_each(store, due)


async def _destroy_each(store: Store, due: list[Accessor]) -> None:
    """Each file by itself, so that one that will not go keeps no other; the sync is shared."""
    refusals: list[RefusedError] = []
    async with trio.open_nursery() as nursery:
        for accessor in due:
            nursery.start_soon(_destroy, store, accessor, refusals)
    if refusals:
        _log.warning("%d dead token(s) cannot be destroyed now: %s", len(refusals), refusals[0])
        await trio.sleep(RETRY_AFTER)


async def _destroy(store: Store, accessor: Accessor, refusals: list[RefusedError]) -> None:
    try:
        await store.commit([[Remove(accessor=accessor)]])
    except InFlightError as change:
        await change.settled()  # a request has met the dead token meanwhile
    except RefusedError as error:
        refusals.append(error)
