"""One kind of work alone, to look into the daemon meanwhile: ``python bench/drive.py read``.

What follows ``--`` is run while the clients work, PID in it being the daemon's, and interrupted
afterwards: ``... read -- py-spy record -r 500 -o read.svg -p PID`` or
``... wrap -- strace -f -c -p PID``. A profiler slows down what it watches.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from crew import Crew, Shift
from peers.cubbyd import cubbyd
from process_figures import cpu_seconds
from workloads import WORKLOADS


def main() -> None:
    """Drive, and say how fast it went."""
    words, watching = _split(sys.argv[1:])
    options = parsed(words, description=__doc__)
    with at_work(options) as (shift, pid):
        watcher = _watcher(watching, pid)
        made = shift.spend(options.seconds, partial(cpu_seconds, pid))
        if watcher is not None:
            watcher.send_signal(signal.SIGINT)
            watcher.wait()
    sys.stdout.write(
        f"{made.rate:.0f} a second; median {made.quantile(0.5) * 1e6:.0f} us, "
        f"p99 {made.quantile(0.99) * 1e6:.0f} us; the daemon's CPU {made.server_cpu * 1e6:.0f} us, "
        f"a client's {made.client_cpu * 1e6:.0f} us\n"
    )


def parsed(words: list[str], *, description: str | None) -> argparse.Namespace:
    """What is to be done, and how long."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("work", choices=WORKLOADS)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args(words)


@contextmanager
def at_work(options: argparse.Namespace) -> Iterator[tuple[Shift, int]]:
    """Clients that have begun already, and the daemon's PID."""
    with Crew(options.clients) as crew, cubbyd(options.dir, options.clients, 0) as daemon:
        tasks = [daemon.task(options.work, number) for number in range(options.clients)]
        with crew.on(tasks) as shift:
            shift.spend(0.3)
            yield shift, daemon.pid


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What comes before and after ``--``."""
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end + 1 :]


def _watcher(words: list[str], pid: int) -> subprocess.Popen[bytes] | None:
    if not words:
        return None
    return subprocess.Popen([word.replace("PID", str(pid)) for word in words])


if __name__ == "__main__":
    main()
