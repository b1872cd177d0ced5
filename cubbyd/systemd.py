"""What systemd and the daemon say to each other: sockets that are handed over, and how it goes.

Socket activation is three variables (sd_listen_fds(3)): descriptors from 3 on, how many, and their
names. They are believed only where they name our own pid: a child of an activated service inherits
the variables, and not the descriptors. Notification is one datagram a message (sd_notify(3)). Both
are so small that a library would be more to read; those that there are have not been kept up.
"""

import os
import socket
import time
from collections.abc import Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Final

import trio

from cubbyd.errors import StartError

FIRST_FD: Final = 3
"""SD_LISTEN_FDS_START."""

UNNAMED: Final = "unknown"
"""The name of a socket without one, as sd_listen_fds_with_names(3) has it."""

_LISTEN: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def activated_sockets(environment: MutableMapping[str, str]) -> dict[str, socket.socket]:
    """The listening sockets that systemd has opened for us, by name; none without systemd.

    The variables are taken away, so that nobody who is started by us believes them.

    Raises:
        StartError: One of them is no listening Unix stream socket, or two have one name.
    """
    pid, count, names = (environment.pop(name, "") for name in _LISTEN)
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}
    named = names.split(":") if names else [UNNAMED] * int(count)
    if len(named) != int(count):
        raise StartError(f"systemd hands over {count} sockets, and {len(named)} names")
    found: dict[str, socket.socket] = {}
    for fd, name in zip(range(FIRST_FD, FIRST_FD + int(count)), named, strict=True):
        if name in found:
            raise StartError(f"systemd hands over two sockets with the name {name!r}")
        found[name] = _listener(fd, name)
    return found


def credentials_directory(environment: Mapping[str, str]) -> Path | None:
    """Where systemd hands over credentials (systemd.exec(5)); None where there are none."""
    path = environment.get("CREDENTIALS_DIRECTORY", "")
    return Path(path) if path else None


def by_door(found: Mapping[str, socket.socket], doors: Collection[str]) -> dict[str, socket.socket]:
    """The sockets, each by the name of its door.

    Args:
        found: What systemd handed over, by ``FileDescriptorName=``.
        doors: The names of all doors, the main one first. It is meant by one that is alone and was
            given no name, and so has its unit's.

    Raises:
        StartError: One has the name of no door.
    """
    main, *_ = doors
    if len(found) == 1:
        ((name, sock),) = found.items()
        if name == UNNAMED or name.endswith(".socket"):
            return {main: sock}
    for name in found:
        if name not in doors:
            raise StartError(
                f"systemd hands over a socket with the name {name!r}; its unit needs "
                f"FileDescriptorName={' or '.join(doors)}"
            )
    return dict(found)


def address(sock: socket.socket) -> Path:
    """Where a socket listens."""
    name = sock.getsockname()
    return Path(name if isinstance(name, str) else os.fsdecode(name))


def _listener(fd: int, name: str) -> socket.socket:
    os.set_inheritable(fd, False)  # noqa: FBT003 - that is its only form
    try:
        sock = socket.socket(fileno=fd)
        is_listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise StartError(f"the socket {name!r} from systemd: {error.strerror}") from None
    if not is_listening or (sock.family, sock.type) != (socket.AF_UNIX, socket.SOCK_STREAM):
        raise StartError(
            f"the socket {name!r} from systemd is no listening Unix stream socket; it needs "
            "ListenStream= with a path, and Accept=no"
        )
    sock.settimeout(0)
    return sock


class Notifier:
    """Tells the service manager how it goes; without one, nobody."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Learn from the environment where to send, and how often a sign of life is expected."""
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self.watchdog_interval = _watchdog_seconds(environment) if path else None
        """Seconds within which the manager wants to hear of us; None: it does not."""

    def ready(self, status: str) -> None:
        """All that was asked for at the start is there, or again there after a reload."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read anew; ``ready`` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={status}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1", "STATUS=finishing what was asked")

    def alive(self) -> None:
        """A sign of life."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.settimeout(0)
                sock.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return  # nobody listens, or is too busy to: no reason not to serve


async def keep_alive(notifier: Notifier) -> None:
    """Send signs of life for ever, from the event loop: one that hangs sends none."""
    interval = notifier.watchdog_interval
    if interval is None:
        return
    while True:
        notifier.alive()
        await trio.sleep(interval / 2)  # as sd_watchdog_enabled(3) recommends


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    microseconds = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", str(os.getpid()))
    if pid != str(os.getpid()) or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1e6
