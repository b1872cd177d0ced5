"""Which tokens may have ended, and which must have, by a history."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

from journal import NEVER, Op

DEAD = {
    ("lookup", "permission_denied"),
    ("renew", "invalid_request"),
    ("revoke_orphan", "invalid_request"),
    ("peek", "wrapping_token_invalid"),
    ("unwrap", "wrapping_token_invalid"),
    ("rewrap", "wrapping_token_invalid"),
}
"""What is told of a token that has ended, when a request is about it."""
_ENDING = ("revoke_orphan", "unwrap", "rewrap")
"""What ends a token and nothing that descends from it."""
_ALIVE = ("lookup", "renew", "revoke_orphan", "peek", "unwrap", "rewrap")
"""What is answered only when the token that it is about lives."""


class Lives:
    """The tokens that some answer brought."""

    def __init__(self, history: Sequence[Op]) -> None:
        self._history = history
        self.grants: dict[str, int] = {}
        self._parents: dict[str, str | None] = {}
        self._ends: dict[str, list[Op]] = defaultdict(list)
        self._orphanings: dict[str, list[Op]] = defaultdict(list)
        self._revocations: dict[str, list[Op]] = defaultdict(list)
        self._deaths: dict[str, list[Op]] = defaultdict(list)
        asked: dict[str, list[float]] = defaultdict(list)
        told: dict[str, list[float]] = defaultdict(list)
        for op in history:
            self._note_birth(op)
            self._note_end(op)
            for token in _seen_dead(op):
                self._deaths[token].append(op)
            if op.by is not None and (op.may_have_happened or op.refusal == "not_found"):
                asked[op.by].append(op.asked)
                if op.is_answered or op.refusal is not None:
                    told[op.by].append(op.told)
        self._asked = {token: sorted(times) for token, times in asked.items()}
        self._told = {token: sorted(times) for token, times in told.items()}

    def uses_asked(self, token: str, *, before: float) -> int:
        """How many may have been counted by then."""
        return bisect_left(self._asked.get(token, []), before)

    def uses_told(self, token: str, *, before: float) -> int:
        """How many had been answered by then."""
        return bisect_left(self._told.get(token, []), before)

    def problems(self) -> Iterator[str]:
        """Tokens that worked after their end, and tokens that died of nothing."""
        dead_since = {token: self._dead_since(token) for token in self._parents}
        for op in self._history:
            if op.kind == "lookup" and op.is_answered and op.on in self._parents:
                yield from self._check_orphan(op)
            for token in _seen_alive(op):
                if dead_since.get(token, NEVER) < op.asked:
                    yield f"a token worked that had ended before: {token} in {op}"
            for token in _seen_dead(op):
                if token in self._parents and not self._may_be_dead(token, op.told):
                    yield f"a token was dead that nothing had ended: {token} in {op}"

    def _check_orphan(self, op: Op) -> Iterator[str]:
        parent = self._parents[op.on]
        cuts = [] if parent is None else self._orphanings[parent]
        must_be = parent is None or any(cut.done < op.asked for cut in cuts)
        may_be = must_be or any(cut.asked < op.told for cut in cuts)
        if not must_be <= op.answer["is_orphan"] <= may_be:
            yield f"it was said to be an orphan, or not to be one, wrongly: {op}"

    def _note_birth(self, op: Op) -> None:
        if op.is_answered and "token" in op.answer:
            token = op.answer["token"]
            is_child = op.kind == "create"
            self._parents[token] = op.by if is_child else None
            self.grants[token] = op.value["uses"] if is_child else 0

    def _note_end(self, op: Op) -> None:
        if op.on is None or not op.may_have_happened:
            return
        if op.kind == "revoke":
            self._revocations[op.on].append(op)
        elif op.kind in _ENDING:
            self._ends[op.on].append(op)
            if op.kind == "revoke_orphan":
                self._orphanings[op.on].append(op)

    def _above(self, token: str) -> Iterator[tuple[str, list[Op]]]:
        """Each ancestor, with all that may have cut the line up to it."""
        cuts: list[Op] = []
        while (parent := self._parents.get(token)) is not None:
            cuts = [*cuts, *self._orphanings[parent]]
            yield parent, cuts
            token = parent

    def _dead_since(self, token: str) -> float:
        """When it was certainly dead, at the latest."""
        times = [op.done for op in chain(self._ends[token], self._revocations[token])]
        times += [op.told for op in self._deaths[token]]
        for ancestor, cuts in self._above(token):
            ends = [op.done for op in self._revocations[ancestor]]
            ends += [op.told for op in self._deaths[ancestor]]
            times += [end for end in ends if not any(cut.asked < end for cut in cuts)]
        return min(times, default=NEVER)

    def _may_be_dead(self, token: str, when: float) -> bool:
        granted = self.grants[token]
        if granted and self.uses_asked(token, before=when) >= granted:
            return True
        ends = chain(self._ends[token], self._revocations[token])
        if any(op.asked < when for op in ends):
            return True
        return any(
            end.asked < when and not any(cut.done < end.asked for cut in cuts)
            for ancestor, cuts in self._above(token)
            for end in self._revocations[ancestor]
        )


def _seen_alive(op: Op) -> list[str]:
    """The tokens that this request shows to have lived at some moment of it."""
    seen = [op.by] if op.is_answered or op.refusal == "not_found" else []
    if op.is_answered and op.kind in _ALIVE:
        seen.append(op.on)
    return [token for token in seen if token is not None]


def _seen_dead(op: Op) -> list[str]:
    """The tokens that it shows to have been dead."""
    if op.by is not None and op.refusal == "permission_denied":
        return [op.by]
    return [op.on] if op.on is not None and (op.kind, op.refusal) in DEAD else []
