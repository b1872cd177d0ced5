"""A daemon that is killed at random moments while clients keep journals, and what they prove."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from checker import problems
from journal import Op, history
from keeper import PATHS, POLICIES, Witness
from real_daemon import PATIENCE, RealDaemon, clean_environment, eventually

from cubbyd.client import Client, NotFoundError

KEEPERS = 4
KEEPER = Path(__file__).parent / "keeper.py"
MOST_BYTES = 150_000
"""That the journals grow by between two deaths: at most some 500 requests."""
EPOCH = 10
"""Rounds of which the journals are looked at together: what was told in the first still holds in
the last. Then all tokens are revoked, and nothing may be left."""


class Killing:
    """Rounds of one daemon's life and death."""

    def __init__(self, daemon: RealDaemon, seed: int) -> None:
        self._daemon = daemon
        self._random = random.Random(seed)  # noqa: S311 - a known order of moments
        self.counted: Counter[str] = Counter()
        """Of each kind of request, how many were answered; and what had no answer."""

    def rounds(self, number: int, *, keepers: int = KEEPERS) -> list[str]:
        """Kill it so many times. The problems, as soon as there are any."""
        self._daemon.start()
        for first in range(0, number, EPOCH):
            journals = self._daemon.directory / f"journals-{first}"
            journals.mkdir()
            found = self._epoch(journals, min(EPOCH, number - first), keepers)
            found = found or self._leftovers()
            if found:
                return found
        return []

    def _epoch(self, journals: Path, rounds: int, number: int) -> list[str]:
        keepers = [self._keeper(journals / f"{each}") for each in range(number)]
        witness = Witness(self._daemon.socket, journals / "witness")
        dead: set[str] = set()
        try:
            assert eventually(lambda: all(_size(journals / f"{each}") for each in range(number)))
            for _ in range(rounds):
                self._let_them_ask(journals)
                self._kill_and_start()
                with _holding(keepers):
                    found = problems(self._look(witness, journals, dead))
                if found:
                    return found
        finally:
            witness.close()
            for keeper in keepers:
                keeper.terminate()
            for keeper in keepers:
                keeper.communicate(timeout=PATIENCE)
        self._kill_and_start()
        last = Witness(self._daemon.socket, journals / "last")
        ops = self._look(last, journals, set())
        last.close()
        self._count(ops)
        return problems(ops)

    def _keeper(self, journal: Path) -> subprocess.Popen:
        journal.touch()
        return subprocess.Popen(
            [sys.executable, KEEPER, self._daemon.socket, journal, journal.name],
            env=clean_environment(),
        )

    def _let_them_ask(self, journals: Path) -> None:
        """Return at a random moment that comes later where everything goes slowly."""
        before = sum(map(_size, journals.iterdir()))
        enough = before + self._random.randrange(MOST_BYTES)
        assert eventually(lambda: sum(map(_size, journals.iterdir())) >= enough)

    def _kill_and_start(self) -> None:
        self._kill()
        if self._random.random() < 0.2:
            self._kill_while_it_starts()
        assert self._daemon.start()

    def _kill_while_it_starts(self) -> None:
        doomed = subprocess.Popen(
            [sys.executable, *self._daemon.program, *self._daemon.options()],
            stdout=subprocess.DEVNULL,
            env=clean_environment(),
        )
        time.sleep(self._random.uniform(0, 0.5))  # another process's life
        doomed.kill()
        doomed.wait()
        self.counted["kills"] += 1

    def _kill(self) -> None:
        self.counted["kills"] += 1
        status, complaint = self._daemon.end(signal.SIGKILL)
        # It had not ended by itself.
        assert (status, "Traceback" in complaint) == (-signal.SIGKILL, False), complaint

    def _look(self, witness: Witness, journals: Path, dead: set[str]) -> list[Op]:
        """All that was told so far, and what has become of it; whom we met dead we know."""
        for op in history(sorted(journals.iterdir()), until=time.monotonic()):
            token = op.answer.get("token") if op.is_answered else None
            if token is None or token in dead:
                continue
            found = witness.ask("lookup" if op.kind == "create" else "peek", on=token)
            if found is None:
                dead.add(token)
            elif op.kind == "create" and not op.value["uses"]:
                for path in PATHS:
                    witness.ask("read", by=token, on=path)
        for policy in POLICIES:
            witness.ask("read_policy", on=policy)
        witness.ask("key_status")
        return history(sorted(journals.iterdir()), until=time.monotonic())

    def _leftovers(self) -> list[str]:
        """What is still there when everything that has a name was revoked."""
        with self._daemon.client() as client:
            for policy in POLICIES:
                client.delete_policy(policy)
            if not eventually(lambda: self._revoke_all(client)):
                return [f"{len(self._daemon.token_files)} files are left of tokens that are not"]
        staged = [path.name for path in self._daemon.store.iterdir() if "staged" in path.name]
        return [f"left half-written: {staged}"] if staged else []

    def _revoke_all(self, client: Client) -> bool:
        """Whether nothing is left, now that all were revoked that the daemon has listed."""
        with suppress(NotFoundError):  # none is
            for accessor in client.list_accessors():
                client.revoke_accessor(accessor)
        return not self._daemon.token_files

    def _count(self, ops: list[Op]) -> None:
        self.counted.update(op.kind for op in ops if op.is_answered)
        self.counted["without an answer"] += sum(
            not (op.is_answered or op.refusal or op.is_undone) for op in ops
        )
        self.counted["not carried out"] += sum(op.is_undone for op in ops)


@contextmanager
def _holding(processes: list[subprocess.Popen]) -> Iterator[None]:
    """Keep them from going on, so that what is looked at does not grow meanwhile."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def _size(path: Path) -> int:
    return path.stat().st_size
