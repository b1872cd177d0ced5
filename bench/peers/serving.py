"""A server of the benchmark's own, in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(program: Path, socket: Path, *words: str, told: bytes = b"") -> Iterator[int]:
    """Its PID, from when it listens.

    Args:
        program: Of Python; its first argument is where it listens.
        socket: Where that is.
        words: Its further arguments.
        told: What it is given as its input.

    Raises:
        SystemExit: It ended before.
    """
    command = [sys.executable, program, socket, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            process.stdin.write(told)
            process.stdin.close()
            while not socket.is_socket():
                if process.poll() is not None:
                    raise SystemExit(f"{program.name} ended with status {process.returncode}")
                time.sleep(0.01)  # no event of another process tells us
            yield process.pid
        finally:
            process.kill()
