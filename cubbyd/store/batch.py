"""Group commit: many changes, and one directory sync for all of them."""

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from cubbyd.errors import BusyError, IntegrityError, RefusedError, StorageFullError, StoreError
from cubbyd.store.files import Files

T = TypeVar("T")
R = TypeVar("R")


class FileChange(NamedTuple):
    """What is to be under a name."""

    name: str
    data: bytes | None
    """None: no file."""
    group: str | None = None
    """What settles together with others; None: the name by itself."""

    def __repr__(self) -> str:
        """Without the data."""
        return f"FileChange({self.name!r}, {'no file' if self.data is None else 'data'})"


Job: TypeAlias = Sequence[FileChange]
"""Changes that belong together: all staged before any is published, or none."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_BUSY = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}


class Each(Protocol):
    """How the same is done to several things: in turn, or at once."""

    def __call__(self, work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
        """What comes of each, in their order."""
        ...


def one_by_one(work: Callable[[T], R], items: Sequence[T], /) -> list[R]:
    """In turn."""
    return [work(item) for item in items]


def apply(
    files: Files, jobs: Sequence[Job], *, each: Each = one_by_one
) -> list[RefusedError | None]:
    """Carry the jobs out; for each what refused it, or None once it is durable.

    Args:
        files: The directory.
        jobs: What to change, in this order.
        each: How the staged files are synced.

    Raises:
        StoreError: The directory could not be synced, so nobody knows what is on disk.
    """
    staged = [_stage(files, job) for job in jobs]
    names = [name for writes in staged if isinstance(writes, list) for name in writes]
    synced = zip(names, each(partial(_sync, files), names), strict=True)
    if failed := {name: error for name, error in synced if error is not None}:
        staged = [_durable(files, writes, failed) for writes in staged]
    results: list[RefusedError | None] = []
    was_touched = False
    for job, writes in zip(jobs, staged, strict=True):
        if isinstance(writes, RefusedError):
            results.append(writes)
        else:
            made, problem = _publish(files, job, writes)
            was_touched |= made > 0
            results.append(problem)
    if not was_touched:
        return results  # so a disk that takes nothing at all stops nobody
    try:
        files.sync()
    except OSError as error:
        raise StoreError(f"the store's directory cannot be synced: {error.strerror}") from None
    return results


def _stage(files: Files, job: Job) -> list[str] | RefusedError:
    """The temporary names of a job's writes, in their order."""
    staged: list[str] = []
    try:
        for change in job:
            if change.data is not None:
                name = files.stage(change.data)
                staged.append(name)
    except OSError as error:
        _discard(files, staged)
        return refused(error)
    return staged


def _sync(files: Files, staged: str) -> OSError | None:
    try:
        files.sync_staged(staged)
    except OSError as error:
        return error
    return None


def _durable(
    files: Files, staged: list[str] | RefusedError, failed: Mapping[str, OSError]
) -> list[str] | RefusedError:
    """The same, unless one of them could not be synced."""
    if isinstance(staged, list):
        for problem in filter(None, map(failed.get, staged)):
            _discard(files, staged)
            return refused(problem)
    return staged


def _publish(files: Files, job: Job, staged: list[str]) -> tuple[int, RefusedError | None]:
    """How many of a job's changes were made, and what refused the next."""
    waiting = list(staged)
    made = 0
    try:
        for change in job:
            if change.data is None:
                files.remove(change.name)
            else:
                files.publish(waiting[0], change.name)
                del waiting[0]
            made += 1
    except OSError as error:
        _discard(files, waiting)
        return made, refused(error)
    return made, None


def _discard(files: Files, staged: list[str]) -> None:
    for name in staged:
        with suppress(OSError):  # the sweep at the next start takes what is left
            files.remove(name)


def refused(error: OSError) -> RefusedError:
    """What a request is told when the disk will not."""
    if error.errno in _FULL:
        return StorageFullError()
    if error.errno in _BUSY:
        return BusyError(f"the daemon is short of a resource ({error.strerror}); try again")
    return IntegrityError(f"the store cannot be read or written: {error.strerror}")
