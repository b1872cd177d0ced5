"""Where the daemon's time goes at one kind of work: ``python bench/where.py read``.

The CPU time of a request is measured with nobody watching; how much of it the kernel has spent is
what the kernel says, both of all the daemon's processes. The rest is shared out as py-spy's samples
fall (``pip install py-spy``), of threads that run Python at that moment: each counts for the
innermost function that belongs to a part, and what C code does for who called it. So the parts add
up.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial

from crew import Shift
from drive import at_work, parsed
from process_figures import cpu_seconds, user_and_system_seconds

PARTS = (
    (
        "around the disk's calls",
        (
            "store/files.py",
            "store/batch.py",
            "store/disk_messages.py",
            "store/disk_process.py",
            "store/disk_worker.py",
            "concurrent/futures/",
            "threading.py",
        ),
    ),
    ("trio: tasks, timeouts, cancellation", ("(trio/", "(outcome/")),
    ("libsodium and BLAKE2b", ("cubbyd/crypto/", "nacl/")),
    ("CBOR, frames, HTTP", ("cubbyd/codec.py", "cubbyd/wire/", "cubbyd/server/http/", "h11/")),
    ("the session: order, deadlines", ("cubbyd/server/", "cubbyd/daemon.py")),
    ("deciding: permission, rules, the answer", ("cubbyd/logical/", "cubbyd/core/")),
    ("messages and secrets", ("cubbyd/messages.py", "cubbyd/secret.py")),
    ("the store: cache, index, records", ("cubbyd/store/", "cubbyd/desk.py")),
)
"""By what a sample's line holds; the first that fits."""
KERNEL = "the kernel: sockets, events, disk"
REST = "Python's library and what is left"


def main() -> None:
    """Measure, watch, and print the table."""
    options = parsed(sys.argv[1:], description=__doc__)
    with at_work(options) as (shift, pid):
        before = user_and_system_seconds(pid)
        made = shift.spend(options.seconds, partial(cpu_seconds, pid))
        after = user_and_system_seconds(pid)
        samples = _watched(shift, pid, options.seconds)
    user, system = (then - first for first, then in zip(before, after, strict=True))
    lines = table(made.server_cpu, system / (user + system), parts_of(samples))
    sys.stdout.write("\n".join(lines) + "\n")


def _watched(shift: Shift, pid: int, seconds: float) -> list[str]:
    with tempfile.NamedTemporaryFile("r") as found:
        options = ["--subprocesses", "--gil", "-r", "500", "-f", "raw", "-o", found.name]
        words = ["py-spy", "record", *options]
        with subprocess.Popen([*words, "-d", f"{seconds:.0f}", "-p", str(pid)]) as watcher:
            shift.spend(seconds + 1)
            watcher.wait()
        return found.read().splitlines()


def parts_of(samples: Iterable[str]) -> Counter[str]:
    """How many samples fell on each part, of py-spy's raw lines."""
    counted: Counter[str] = Counter()
    for line in samples:
        stack, _, times = line.rpartition(" ")
        counted[_part(stack.split(";"))] += int(times)
    return counted


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for name, marks in PARTS:
            if any(mark in frame for mark in marks):
                return name
    return REST


def table(cpu: float, kernel: float, counted: Counter[str]) -> Iterator[str]:
    """The parts of a request's CPU seconds, the largest first, and their sum.

    Args:
        cpu: Of a request.
        kernel: The kernel's share of it.
        counted: By part, the samples of the rest.
    """
    shares = {part: (1 - kernel) * times / counted.total() for part, times in counted.items()}
    shares[KERNEL] = kernel
    yield "| part | share | of a request |"
    yield "|---|---:|---:|"
    for part, share in sorted(shares.items(), key=lambda each: -each[1]):
        yield f"| {part} | {share:.1%} | {share * cpu * 1e6:.0f} µs |"
    yield f"| **all** | **100%** | **{cpu * 1e6:.0f} µs** |"


if __name__ == "__main__":
    main()
