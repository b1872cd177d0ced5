"""One sequence, played at two servers until they differ in a way that nobody has allowed."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from exchange import ROOT, Answer, Memory, Server, Step
from normalise import Normaliser, Symbol

SETTLING_TIME = 0.05
"""Seconds for OpenBao to do what it does a moment after it answered: it revokes lazily."""

MISSING = Symbol("missing")

_sequence_numbers = count()


@dataclass(frozen=True)
class Exchange:
    """A step, and what both answered: as it came and as it compares."""

    step: Step
    asked: Step
    """The step as OpenBao got it."""
    caller: str | None
    """Whose token it carries: ``root``, ``token``, ``wrapping`` or None for nobody's."""
    theirs: Answer
    ours: Answer
    their_view: dict
    our_view: dict

    @property
    def is_alike(self) -> bool:
        return self.their_view == self.our_view

    @property
    def differing(self) -> set[str]:
        """Where the answers differ, as in ``body/auth/num_uses``."""
        return {where.removeprefix("/") for where in _differing(self.their_view, self.our_view)}


def _differing(theirs: object, ours: object, where: str = "") -> Iterator[str]:
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        if theirs != ours:
            yield where
        return
    for name in theirs.keys() | ours.keys():
        yield from _differing(theirs.get(name, MISSING), ours.get(name, MISSING), f"{where}/{name}")


@dataclass(frozen=True)
class Mismatch:
    """Where a sequence ended, and what came before."""

    exchanges: list[Exchange]

    @property
    def kind(self) -> tuple:
        """What two of the same cause are likely to share."""
        last = self.exchanges[-1]
        return last.step.path, last.theirs.status, last.ours.status, frozenset(last.differing)

    def __str__(self) -> str:
        *before, last = self.exchanges
        told = [
            f"{each.asked.method} {each.asked.target} -> {each.theirs.status}" for each in before
        ]
        return "\n".join(
            [*told, f"{last.step}", f"OpenBao: {last.theirs}", f"cubbyd:  {last.ours}"]
        )


class Players:
    """Two servers, what may differ between them, and the count of what was seen."""

    def __init__(self, theirs: Server, ours: Server, differences=()) -> None:
        self._servers = (theirs, ours)
        self._differences = differences
        self.seen: Counter[str] = Counter()
        self.steps = 0
        self.sequences = 0

    def play(self, steps: list[Step]) -> Mismatch | None:
        """Play a sequence; once more and slowly when the servers differ, to be sure."""
        self.sequences += 1
        mismatch = self._play(steps)
        return mismatch and self._play(steps, pause=SETTLING_TIME)

    def shrink(self, mismatch: Mismatch) -> Mismatch:
        """The same difference with as few steps before it as show it."""
        number = len(mismatch.exchanges) - 1
        while number > 0:
            number -= 1
            steps = [each.step for each in mismatch.exchanges]
            shorter = self._play([*steps[:number], *steps[number + 1 :]])
            if shorter is not None and shorter.exchanges[-1].step == steps[-1]:
                mismatch = shorter
                number = min(number, len(mismatch.exchanges) - 1)
        return mismatch

    def _play(self, steps: list[Step], *, pause: float = 0) -> Mismatch | None:
        game = _Game(self._servers)
        exchanges = []
        try:
            for step in steps:
                exchange = game.send(step)
                exchanges.append(exchange)
                self.steps += 1
                time.sleep(pause)
                difference = self._difference(exchange)
                if difference is None and not exchange.is_alike:
                    return Mismatch(exchanges)
                if difference is not None:
                    self.seen[difference.name] += 1
                    if difference.ends:
                        return None
                    for repair in difference.repairs(exchange):
                        game.settle(game.send(repair))
                game.settle(exchange)
        finally:
            game.end()
        return None

    def _difference(self, exchange: Exchange):
        candidates = (each for each in self._differences if each.is_silent == exchange.is_alike)
        return next((each for each in candidates if each.is_seen(exchange)), None)


class _Game:
    """What belongs to one playing of one sequence: a root token each, and what was given."""

    def __init__(self, servers: tuple[Server, Server]) -> None:
        nonce = f"q{next(_sequence_numbers):06}z"
        self._servers = servers
        self._views = [Normaliser(nonce), Normaliser(nonce)]
        self._memories = []
        for server, view in zip(servers, self._views, strict=True):
            create = Step("POST", "auth/token/create", server.root, {"policies": ["root"]})
            root = server.ask(create).body["auth"]["client_token"]
            view.learn("<root>", root)
            self._memories.append(Memory(root, nonce))

    def send(self, step: Step) -> Exchange:
        time.sleep(step.wait)
        asked = [memory.resolve(step) for memory in self._memories]
        answers = [server.ask(each) for server, each in zip(self._servers, asked, strict=True)]
        views = [view(answer) for view, answer in zip(self._views, answers, strict=True)]
        caller = self._memories[0].kind_of(asked[0].token)
        return Exchange(step, asked[0], caller, *answers, *views)

    def settle(self, exchange: Exchange) -> None:
        """Remember what both gave. What only one gave, the other may give later or never."""
        answers = (exchange.theirs, exchange.ours)
        for memory, view, answer in zip(self._memories, self._views, answers, strict=True):
            if exchange.is_alike:
                memory.save(answer.body)
            else:
                view.forget()

    def end(self) -> None:
        self.send(Step("POST", "auth/token/revoke", ROOT, {"token": ROOT}))
