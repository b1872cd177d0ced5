"""What the system says that a process has cost."""

import os
import re
import time
from pathlib import Path

_FIELDS = {"all": "VmRSS", "own": "RssAnon", "files": "RssFile"}


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
    """Likewise, its own and the kernel's on its behalf; in ticks, so for many of them only."""
    # The name in parentheses may hold blanks; what follows it are numbers.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:13])
    return user, system


def resident_mib(pid: int) -> dict[str, float]:
    """What it has in memory: all of it, and of that its own and what it has mapped from files."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = {what: re.search(rf"{field}:\s+(\d+) kB", text) for what, field in _FIELDS.items()}
    return {what: int(match[1]) / 1024 if match else 0.0 for what, match in found.items()}
