"""The file that clients connect to: made so that nobody else can, replaced only when it is dead.

A daemon that was killed leaves its socket file behind, and a new one must take its place; but two
daemons that start at once must not both, and one that lives must not lose it. So a lock on a file
beside it is taken first and kept for as long as the daemon lives, and then the socket is asked:
only one that refuses connections is dead. The lock file stays; removing it would let two hold it.
"""

import errno
import fcntl
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cubbyd import locations
from cubbyd.errors import StartError
from cubbyd.server.logs import log

BACKLOG: Final = 1024
"""Clients that wait to be accepted: beyond this one that does not block sees EAGAIN. The system's
own bound (net.core.somaxconn, 4096) is above it."""

PRIVATE_MODE: Final = 0o600
"""Of the socket and its lock: connecting takes write permission."""
OPEN_MODE: Final = 0o666
"""Where others may connect: the kernel says who it is, and the configuration who is let in."""
PRIVATE_DIRECTORY_MODE: Final = 0o700
OPEN_DIRECTORY_MODE: Final = 0o755


class SocketFile:
    """A socket that listens at a path, until ``close`` removes it."""

    def __init__(self, path: Path, *, for_others: bool = False) -> None:
        """Listen at ``path``, in a directory that is made if it is missing.

        Args:
            path: Where; a dead daemon's socket there is replaced.
            for_others: Whether other users may reach it; a directory that was there before keeps
                its mode all the same.

        Raises:
            StartError: Something forbids it; says what, and what to do.
        """
        try:
            locations.check_socket_path(path)
        except ValueError as error:
            raise StartError(str(error)) from None
        self._path = path
        try:
            _prepare_directory(path.parent, for_others=for_others)
            self._lock = _lock(path)
            try:
                _remove_dead(path)
                self._socket = _listen(path, for_others=for_others)
            except BaseException:
                os.close(self._lock)
                raise
            self._identity = _identity(path)
        except OSError as error:
            raise StartError(f"cannot listen at {path}: {error.strerror}") from None

    def fileno(self) -> int:
        """The listening socket's file descriptor."""
        return self._socket.fileno()

    def accept(self) -> tuple[socket.socket, object]:
        """One connection; BlockingIOError when nobody waits."""
        return self._socket.accept()

    def close(self) -> None:
        """Stop listening, and remove the file if it is still ours. Twice is once."""
        if self._socket.fileno() < 0:
            return
        with suppress(OSError):
            if _identity(self._path) == self._identity:
                self._path.unlink()
        self._socket.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _prepare_directory(directory: Path, *, for_others: bool) -> None:
    for each in reversed((directory, *directory.parents)):
        if not each.exists():
            each.mkdir(PRIVATE_DIRECTORY_MODE, exist_ok=True)
            if for_others:
                each.chmod(OPEN_DIRECTORY_MODE)  # whatever the umask
    owner = directory.stat()
    if for_others and not owner.st_mode & stat.S_IXOTH:
        log.warning("%s is closed to others: guests cannot connect (chmod go+x)", directory)
    if owner.st_uid not in (os.geteuid(), 0):
        raise StartError(
            f"{directory} belongs to uid {owner.st_uid}, who could put another socket there; "
            "name a socket in a directory of your own"
        )
    if owner.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StartError(
            f"{directory} can be written by others, who could put another socket there; "
            f"chmod go-w {directory}, or name another"
        )
    for parent in directory.resolve().parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise StartError(
                f"{parent} can be written by everybody, who could put another {directory} there; "
                f"chmod o-w {parent}, or name another socket"
            )


def _lock(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(path.with_name(path.name + ".lock"), flags, PRIVATE_MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise _lives(path) from None
    return lock


def _remove_dead(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise StartError(f"{path} is there and is not a socket; move it away, or name another")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        problem = probe.connect_ex(os.fspath(path))
    # Only a refusal proves that nobody listens; a full backlog (EAGAIN), for one, is alive.
    if problem == errno.ECONNREFUSED:
        path.unlink()
    elif problem != errno.ENOENT:
        raise _lives(path)


def _lives(path: Path) -> StartError:
    return StartError(
        f"another daemon serves {path}; use that one, stop it, or name another socket"
    )


def _listen(path: Path, *, for_others: bool) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        # bind() makes the file as the umask says, and a moment is enough to connect in.
        umask = os.umask(0o777 & ~PRIVATE_MODE)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(umask)
        if for_others:
            path.chmod(OPEN_MODE)
        listener.settimeout(0)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
