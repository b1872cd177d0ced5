"""A real ``cubbyd`` in a process of its own, for tests in which processes are the point."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from cubbyd.client import Client
from cubbyd.core.token import is_accessor

PATIENCE = 30.0
"""Seconds to wait for what another process does at once: a busy machine is no failure."""


@dataclass
class RealDaemon:
    """A place for a daemon, and the daemon when it has been started."""

    directory: Path
    program: tuple[str, ...] = ("-m", "cubbyd.cli.serve")
    """What Python runs, before the options: a test may have a daemon of its own."""
    has_own_group: bool = False
    """Whether its processes are a group, as those of a command in a terminal are."""
    process: subprocess.Popen | None = None
    started: list[subprocess.Popen] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.directory / "run" / "cubbyd.sock"

    @property
    def store(self) -> Path:
        return self.directory / "store"

    @property
    def key_file(self) -> Path:
        return self.directory / "key"

    @property
    def disk_pid(self) -> int:
        """Its process for the disk."""
        [pid] = children(self.process.pid)
        return pid

    @property
    def token_files(self) -> list[Path]:
        return [path for path in self.store.iterdir() if is_accessor(path.name)]

    def start(self, *options: str) -> str:
        """Start it and return the line that it says when it serves; "" when it does not."""
        self.begin(*options)
        return self.process.stdout.readline()

    def begin(self, *options: str) -> None:
        """Start it, and wait for nothing."""
        self.process = subprocess.Popen(
            [sys.executable, *self.program, *self.options(), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            text=True,
            process_group=0 if self.has_own_group else None,
        )
        self.started.append(self.process)

    def options(self) -> list[str]:
        paths = {"--socket": self.socket, "--store": self.store, "--key-file": self.key_file}
        config = self.directory / "cubbyd.toml"
        config.touch(mode=0o600)
        return [str(word) for pair in (*paths.items(), ("--config", config)) for word in pair]

    def end(self, how: int = signal.SIGTERM) -> tuple[int, str]:
        """End it, and return its exit status and what it said on standard error."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        _, stderr = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, stderr

    def client(self, token=None) -> Client:
        return Client(token, self.socket)

    def cubby(self, *words: str, stdin: bytes = b"", token: str | None = None):
        """Run the command line against it."""
        environment = clean_environment() | ({"CUBBY_TOKEN": token} if token else {})
        return subprocess.run(
            [sys.executable, "-m", "cubbyd.cli.main", "--socket", str(self.socket), *words],
            input=stdin,
            capture_output=True,
            env=environment,
            check=False,
            timeout=PATIENCE,
        )

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()


def children(pid: int) -> list[int]:
    """The processes that its main thread started, and that are still there."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def lives(pid: int) -> bool:
    """Whether it runs, or could: who has ended may wait for somebody to take note."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def clean_environment() -> dict[str, str]:
    """Ours, without what leads cubbyd elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CUBBY_")}


def eventually(happens) -> bool:
    """Whether something in another process happens before our patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not (happened := happens()) and time.monotonic() < deadline:
        time.sleep(0.01)  # another process's doing has no event of ours to wait for
    return happened
