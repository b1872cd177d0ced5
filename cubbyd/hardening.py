"""What the process does for itself before it holds a secret.

It leaves no core dump, it cannot be traced or read by another process of the same user
(``PR_SET_DUMPABLE`` guards ``ptrace`` and ``/proc/PID/mem`` against all but root), and what it
creates is private unless it says otherwise. Each measure that cannot be had is warned of, and told
in what is returned: a daemon that is a little less hard is better than none.
"""

import ctypes
import logging
import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger("cubbyd.hardening")

PRIVATE_UMASK: Final = 0o077

FIRST_FREE: Final = 3
"""The descriptor behind the standard streams'."""

SPARE_FILES: Final = 128
"""Descriptors besides the connections': the store's, the listeners', and those of a peer that is
being looked at; generous, since running out refuses clients."""

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardening:
    """What holds."""

    no_core_dumps: bool
    """By limit. A core pattern that is a pipe ignores it, and heeds ``not_dumpable``."""
    not_dumpable: bool
    no_swap: bool
    """The system has none, or the control group may use none. What cannot be seen counts as not."""
    max_open_files: int
    """Descriptors that we may have open now."""

    def measures(self) -> dict[str, bool]:
        """What keeps memory from others, for who wants to know."""
        return {
            "no_core_dumps": self.no_core_dumps,
            "not_dumpable": self.not_dumpable,
            "no_swap": self.no_swap,
        }

    @property
    def max_connections(self) -> int:
        """How many connections the descriptors suffice for."""
        return max(self.max_open_files - SPARE_FILES, 0)


def harden(*, max_connections: int) -> Hardening:
    """Do what can be done, once, before the first secret is read.

    Args:
        max_connections: For so many, the limit of open files is raised as far as it may be.
    """
    _occupy_standard_streams()
    os.umask(PRIVATE_UMASK)
    return Hardening(
        no_core_dumps=_forbid_core_dumps(),
        not_dumpable=_forbid_dumping(),
        no_swap=_has_no_swap(),
        max_open_files=_allow_files(max_connections + SPARE_FILES),
    )


def _occupy_standard_streams() -> None:
    """Where one is closed, what is opened next would get its number, and what is said there."""
    while (fd := os.open(os.devnull, os.O_RDWR)) < FIRST_FREE:
        pass
    os.close(fd)


def _forbid_core_dumps() -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        log.warning("core dumps cannot be switched off: %s", error)
    return resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


def _forbid_dumping() -> bool:
    if _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        problem = os.strerror(ctypes.get_errno())
        log.warning("the process's memory cannot be closed to others of its user: %s", problem)
    return bool(_libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)


class _SystemInfo(ctypes.Structure):
    """What sysinfo(2) fills in, as far as we want it."""

    _fields_ = (
        ("until_swap", ctypes.c_ulong * 8),
        ("total_swap", ctypes.c_ulong),
        ("rest", ctypes.c_char * 256),  # far more than there is, on any machine
    )


def _has_no_swap() -> bool:
    # A system call, since a sandbox may hide /proc/swaps (ProcSubset=pid).
    info = _SystemInfo()
    if _libc.sysinfo(ctypes.byref(info)) == 0 and info.total_swap == 0:
        return True
    return group_may_not_swap(Path("/"))


def group_may_not_swap(root: Path) -> bool:
    """Whether our control group, or one around it, may use no swap.

    Args:
        root: Of the file system.
    """
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            hierarchy, _, name = line.partition("::/")
            if hierarchy == "0":  # version 2; in the others no such limit is ours to trust
                place = Path("sys/fs/cgroup", name)
                around = (root / each for each in (place, *place.parents))
                return any(_is_zero(group / "memory.swap.max") for group in around)
    return False


def _is_zero(limit: Path) -> bool:
    with suppress(OSError):
        return limit.read_text().strip() == "0"
    return False


def _allow_files(wanted: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        except (OSError, ValueError) as error:
            log.warning("the limit of open files cannot be raised: %s", error)
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        log.warning("%d open files are allowed, and the connections need %d", soft, wanted)
    return soft
