"""Group commit: one task carries changes out, all that queued up while it was last busy at once.

Whoever reads a record that has a change in flight would see what a crash can still take back; so
names in flight are known here, and readers wait for them to settle.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import trio

from cubbyd.errors import RefusedError, StoreError
from cubbyd.store.batch import Job, apply
from cubbyd.store.files import Files


class InFlightError(Exception):
    """A record has a change in flight: wait until it has settled, then look again.

    It is no refusal and reaches nobody outside: the router waits, and decides anew.
    """

    def __init__(self, settled: trio.Event) -> None:
        super().__init__()
        self._settled = settled

    async def settled(self) -> None:
        """Return once that change is durable, or was refused."""
        await self._settled.wait()


T = TypeVar("T")


class RunBlocking(Protocol):
    """How blocking calls are run: on a worker thread, or in a test on the loop itself."""

    def __call__(self, sync_fn: Callable[[], T], /) -> Awaitable[T]:
        """Run it to its end, also when the caller is cancelled."""
        ...


async def in_thread(sync_fn: Callable[[], T], /) -> T:
    """Run it on a worker thread."""
    # Not abandoned on cancel: what the thread does to the disk must be known.
    return await trio.to_thread.run_sync(sync_fn)


@dataclass(slots=True)
class _Queued:
    job: Job
    done: trio.Event = field(default_factory=trio.Event)
    error: RefusedError | StoreError | None = None

    def finish(self, error: RefusedError | StoreError | None) -> None:
        self.error = error
        self.done.set()


class GroupCommit:
    """The queue of changes and the one task that carries them out."""

    def __init__(self, files: Files, *, run_blocking: RunBlocking = in_thread) -> None:
        self._files = files
        self._run_blocking = run_blocking
        self._queue: list[_Queued] = []
        self._wake = trio.Event()
        self._in_flight: dict[str, trio.Event] = {}
        self._has_ended = False

    async def run(self) -> None:
        """Carry out what is queued, for ever. Cancel it only when nobody can queue any more.

        Raises:
            StoreError: The directory could not be synced; nothing may be answered from here on.
        """
        batch: list[_Queued] = []
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                batch, self._queue = self._queue, []
                jobs = [queued.job for queued in batch]
                results = await self._run_blocking(partial(apply, self._files, jobs))
                for queued, result in zip(batch, results, strict=True):
                    queued.finish(result)
                batch = []
        finally:
            # Whoever waits is shielded: nobody may be left waiting for what no one will do.
            self._has_ended = True
            for queued in batch + self._queue:
                queued.finish(_ended())

    def check_settled(self, name: str) -> None:
        """Raise InFlightError where a name has a change in flight."""
        settled = self._in_flight.get(name)
        if settled is not None:
            raise InFlightError(settled)

    async def settle(self) -> None:
        """Return once every change that is in flight now is durable, or was refused."""
        for settled in set(self._in_flight.values()):
            await settled.wait()

    async def carry_out(self, phases: Sequence[Job], on_durable: Callable[[int], None]) -> None:
        """Do one phase after the other, each durable before the next begins.

        From the call on, and whatever becomes of the caller, the names are in flight until the
        last phase is durable or one was refused.

        Args:
            phases: What goes to disk together, in order.
            on_durable: Called with the number of each phase as soon as it is durable, before
                anybody else can look.

        Raises:
            InFlightError: Somebody else is changing one of the names; nothing was done.
            RefusedError: The disk would not; the phases before are done, those after are not.
            StoreError: Nobody knows what is on disk.
        """
        names = {change.group or change.name for job in phases for change in job}
        for name in names:
            self.check_settled(name)
        settled = trio.Event()
        self._in_flight.update(dict.fromkeys(names, settled))
        try:
            # Cancellation drops the answer, never half a change.
            with trio.CancelScope(shield=True):
                for number, job in enumerate(phases):
                    await self._durable(job)
                    on_durable(number)
        finally:
            for name in names:
                del self._in_flight[name]
            settled.set()

    async def _durable(self, job: Job) -> None:
        if self._has_ended:
            raise _ended()
        queued = _Queued(job)
        self._queue.append(queued)
        self._wake.set()
        await queued.done.wait()
        if queued.error is not None:
            raise queued.error


def _ended() -> StoreError:
    return StoreError("changes are no longer carried out")
