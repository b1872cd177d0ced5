"""What any daemon in Python has to do for the same promise: see ``least_server.py``."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from clients import Ask, Pair
from peers.serving import serving

SERVER = Path(__file__).with_name("least_server.py")


@dataclass(frozen=True)
class Least:
    """One that runs."""

    socket: Path
    pid: int
    store: Path
    """Where its files are."""

    def task(self, of: Ask | Pair) -> Ask | Pair:
        """The very bytes that cubbyd is sent, sent here."""
        return replace(of, line=replace(of.line, socket=str(self.socket)))


@contextmanager
def least(directory: Path, tokens: Sequence[str], file_bytes: Mapping[str, int]) -> Iterator[Least]:
    """One in a process of its own.

    Args:
        directory: On the disk to measure.
        tokens: cubbyd's, each of which has an empty cubbyhole here.
        file_bytes: By workload, the size of the file that cubbyd writes.
    """
    path, store = directory / "least.sock", directory / "least"
    store.mkdir()
    told = {"directory": str(store), "tokens": tokens, "file_bytes": file_bytes}
    with serving(SERVER, path, told=json.dumps(told).encode()) as pid:
        yield Least(path, pid, store)
