"""Group commit: what comes while the disk is busy is carried out together, next.

There is no task of its own. Whoever finds the disk idle carries out its own change at once; those
who come meanwhile queue up, and the first of them carries out all that queued. So a single client
waits for the disk and for nobody else.

Whoever reads a record that has a change in flight would see what a crash can still take back; so
names in flight are known here, and readers wait for them to settle.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import trio

from cubbyd.errors import RefusedError, StoreError
from cubbyd.store.batch import Job


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


class Disk(Protocol):
    """What carries changes out: another process, or in a test the loop itself."""

    def __call__(self, jobs: Sequence[Job], /) -> Awaitable[Sequence[RefusedError | None]]:
        """As ``batch.apply``, to its end also when the caller is cancelled."""
        ...


class _Queued:
    """A job that waits for the disk, and whoever waits for the job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.is_done = False
        self._error: RefusedError | StoreError | None = None
        self._task = trio.lowlevel.current_task()

    async def turn(self) -> None:
        """Return when it is done, or is the first of those that wait for an idle disk."""
        # Cancellation drops the answer, never half a change.
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)

    def call(self) -> None:
        """End the waiting."""
        trio.lowlevel.reschedule(self._task)

    def finish(self, error: RefusedError | StoreError | None) -> None:
        """It was carried out, or this is why not."""
        self._error = error
        self.is_done = True

    def check(self) -> None:
        """Raise what refused it."""
        if self._error is not None:
            raise self._error


class GroupCommit:
    """The queue of changes, and the names that are in flight."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._queue: list[_Queued] = []
        self._is_busy = False
        self._has_failed = False
        self._in_flight: dict[str, trio.Event] = {}

    def check_settled(self, name: str) -> None:
        """Look whether what is seen of a name is what the disk has.

        Raises:
            InFlightError: A change of it is in flight.
            StoreError: Nobody knows what is on disk.
        """
        if self._has_failed:
            raise _lost()
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
            for number, job in enumerate(phases):
                await self._durable(job)
                on_durable(number)
        finally:
            for name in names:
                del self._in_flight[name]
            settled.set()

    async def _durable(self, job: Job) -> None:
        mine = _Queued(job)
        self._queue.append(mine)
        if self._is_busy:
            await mine.turn()
        if not mine.is_done:
            await self._carry_out_queue(mine)
        mine.check()

    async def _carry_out_queue(self, mine: _Queued) -> None:
        """All that has queued up, with ``mine`` among it; who came meanwhile is called to do so."""
        self._is_busy = True
        batch, self._queue = self._queue, []
        results: Sequence[RefusedError | StoreError | None] = [_lost()] * len(batch)
        try:
            if not self._has_failed:
                results = await self._disk([queued.job for queued in batch])
        except BaseException as error:
            self._has_failed = True
            if isinstance(error, StoreError) or not isinstance(error, Exception):
                raise
            # Of a bug in there the disk tells as little.
            raise StoreError(f"changes could not be carried out: {type(error).__name__}") from error
        finally:
            for queued, result in zip(batch, results, strict=True):
                queued.finish(result)
                if queued is not mine:
                    queued.call()
            self._is_busy = bool(self._queue)
            if self._queue:
                self._queue[0].call()


def _lost() -> StoreError:
    return StoreError("changes are no longer carried out")
