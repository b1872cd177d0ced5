"""Changes on their way to the disk: in flight until they are durable, phase after phase.

Whoever reads a record that has a change in flight would see what a crash can still take back; so
names in flight are known here, and readers wait for them to settle.

What comes while the disk is busy is carried out together, next; the disk sees to that.
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

    def __call__(self, job: Job, /) -> Awaitable[RefusedError | None]:
        """Make a job durable, to its end also when the caller is cancelled; what refused it."""
        ...


class Commit:
    """The names that are in flight, and the way to the disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
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
        if self._has_failed:
            raise _lost()
        try:
            refused = await self._disk(job)
        except BaseException as error:
            self._has_failed = True
            if isinstance(error, StoreError) or not isinstance(error, Exception):
                raise
            # Of a bug in there the disk tells as little.
            raise StoreError(f"changes could not be carried out: {type(error).__name__}") from error
        if refused is not None:
            raise refused


def _lost() -> StoreError:
    return StoreError("changes are no longer carried out")
