"""The directory of a store, as a few blocking calls that each do one thing.

A change is a new file: staged whole under a temporary name, synced, renamed over the old one, and
then the directory is synced. So a name always leads to a whole file, the old or the new.
"""

import fcntl
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO, ELOOP, ENOENT, ENXIO, EROFS
from itertools import count
from pathlib import Path
from pwd import getpwuid
from secrets import randbits
from time import sleep
from typing import Final, Protocol

from cubbyd.errors import IntegrityError, StartError, StoreError
from cubbyd.store.system_calls import SystemCalls
from cubbyd.store.way import DIRECTORY_FLAGS, make_way

STAGED_PREFIX: Final = "staged-"
"""What a temporary name begins with; no other name in the directory does."""
LOCK_NAME: Final = "lock"
QUARANTINE_PREFIX: Final = "quarantine-"
"""What a directory of files moved aside is called; a time follows. The daemon passes it over."""
LOCK_TRIES: Final = 40
LOCK_PAUSE: Final = 0.025
"""Seconds: for one in all we wait for the store. A daemon that was killed may have left a process
that carries its last changes out."""
MAX_FILE_BYTES: Final = 128 * 1024 * 1024
"""What is read of a file: well above the largest that we write, a wrapped answer of 64 MiB with its
padding. What is longer is none of ours, and must not fill the memory."""

_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_log = logging.getLogger(__name__)

_STAGE_FLAGS = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


_UNOPENED = {ELOOP: "a link", ENXIO: "a socket"}
_KINDS = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO"}


class Files(Protocol):
    """What the store needs of a directory. Every call may raise OSError."""

    def names(self) -> list[str]:
        """Every name in the directory, in no order."""
        ...

    def read(self, name: str) -> bytes | None:
        """A file's bytes, or None when it is proven that there is none.

        Raises:
            IntegrityError: There is something by that name that is no file of ours.
        """
        ...

    def read_with_version(self, name: str) -> tuple[bytes, object] | None:
        """As ``read``, with the version of the very file that was read."""
        ...

    def version(self, name: str) -> object:
        """A quick look: equal to an earlier one while the file is the same; None when absent."""
        ...

    def stage(self, data: bytes) -> str:
        """Write a file under a temporary name, which is returned."""
        ...

    def sync_staged(self, staged: str) -> None:
        """Make a staged file's bytes durable, as they must be before it is published."""
        ...

    def publish(self, staged: str, name: str) -> None:
        """Give a staged file its name, in place of what had it."""
        ...

    def remove(self, name: str) -> None:
        """Take a name away; it does not matter whether it was there."""
        ...

    def sync(self) -> None:
        """Make what was published and removed durable."""
        ...


