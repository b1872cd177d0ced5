"""A client that keeps a journal: it asks anything at random, until it is ended.

    python keeper.py SOCKET JOURNAL NUMBER

What it asks about are tokens that it or its neighbours have been told of: the journals lie side by
side. A daemon that is gone is waited for, and then it goes on.
"""

import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from journal import Journal, newest_tokens

from cubbyd.client import (
    Call,
    Client,
    OutcomeUnknownError,
    RefusedError,
    Secret,
    UnavailableError,
    calls,
)
from cubbyd.messages import Operation

TTL = 3600
"""Seconds: longer than any of this lasts, and less than what any renewal asks for."""
POOL = 24
"""Tokens that a keeper remembers; others push them out."""
MAX_DEPTH = 6
WEIGHTS = {
    "create": 4,
    "write": 5,
    "read": 4,
    "delete": 1,
    "lookup": 2,
    "renew": 2,
    "revoke": 1,
    "revoke_orphan": 1,
    "wrap": 4,
    "peek": 1,
    "unwrap": 3,
    "rewrap": 2,
    "write_policy": 1,
    "read_policy": 1,
    "delete_policy": 1,
    "rotate": 0.2,  # each writes every file
    "key_status": 0.2,
}
POLICIES = ["first", "second"]
PATHS = ["x", "dir/y"]


CALLS: dict[str, Callable[[str, object], Call]] = {
    "create": lambda _, value: calls.create_token(
        policies=["default" if value["uses"] else "root"], ttl=value["ttl"], num_uses=value["uses"]
    ),
    "write": lambda on, value: calls.write(f"cubbyhole/{on}", {"value": value}),
    "read": lambda on, _: calls.read(f"cubbyhole/{on}"),
    "delete": lambda on, _: calls.delete(f"cubbyhole/{on}"),
    "lookup": lambda on, _: calls.lookup_token(on),
    "renew": calls.renew_token,
    "revoke": lambda on, _: calls.revoke_token(on),
    "revoke_orphan": lambda on, _: calls.revoke_orphan(on),
    "wrap": lambda _, value: calls.wrap({"value": value}, TTL),
    "peek": lambda on, _: calls.lookup_wrapping(on),
    "unwrap": lambda on, _: calls.request(Operation.WRITE, "sys/wrapping/unwrap", {"token": on}),
    "rewrap": lambda on, _: calls.rewrap(on),
    "write_policy": calls.write_policy,
    "read_policy": lambda on, _: calls.read_policy(on),
    "delete_policy": lambda on, _: calls.delete_policy(on),
    "rotate": lambda _on, _: calls.rotate(),
    "key_status": lambda _on, _: calls.key_status(),
}
"""What is asked of the daemon."""
TOLD: dict[str, Callable[..., dict]] = {
    "create": lambda auth: {"token": auth.client_token.reveal_text()},
    "wrap": lambda wrap_info: {"token": wrap_info.token.reveal_text()},
    "rewrap": lambda wrap_info: {"token": wrap_info.token.reveal_text()},
    "lookup": lambda data: {
        "value": granted(data),
        "uses": data["num_uses"],
        "is_orphan": data["orphan"],
    },
    "unwrap": lambda response: {"value": response.data["value"]},
    "read": lambda data: {"value": data["value"]},
    "read_policy": lambda text: {"value": text},
    "key_status": lambda data: {"value": data["term"]},
}
"""What of an answer goes into the journal."""


def _nothing(_said: object) -> dict:
    return {}


def granted(looked_up) -> int:
    """The seconds that a token was given last."""
    since = looked_up.get("last_renewal", looked_up["issue_time"])
    life = datetime.fromisoformat(looked_up["expire_time"]) - datetime.fromisoformat(since)
    return round(life.total_seconds())


