"""cubbyd with both of its doors open, and a token for each client."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clients import Command, Task
from daemon_process import Place, a_daemon, a_place
from doors import CborDoor, Door, HttpDoor, TokenSizes
from population import populate
from workloads import DATA, PATH, POLICY, WORKLOADS, wrap_and_unwrap

from cubbyd.core.token_text import Prefix, token_text

SIZES = TokenSizes(
    service=len(token_text(Prefix.SERVICE, bytes(32)).reveal_text()),
    wrapping=len(token_text(Prefix.WRAPPING, bytes(32)).reveal_text()),
)


@dataclass(frozen=True)
class Cubbyd:
    """One that runs."""

    place: Place
    pid: int
    tokens: list[str]
    file_bytes: dict[str, int]
    """By workload, the size of the file that it writes."""

    def door(self, number: int, kind: str = "cbor") -> Door:
        """Where that client comes in."""
        if kind == "http":
            return HttpDoor(self.place.http_socket, self.tokens[number], SIZES)
        return CborDoor(self.place.socket, self.tokens[number], SIZES)

    def task(self, name: str, number: int) -> Task:
        """What that client does."""
        work = WORKLOADS[name]
        if work.door != "cli":
            return work.task(self.door(number, work.door))
        return Command(
            pair=wrap_and_unwrap(self.door(number)),
            argv=(str(Path(sys.executable).with_name("cubby")), "unwrap"),
            environment={
                "CUBBY_SOCKET": str(self.place.socket),
                "HOME": str(self.place.directory),
                "PATH": "/usr/bin:/bin",
            },
            variable="CUBBY_TOKEN",
        )


@contextmanager
def cubbyd(parent: Path, clients: int, tokens: int) -> Iterator[Cubbyd]:
    """One with so many tokens besides those of the clients."""
    with a_place(parent) as place:
        first = populate(place, max(1, tokens)).lasting[0]
        with a_daemon(place, first, with_http=True) as daemon, place.client() as owner:
            owner.write_policy("bench", json.dumps(POLICY))
            texts, sizes = [], {}
            for _ in range(clients):
                auth = owner.create_token(policies=["bench"], ttl="24h")
                with place.client(auth.client_token) as client:
                    sizes["write"] = _size(place, lambda: client.write(PATH, DATA))
                texts.append(auth.client_token.reveal_text())
            sizes["wrap"] = _size(place, lambda: owner.wrap(DATA, 60))
            sizes["token"] = _size(place, lambda: owner.create_token(ttl="60s"))
            yield Cubbyd(place, daemon.process.pid, texts, sizes)


def _size(place: Place, change: Callable[[], object]) -> int:
    """The size of the file that a change writes."""
    change()
    return max(place.store.iterdir(), key=lambda path: path.stat().st_mtime_ns).stat().st_size
