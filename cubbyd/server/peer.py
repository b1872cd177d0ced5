"""Who is at the other end of a Unix socket, in the kernel's word, before any byte is read.

Two kinds of knowledge, kept apart. *Attested*: uid, gid and groups, which the kernel copied from
the process that connected, at the moment it connected. Authority rests on these alone. *Observed*:
executable and unit, which are read from ``/proc`` by the pid. A pid is recycled once its process is
gone, so a pidfd is taken before the reading and asked after it: what was read counts only if the
process is still there. Where nothing can pin the process, nothing is observed.
"""

import ctypes
import errno
import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from cubbyd.messages import Peer, Role

OVERFLOW_ID: Final = 65534
"""What a user namespace shows for ids that it does not map: nobody's, never granted."""

_SO_PEERGROUPS: Final = 59  # Linux 4.13; Python has no name for it
_SO_PEERPIDFD: Final = 77  # Linux 6.5
_UCRED: Final = struct.Struct("=iII")
_GID_BYTES: Final = 4

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the kernel attests about the process that connected."""

    uid: int
    gid: int
    pid: int
    """0 where the process lives in a pid namespace that we do not see."""
    groups: tuple[int, ...] = ()
    """Supplementary groups; ``gid`` may or may not be among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whom the daemon lets in, by uid and group."""

    daemon_uid: int
    owner_uids: frozenset[int] = frozenset()
    """Owners besides the daemon's own uid and 0."""
    guest_uids: frozenset[int] = frozenset()
    guest_gids: frozenset[int] = frozenset()

    @property
    def admits_others(self) -> bool:
        """Whether anybody is let in besides the daemon's own user and root."""
        return bool(self.owner_uids | self.guest_uids | self.guest_gids)

    def role(self, credentials: Credentials) -> Role | None:
        """What this peer is to us; None is a stranger."""
        uid = credentials.uid
        if uid == OVERFLOW_ID:
            return None
        if uid in (self.daemon_uid, 0) or uid in self.owner_uids:
            return Role.OWNER
        groups = {credentials.gid, *credentials.groups} - {OVERFLOW_ID}
        if uid in self.guest_uids or groups & self.guest_gids:
            return Role.GUEST
        return None


def credentials(sock: socket.socket) -> Credentials:
    """What the kernel attests about the other end.

    Raises:
        OSError: It is no connected Unix socket, or the kernel is out of memory.
    """
    pid, uid, gid = _UCRED.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    )
    return Credentials(uid=uid, gid=gid, pid=pid, groups=_groups(sock))


def observe(sock: socket.socket, known: Credentials, role: Role) -> Peer:
    """The peer, with what ``/proc`` shows about the process while it is surely still that one."""
    exe = unit = None
    with _pinned(sock, known.pid) as pin:
        if pin is not None:
            exe, unit = _exe(known.pid), _unit(known.pid)
            if _has_ended(pin):
                exe = unit = None
    return Peer(
        uid=known.uid,
        gid=known.gid,
        pid=known.pid,
        role=role,
        groups=known.groups,
        exe=exe,
        unit=unit,
    )


def _groups(sock: socket.socket) -> tuple[int, ...]:
    # socket.getsockopt stops at 1 KiB, which is 256 groups; Linux allows 65,536.
    capacity = 64
    while True:
        buffer = (ctypes.c_uint32 * capacity)()
        size = ctypes.c_uint32(ctypes.sizeof(buffer))
        failed = _libc.getsockopt(
            sock.fileno(), socket.SOL_SOCKET, _SO_PEERGROUPS, buffer, ctypes.byref(size)
        )
        count = size.value // _GID_BYTES
        if not failed:
            return tuple(buffer[:count])
        problem = ctypes.get_errno()
        if problem == errno.ENOPROTOOPT:  # before Linux 4.13: the primary group must do
            return ()
        if problem != errno.ERANGE or count <= capacity:
            raise OSError(problem, os.strerror(problem))
        capacity = count


@contextmanager
def _pinned(sock: socket.socket, pid: int) -> Iterator[int | None]:
    """A pidfd of the process that connected, or None."""
    pin: int | None = None
    with suppress(OSError):
        pin = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    if pin is None and pid > 0:
        # Weaker: a process that took the pid between connect and now is not told apart.
        with suppress(OSError):
            pin = os.pidfd_open(pid)
    try:
        yield pin
    finally:
        if pin is not None:
            os.close(pin)


def _has_ended(pin: int) -> bool:
    """A pidfd becomes readable when its process ends."""
    poll = select.poll()
    poll.register(pin, select.POLLIN)
    return bool(poll.poll(0))


def _exe(pid: int) -> str | None:
    # Readable for our own uid's processes and, with the ptrace capability, for all.
    try:
        # As bytes: a file's name need not be UTF-8, and what we keep must be.
        return os.readlink(b"/proc/%d/exe" % pid).decode(errors="replace")  # noqa: PTH115
    except OSError:
        return None


def _unit(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/cgroup", "rb") as file:  # noqa: PTH123 - no Path per connection
            return unit_of(file.read().decode(errors="replace"))
    except OSError:
        return None


def unit_of(cgroups: str) -> str | None:
    """The systemd unit that a ``/proc/PID/cgroup`` names, or None.

    Lines are ``ID:CONTROLLERS:PATH``: ``0::PATH`` is cgroup v2, ``N:name=systemd:PATH`` v1. A
    user's unit is told as ``user@1000.service/backup.service``, behind the manager it runs under:
    users name their units at will, and must not pass for the system's.
    """
    paths = {}
    # Not splitlines(): the kernel keeps "\n" out of cgroups' names, but not what else ends a line.
    for line in cgroups.split("\n"):
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        paths[controllers or hierarchy] = path
    # On a hybrid system either may be the root, and then says nothing.
    for source in ("0", "name=systemd"):
        unit = _unit_in(paths.get(source, ""))
        if unit is not None:
            return unit
    return None


def _unit_in(path: str) -> str | None:
    # "_" is systemd's escape for names that the kernel has a use for.
    names = (name.removeprefix("_") for name in path.split("/") if name)
    nested = (name for name in names if not name.endswith(".slice"))
    unit = next(nested, "")
    if not _is_unit(unit):
        return None
    inner = next(nested, "")
    if unit.startswith("user@") and _is_unit(inner):
        return f"{unit}/{inner}"
    return unit


def _is_unit(name: str) -> bool:
    """Whether systemd would take this for a service's or a scope's name (systemd.unit(5))."""
    stem, _, kind = name.rpartition(".")
    allowed = stem.isascii() and all(char.isalnum() or char in ":-_.\\@" for char in stem)
    return bool(stem) and allowed and kind in ("service", "scope") and len(name) < 256  # noqa: PLR2004 - systemd's UNIT_NAME_MAX
