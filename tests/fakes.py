"""Stand-ins for what tests must not touch: a directory, a clock, and a daemon without a socket."""

from collections.abc import Callable
from functools import partial
from itertools import count

import trio

from cubbyd.errors import RefusedError, StoreError
from cubbyd.messages import Operation, Peer, Request, Response, Role
from cubbyd.secret import Secret
from cubbyd.store.batch import apply

EPOCH = 1_795_312_800.0
"""A moment in November 2026: where test clocks begin."""

OWNER = Peer(uid=1000, gid=1000, pid=4711, role=Role.OWNER, exe="/usr/bin/owner")
GUEST = Peer(uid=2000, gid=2000, pid=4712, role=Role.GUEST)


class MemoryFiles:
    """A directory in memory that keeps the contract of ``store.files.Files``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.syncs = 0
        self._numbers = count()

    def names(self) -> list[str]:
        return list(self.files)

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def read_with_version(self, name: str) -> tuple[bytes, object] | None:
        data = self.read(name)
        return None if data is None else (data, data)

    def version(self, name: str) -> object:
        return self.files.get(name)

    def stage(self, data: bytes) -> str:
        name = f"staged-{next(self._numbers):016x}"
        self.files[name] = data
        return name

    def sync_staged(self, staged: str) -> None:
        """Nothing is lost here."""

    def publish(self, staged: str, name: str) -> None:
        self.files[name] = self.files.pop(staged)

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    def sync(self) -> None:
        self.syncs += 1


def shielded(run_blocking):
    """One that carries blocking calls out to their end, whoever is cancelled meanwhile."""

    async def run(sync_fn):
        with trio.CancelScope(shield=True):
            return await run_blocking(sync_fn)

    return run


async def on_the_loop(sync_fn):
    """Blocking calls without a thread, so that a jumping clock does not run away meanwhile."""
    return sync_fn()


def disk_of(files, run_blocking=on_the_loop):
    """What carries changes out in this process; ``run_blocking`` says when."""
    return DiskHere(files, run_blocking).carry_out


class DiskHere:
    """Together what comes while it is busy, and nothing after a failure: as the process for it."""

    def __init__(self, files, run_blocking) -> None:
        self._files = files
        self._run_blocking = run_blocking
        self._queue = []
        self._is_busy = False
        self._has_failed = False

    async def carry_out(self, job):
        mine = _Queued(job)
        self._queue.append(mine)
        if self._is_busy:
            with trio.CancelScope(shield=True):
                await mine.called.wait()
        if not mine.is_done:
            await self._carry_out_queue()
        if isinstance(mine.result, StoreError):
            raise mine.result
        return mine.result

    async def _carry_out_queue(self):
        """All of it; then the first of those who came meanwhile does the same."""
        self._is_busy = True
        batch, self._queue = self._queue, []
        results = [StoreError("the disk has gone") for _ in batch]
        try:
            if not self._has_failed:
                jobs = [queued.job for queued in batch]
                results = await self._run_blocking(partial(apply, self._files, jobs))
        except BaseException:
            self._has_failed = True
            raise
        finally:
            for queued, result in zip(batch, results, strict=True):
                queued.finish(result)
            self._is_busy = bool(self._queue)
            if self._queue:
                self._queue[0].called.set()


class _Queued:
    def __init__(self, job) -> None:
        self.job = job
        self.is_done = False
        self.result = None
        self.called = trio.Event()

    def finish(self, result):
        self.is_done, self.result = True, result
        self.called.set()


def counting_random() -> Callable[[int], bytes]:
    """Bytes that are different each time and the same in each run."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(8, "big").rjust(size, b"\xa5")


class Door:
    """A door for tests: speaks to a router as a peer, and keeps refusals as exceptions."""

    def __init__(self, router, peer: Peer = OWNER) -> None:
        self.router = router
        self.peer = peer

    async def ask(
        self, operation: str, path: str, data=None, *, token=None, wrap_ttl=None
    ) -> Response:
        request = Request(
            operation=Operation(operation),
            path=path,
            peer=self.peer,
            token=Secret.from_text(token) if isinstance(token, str) else token,
            data=data,
            wrap_ttl=wrap_ttl,
        )
        return await self.router.answer(request, lambda response: response)

    async def refusal(self, *request, **more) -> RefusedError:
        """The refusal that a request meets."""
        try:
            await self.ask(*request, **more)
        except RefusedError as error:
            return error
        raise AssertionError("the request was not refused")
