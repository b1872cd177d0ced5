"""What the system says that a process has cost."""

import os
import re
import time
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """User and system time so far, of it and its children, of all threads, also of those ended.

    It is utime and stime of /proc/PID/stat, but in nanoseconds, not in ticks of ten milliseconds.
    """
    # What clock_getcpuclockid(3) makes of a process's number, which Python does not offer.
    return sum(time.clock_gettime((~each << 3) | 2) for each in family(pid))


def family(pid: int) -> list[int]:
    """A process and its children, with theirs."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def user_and_system_seconds(pid: int) -> tuple[float, float]:
    """Likewise, their own and the kernel's on their behalf; in ticks, so for many of them only."""
    spent = [_user_and_system_ticks(each) for each in family(pid)]
    user, system = (sum(ticks) / os.sysconf("SC_CLK_TCK") for ticks in zip(*spent, strict=True))
    return user, system


def _user_and_system_ticks(pid: int) -> tuple[int, int]:
    # The name in parentheses may hold blanks; what follows it are numbers.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def resident_mib(*pids: int) -> list[dict[str, float]]:
    """What each has in memory: all of it, and of that its own and what it has mapped from files.

    With its children, and what these share counts once. Of memory of its own, each process has its
    share of a page that several have. Of mapped files, which the whole system shares (Python with
    every other Python), it is what that of the family has mapped that has mapped most.

    Of a process that is not dumpable only root may see its shares. If there is one among these, its
    own memory and that of all others is taken as it is resident, so that they can be compared; what
    a family shares then counts for each of its processes.
    """
    try:
        return [_resident_mib(pid, "smaps_rollup", "Pss_Anon") for pid in pids]
    except PermissionError:
        return [_resident_mib(pid, "status", "RssAnon") for pid in pids]


def _resident_mib(pid: int, file: str, field: str) -> dict[str, float]:
    processes = family(pid)
    own = sum(field_mib(each, file, field) for each in processes)
    files = max(field_mib(each, "status", "RssFile") for each in processes)
    return {"all": own + files, "own": own, "files": files}


def field_mib(pid: int, file: str, field: str) -> float:
    """A size that one of a process's files under /proc names, such as VmHWM in status."""
    text = Path(f"/proc/{pid}/{file}").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