class DiskFiles:
    """A directory on disk that belongs to one daemon alone."""

    def __init__(self, directory: Path, calls: SystemCalls = os, *, make: bool = True) -> None:
        """Open the directory.

        Args:
            directory: Where it is.
            calls: What is underneath.
            make: Whether it is made where it is missing, 0700, and made durable with all the way
                to it: not where it is only looked at, perhaps on a read-only file system.

        Raises:
            OSError: It cannot be made or opened, or it is no directory.
        """
        self.directory = directory
        self.calls = calls
        """What is underneath."""
        if make:
            make_way(directory, calls)
        self._fd = calls.open(directory, DIRECTORY_FLAGS)
        self._lock: int | None = None
        # Whatever another daemon has left behind, its name is hardly the next of these. (A process
        # that is forked goes on with them; so of the two only one may stage.)
        self._numbers = count(randbits(60))
        self._staged: dict[str, int] = {}

    def check_private(self) -> None:
        """Make sure that nobody else can reach into the directory.

        Raises:
            StartError: It is not ours, or open to others.
        """
        status = self.calls.fstat(self._fd)
        if status.st_uid != os.geteuid():
            raise StartError(
                f"the store {self.directory} belongs to uid {status.st_uid}, and cubbyd runs as "
                f"uid {os.geteuid()}; {_way_in(status.st_uid)}, or name another with --store"
            )
        if status.st_mode & 0o077:
            raise StartError(
                f"the store {self.directory} is open to others; run: chmod 700 {self.directory}"
            )

    def close(self) -> None:
        """Let the directory go."""
        self.calls.close(self._fd)

    @property
    def descriptors(self) -> set[int]:
        """What is open here: the directory, and its lock while it is locked."""
        return {self._fd} if self._lock is None else {self._fd, self._lock}

    @contextmanager
    def locked(self, *, reading: bool = False) -> Iterator[None]:
        """Keep every other daemon out; the kernel unlocks when we end, however we end.

        What is found there is durable then: one that was killed may have left changes that it had
        not synced, and nobody may be told what a power cut can still take back.

        Args:
            reading: Nothing will be changed, so a read-only file system will do: there no lock is
                made where none is, for no daemon can begin there, and nothing is synced.

        Raises:
            StartError: Another daemon has the directory.
            StoreError: It cannot be synced, so nobody knows what is on disk.
        """
        lock = self._open_lock(os.O_RDWR | os.O_CREAT, none_on=EROFS)
        is_read_only = lock is None
        if is_read_only:
            if not reading:
                raise StartError(
                    f"the store {self.directory} cannot be written (Read-only file system); "
                    "cubbyd fsck without --quarantine and --after-restore can look at it"
                )
            lock = self._open_lock(os.O_RDONLY, none_on=ENOENT)
        try:
            if lock is not None:
                # A daemon may have it mounted elsewhere. Who may only read a file can take no
                # exclusive lock of it over NFS; a shared one keeps a daemon out as well.
                self._take(lock, fcntl.LOCK_SH if is_read_only else fcntl.LOCK_EX)
            if not is_read_only:
                self._settle()
            self._lock = lock
            yield
        finally:
            self._lock = None
            if lock is not None:
                self.calls.close(lock)

    def keep_others_out(self) -> None:
        """Have the directory for ourselves until this is closed, where others heed that, too.

        A file system that knows no locks is no reason not to go on. Nobody is waited for: whoever
        may look in here could keep us waiting for ever.

        Raises:
            StartError: Somebody else has it.
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(
                f"{self.directory} is locked by another process, perhaps another cubbyd that makes "
                "its key there; try again"
            ) from error
        except OSError:
            return

    def _open_lock(self, how: int, *, none_on: int) -> int | None:
        """The lock file, or None where opening it meets this error."""
        flags = how | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            return self.calls.open(LOCK_NAME, flags, 0o600, dir_fd=self._fd)
        except OSError as error:
            if error.errno == none_on:
                return None
            raise StartError(
                f"the lock file in {self.directory} cannot be opened: {error.strerror}"
            ) from None

    def _take(self, lock: int, kind: int) -> None:
        for number in range(LOCK_TRIES):
            sleep(LOCK_PAUSE if number else 0)
            with suppress(BlockingIOError):
                return fcntl.flock(lock, kind | fcntl.LOCK_NB)
        raise StartError(
            f"another cubbyd has the store {self.directory}; stop it, or name another with --store"
        )

    def _settle(self) -> None:
        try:
            self.sync()
        except OSError as error:
            # Whether what is seen here is on the disk nobody knows now, nor will a later start.
            raise StoreError(f"the store's directory cannot be synced: {error.strerror}") from None

    def names(self) -> list[str]:
        """See ``Files``."""
        return self.calls.listdir(self._fd)

    def read(self, name: str) -> bytes | None:
        """See ``Files``."""
        found = self.read_with_version(name)
        return None if found is None else found[0]

    def read_with_version(self, name: str) -> tuple[bytes, object] | None:
        """See ``Files``."""
        try:
            fd = self.calls.open(name, _READ_FLAGS, dir_fd=self._fd)
        except OSError as error:
            if error.errno == ENOENT:
                return None
            if error.errno in (ELOOP, ENXIO):
                raise _foreign(name, _UNOPENED[error.errno]) from None
            raise
        try:
            status = self.calls.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _foreign(name, _KINDS.get(stat.S_IFMT(status.st_mode), "a device"))
            if status.st_uid != os.geteuid():
                raise IntegrityError(
                    f"{name} in the store is not ours alone: it belongs to uid {status.st_uid} "
                    "(chown it)"
                )
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise IntegrityError(
                    f"{name} in the store is not ours alone: its mode is {mode:04o} (chmod 600)"
                )
            if status.st_size > MAX_FILE_BYTES:
                raise IntegrityError(f"{name} in the store is longer than any file of ours")
            # What is written there meanwhile makes another version than this.
            return self._read_all(fd, status.st_size), _version(status)
        finally:
            self.calls.close(fd)

    def version(self, name: str) -> object:
        """See ``Files``. A file changed in place within one tick of the clock looks the same."""
        try:
            status = self.calls.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return _version(status)

    def stage(self, data: bytes) -> str:
        """See ``Files``."""
        name = f"{STAGED_PREFIX}{next(self._numbers):016x}"
        fd = self._staged[name] = self.calls.open(name, _STAGE_FLAGS, 0o600, dir_fd=self._fd)
        try:
            self._write_all(fd, data)
        except BaseException:
            self._discard(name)
            raise
        return name

    def sync_staged(self, staged: str) -> None:
        """See ``Files``."""
        try:
            self.calls.fsync(self._staged[staged])
            self.calls.close(self._staged.pop(staged))
        except BaseException:
            # A failed sync is not tried again: the kernel may have dropped the pages already.
            self._discard(staged)
            raise

    def publish(self, staged: str, name: str) -> None:
        """See ``Files``."""
        self.calls.rename(staged, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """See ``Files``."""
        try:
            if name in self._staged:
                self.calls.close(self._staged.pop(name))
        finally:
            with suppress(FileNotFoundError):
                self.calls.unlink(name, dir_fd=self._fd)

    def sync(self) -> None:
        """See ``Files``."""
        self.calls.fsync(self._fd)

    def _discard(self, staged: str) -> None:
        with suppress(OSError):
            self.remove(staged)

    def _read_all(self, fd: int, size: int) -> bytes:
        """A file's bytes, though its size may have changed; bounded, however it grows."""
        data = self.calls.read(fd, size + 1)
        if len(data) == size:
            return data
        chunks, total = [data], len(data)
        while chunks[-1] and total <= MAX_FILE_BYTES:
            chunks.append(self.calls.read(fd, size + 1))
            total += len(chunks[-1])
        return b"".join(chunks)

    def _write_all(self, fd: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            taken = self.calls.write(fd, view)
            if not taken:  # or we would try for ever
                raise OSError(EIO, os.strerror(EIO))
            view = view[taken:]


def _version(status: os.stat_result) -> int:
    """A hash of all that changes with a file: a number each is little to keep for 100,000."""
    return hash(
        (
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_mode,
            status.st_uid,
        )
    )


def _way_in(owner: int) -> str:
    """What to do about a store of this uid. Root must not take it from the daemon that has it."""
    if os.geteuid() != 0:
        return "chown it"
    try:
        return f"run cubbyd as its owner (runuser -u {getpwuid(owner).pw_name} -- cubbyd fsck)"
    except KeyError:  # nobody of that name here
        return f"run cubbyd as uid {owner}"


_STAGED: Final = re.compile(f"{STAGED_PREFIX}[0-9a-f]{{16}}")
"""What ``stage`` makes; whoever else begins a name so keeps his file."""


def sweep(files: Files, names: Iterable[str]) -> None:
    """Take away what a crash left half-written, of these names; what will not go is reported."""
    for name in names:
        if _STAGED.fullmatch(name):
            try:
                files.remove(name)
            except OSError as error:
                _log.warning("%s cannot be removed: %s", name, error.strerror)


def quarantines(names: Iterable[str]) -> list[str]:
    """Those of these names under which lies what nobody looks at, and may be put back one day."""
    return [name for name in names if name.startswith(QUARANTINE_PREFIX)]


def _foreign(name: str, kind: str) -> IntegrityError:
    return IntegrityError(f"{name} in the store is not a regular file but {kind}")
