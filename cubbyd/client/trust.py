"""Who listens: a client tells its token to nobody whom it has no reason to trust.

The kernel names the uid that listens (``SO_PEERCRED``; with socket activation that is systemd's).
Trusted are our own uid, root, and a uid that root gave the place: the socket's directory is its
own, and lies where only root can put a directory, as ``RuntimeDirectory=`` makes it below ``/run``.
"""

import os
import stat
from _socket import SO_PEERCRED, SOL_SOCKET, socket
from struct import Struct
from typing import TYPE_CHECKING, Final

from cubbyd.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

_ROOT: Final = 0
_OVERFLOW_UID: Final = 65534
"""What the kernel calls every uid that our user namespace has no name for: nobody's in particular,
and so never a directory's rightful owner."""
_CREDENTIALS: Final = Struct("3i")  # struct ucred: pid, uid, gid


def check_listener(sock: socket, path: str) -> None:
    """Refuse a listener that we do not trust. Nothing has been said to it yet.

    Args:
        sock: Connected to the listener.
        path: The socket's path.

    Raises:
        UnavailableError: Says who listens there.
    """
    uid = listener_uid(sock)
    if uid in (os.geteuid(), _ROOT):
        return
    from pathlib import Path  # noqa: PLC0415 - takes long to load, and is seldom needed here

    if is_given_by_root(Path(path).parent, uid):
        return
    raise UnavailableError(
        f"the daemon at {path} runs as uid {uid}, which is neither you nor root nor the owner of a "
        "directory made by root; nothing was sent to it. Name the right socket with --socket or "
        "CUBBY_SOCKET"
    )


def listener_uid(sock: socket) -> int:
    """The uid of who listens at the other end."""
    _, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


def is_given_by_root(directory: "Path", uid: int) -> bool:
    """Whether a directory is that uid's, in a place where only root makes directories."""
    if uid == _OVERFLOW_UID:
        return False
    try:
        real = directory.resolve(strict=True)
        return real.stat().st_uid == uid and all(_is_roots_alone(each) for each in real.parents)
    except OSError:
        return False


def _is_roots_alone(directory: "Path") -> bool:
    status = directory.stat()
    return status.st_uid == _ROOT and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