class Witness:
    """A client and its journal."""

    def __init__(self, socket: Path, journal: Path) -> None:
        self._client = Client(socket=socket)
        self.journal = Journal(journal)

    def ask(self, kind, *, by=None, on=None, value=None, **more) -> dict | None:
        """What was answered, and noted; ``more`` is noted with it."""
        asked = CALLS[kind](on, value)
        if by is not None:
            asked = replace(asked, token=Secret.from_text(by))
        self.journal.ask(kind=kind, by=by, on=on, value=value)
        try:
            said = self._client.perform(asked)
        except RefusedError as refused:
            self.journal.tell(refusal=refused.code)
        except OutcomeUnknownError:
            self.journal.tell()
        except UnavailableError:
            self.journal.tell(is_undone=True)
            self.wait_for_the_daemon()
        else:
            answer = {**TOLD.get(kind, _nothing)(said), **more}
            self.journal.tell(answer=answer)
            return answer
        return None

    def wait_for_the_daemon(self) -> None:
        """Return once it answers."""
        while True:
            try:
                self._client.health()
            except UnavailableError:
                time.sleep(0.02)  # another process's start has no event of ours to wait for
            else:
                return

    def close(self) -> None:
        self._client.close()
        self.journal.close()


class Keeper:
    """Asks at random."""

    def __init__(self, socket: Path, journal: Path, number: int) -> None:
        self._witness = Witness(socket, journal)
        self._journals = journal.parent
        self._number = number
        self._random = random.Random(f"{journal} {number}")  # noqa: S311 - no secret
        self._count = 0
        self._pool: list[dict] = []

    def run(self) -> None:
        """Until somebody ends the process."""
        self._witness.wait_for_the_daemon()
        while True:
            [kind] = self._random.choices(list(WEIGHTS), WEIGHTS.values())
            self._count += 1
            self._ask(kind)
            if self._random.random() < 0.1:
                self._learn_from_a_neighbour()

    def _ask(self, kind: str) -> None:
        match kind:
            case "create":
                uses = self._random.choice([0, 0, 1, 2, 5])
                parent = self._pick(is_child_possible=True)
                depth = parent.get("depth", 0) + 1
                value = {"ttl": TTL, "uses": uses}
                self._new(kind, by=parent.get("token"), value=value, uses=uses, depth=depth)
            case "write" | "read" | "delete" | "wrap" as kind:
                by = self._pick().get("token")
                if kind == "wrap":
                    self._new(kind, by=by, value=self._fresh())
                elif by is not None:
                    value = self._fresh() if kind == "write" else None
                    self._witness.ask(kind, by=by, on=self._random.choice(PATHS), value=value)
            case "write_policy" | "read_policy" | "delete_policy":
                value = None
                if kind == "write_policy":
                    value = f'{{"path": {{"cubbyhole/{self._fresh()}": {{"policy": "read"}}}}}}'
                self._witness.ask(kind, on=self._random.choice(POLICIES), value=value)
            case "lookup" | "renew" | "revoke" | "revoke_orphan":
                if on := self._pick().get("token"):
                    value = 10 * (self._count + TTL) + self._number if kind == "renew" else None
                    self._witness.ask(kind, on=on, value=value)
            case "rotate" | "key_status":
                self._witness.ask(kind)
            case _:
                self._with_wrapping_token(kind)

    def _with_wrapping_token(self, kind: str) -> None:
        on = self._pick(is_wrapping=True).get("token")
        by = None if kind == "peek" else self._pick().get("token")
        if on is None:
            return
        if kind == "rewrap":
            self._new(kind, by=by, on=on)
        else:
            self._witness.ask(kind, by=by, on=on)

    def _new(self, kind: str, **request) -> None:
        answer = self._witness.ask(kind, **request)
        if answer is not None:
            self._remember(answer)

    def _remember(self, found: dict) -> None:
        if len(self._pool) >= POOL:
            self._pool.pop(self._random.randrange(POOL))
        self._pool.append(found)

    def _learn_from_a_neighbour(self) -> None:
        journal = self._random.choice(sorted(self._journals.iterdir()))
        found = newest_tokens(journal)
        if found:
            self._remember(self._random.choice(found))

    def _pick(self, *, is_wrapping: bool = False, is_child_possible: bool = False) -> dict:
        """A token of that kind that is remembered, or none."""
        found = [each for each in self._pool if each["token"].startswith("cbyw_") == is_wrapping]
        if is_child_possible:
            found = [each for each in found if not each["uses"] and each["depth"] < MAX_DEPTH]
        return self._random.choice([*found, {}])

    def _fresh(self) -> str:
        return f"{self._number}-{self._count}"


if __name__ == "__main__":
    Keeper(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])).run()
