"""The directory of a store, as a few blocking calls that each do one thing.

A change is a new file: staged whole under a temporary name, synced, renamed over the old one, and
then the directory is synced. So a name always leads to a whole file, the old or the new.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ELOOP, ENOENT, ENXIO
from pathlib import Path
from secrets import token_hex
from typing import Final, Protocol

from cubbyd.errors import IntegrityError, StartError

STAGED_PREFIX: Final = "staged-"
"""What a temporary name begins with; no other name in the directory does."""
LOCK_NAME: Final = "lock"

_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_STAGE_FLAGS = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


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

    def version(self, name: str) -> object:
        """A quick look: equal to an earlier one while the file is the same; None when absent."""
        ...

    def stage(self, data: bytes) -> str:
        """Write and sync a file under a temporary name, which is returned."""
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

    def __init__(self, directory: Path) -> None:
        """Open the directory, made 0700 and durable where it is missing.

        Raises:
            OSError: It cannot be made or opened, or it is no directory.
        """
        self.directory = directory
        _make_directory(directory)
        self._fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def check_private(self) -> None:
        """Make sure that nobody else can reach into the directory.

        Raises:
            StartError: It is not ours, or open to others.
        """
        status = os.fstat(self._fd)
        if status.st_uid != os.geteuid():
            raise StartError(
                f"the store {self.directory} belongs to uid {status.st_uid}, and cubbyd runs as "
                f"uid {os.geteuid()}; chown it, or name another with --store"
            )
        if status.st_mode & 0o077:
            raise StartError(
                f"the store {self.directory} is open to others; run: chmod 700 {self.directory}"
            )

    def close(self) -> None:
        """Let the directory go."""
        os.close(self._fd)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other daemon out; the kernel unlocks when we end, however we end.

        Raises:
            StartError: Another daemon has the directory.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            lock = os.open(LOCK_NAME, flags, 0o600, dir_fd=self._fd)
        except OSError as error:
            raise StartError(
                f"the lock file in {self.directory} cannot be opened: {error.strerror}"
            ) from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StartError(
                    f"another cubbyd has the store {self.directory}; stop it, or name another "
                    "with --store"
                ) from None
            yield
        finally:
            os.close(lock)

    def names(self) -> list[str]:
        """See ``Files``."""
        return os.listdir(self._fd)  # noqa: PTH208 - of the directory we hold, not of a path

    def read(self, name: str) -> bytes | None:
        """See ``Files``."""
        try:
            fd = os.open(name, _READ_FLAGS, dir_fd=self._fd)
        except OSError as error:
            if error.errno == ENOENT:
                return None
            if error.errno in (ELOOP, ENXIO):  # a link, a socket
                raise _foreign(name) from None
            raise
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _foreign(name)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                raise IntegrityError(f"{name} in the store is not ours alone (chown, chmod 600)")
            return _read_all(fd, status.st_size)
        finally:
            os.close(fd)

    def version(self, name: str) -> object:
        """See ``Files``. A file changed in place within one tick of the clock looks the same."""
        try:
            status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return (
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_mode,
            status.st_uid,
        )

    def stage(self, data: bytes) -> str:
        """See ``Files``."""
        name = STAGED_PREFIX + token_hex(8)
        fd = os.open(name, _STAGE_FLAGS, 0o600, dir_fd=self._fd)
        try:
            try:
                _write_all(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)
        except BaseException:
            # A failed sync is not tried again: the kernel may have dropped the pages already.
            with suppress(OSError):
                self.remove(name)
            raise
        return name

    def publish(self, staged: str, name: str) -> None:
        """See ``Files``."""
        os.rename(staged, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """See ``Files``."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def sync(self) -> None:
        """See ``Files``."""
        os.fsync(self._fd)


def _make_directory(directory: Path) -> None:
    """Make what is missing of a path; a power cut must not take the way to what we keep."""
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    parent = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _foreign(name: str) -> IntegrityError:
    return IntegrityError(f"{name} in the store is not a regular file")


def _read_all(fd: int, size: int) -> bytes:
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    chunks = [data]
    while chunks[-1]:
        chunks.append(os.read(fd, size + 1))
    return b"".join(chunks)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
