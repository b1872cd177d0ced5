"""A cubbyd in a process of its own, in a directory that is gone afterwards."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from process_figures import cpu_seconds, field_mib, resident_mib

from cubbyd.client import Client, UnavailableError
from cubbyd.secret import Secret

CONFIG = "[limits]\nmax_tokens_per_uid = 10_000_000\n"
"""All tokens are one uid's here, and it has a quota otherwise."""


@dataclass(frozen=True)
class Place:
    """Where one daemon has everything."""

    directory: Path

    @property
    def store(self) -> Path:
        """Its token files."""
        return self.directory / "store"

    @property
    def key_file(self) -> Path:
        """Its key."""
        return self.directory / "key"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.directory / "run" / "cubbyd.sock"

    @property
    def http_socket(self) -> Path:
        """Where it listens for HTTP, if it does."""
        return self.directory / "run" / "http.sock"

    def client(self, token: Secret | None = None) -> Client:
        """A client of the daemon here."""
        return Client(token, self.socket)


@contextmanager
def a_place(parent: Path) -> Iterator[Place]:
    """An empty place on that disk."""
    directory = Path(tempfile.mkdtemp(prefix="cubbyd-size-", dir=parent))
    try:
        yield Place(directory)
    finally:
        shutil.rmtree(directory)


@dataclass
class Daemon:
    """One that runs."""

    place: Place
    process: subprocess.Popen[bytes]
    started_at: float
    first_answer_after: float
    """Seconds from the start of the process to the first answer that needs a token."""

    def resident_mib(self) -> float:
        """What it has in memory now, with its children."""
        (found,) = resident_mib(self.process.pid)
        return found["all"]

    def peak_mib(self) -> float:
        """The most that it ever had, without its children: the system keeps no such sum."""
        return field_mib(self.process.pid, "status", "VmHWM")

    def cpu_seconds(self) -> float:
        """What it has spent so far: tells more than time does on a busy machine."""
        return cpu_seconds(self.process.pid)


@contextmanager
def a_daemon(
    place: Place, token: Secret, name: str = "secret", *, with_http: bool = False
) -> Iterator[Daemon]:
    """A daemon at this place, once it has answered a read with this token."""
    config = place.directory / "cubbyd.toml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    paths = {
        "--socket": place.socket,
        "--store": place.store,
        "--key-file": place.key_file,
        "--config": config,
    }
    if with_http:
        paths["--http-socket"] = place.http_socket
    options = [str(word) for pair in paths.items() for word in pair]
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "cubbyd.cli.serve", *options], stdout=subprocess.DEVNULL
    )
    try:
        _first_answer(place, token, name)
        yield Daemon(place, process, began, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait()


def _first_answer(place: Place, token: Secret, name: str) -> None:
    for _ in range(60_000):
        try:
            with place.client(token) as client:
                client.read(f"cubbyhole/{name}")
        except UnavailableError:
            time.sleep(0.001)  # until it listens: no event of another process tells us
        else:
            return
    raise SystemExit("the daemon does not answer")
