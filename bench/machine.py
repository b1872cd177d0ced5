"""On what, with what, and when something was measured."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from peers import openbao

LIBRARIES = ("cubbyd", "trio", "cbor2", "PyNaCl", "h11")
ROOT = Path(__file__).resolve().parents[1]


def described(directory: Path) -> dict[str, str]:
    """In words, by what is described."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "file system": _file_system(directory.resolve()),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "commit": _commit(),
        "openbao": openbao.version(),
    }


class Stolen:
    """What a virtual machine's host keeps of its processors for others, from now on."""

    def __init__(self, stat: Path = Path("/proc/stat")) -> None:
        self._stat = stat
        self._before = self._ticks()

    def share(self) -> str:
        """Of the time of all processors, in words."""
        passed = [now - before for now, before in zip(self._ticks(), self._before, strict=True)]
        return f"{passed[-1] / max(1, sum(passed)):.1%}"

    def _ticks(self) -> list[int]:
        """What was done with them: user, nice, system, idle, iowait, irq, softirq, steal."""
        everybody = self._stat.read_text().partition("\n")[0]
        return [int(word) for word in everybody.split()[1:9]]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(directory: Path) -> str:
    """Of the mount with the longest path above the directory."""
    mounts = [line.split()[1:4] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [mount for mount in mounts if directory.is_relative_to(mount[0])]
    _, kind, options = max(above, key=lambda mount: len(mount[0]))
    return f"{kind} ({options})"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return ran.stdout.strip() or "unknown"
