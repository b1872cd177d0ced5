"""What trio and the socket cost: an echo of the same frames."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from clients import Ask
from peers.serving import serving

SERVER = Path(__file__).with_name("echo_server.py")


@dataclass(frozen=True)
class Echo:
    """One that runs."""

    socket: Path
    pid: int

    def task(self, of: Ask) -> Ask:
        """The same for the client as what it asks another server now."""
        with of.opened() as (_, turn):
            answers = turn()
        line = replace(of.line, socket=str(self.socket), hello=answers[: len(answers) // of.weight])
        return replace(of, line=line)


@contextmanager
def echo(directory: Path, delay: float = 0) -> Iterator[Echo]:
    """One in a process of its own."""
    path = directory / "echo.sock"
    with serving(SERVER, path, str(delay)) as pid:
        yield Echo(path, pid)
