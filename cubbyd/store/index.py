"""What is known of every live token without opening its file: deadlines, families, and counts.

It is a memory of the directory, never an authority over it: a token lives by its file, and by its
file alone it is refused. What depends on the index is the reaper's list of what to destroy, the
list of accessors, and quotas.

It stands for 100,000 files and works between two requests, so no call takes time for all of them,
but for two: listing what lives, and, once in as many changes, sweeping out old deadlines.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final, TypeAlias

from cubbyd.clock import Timestamp
from cubbyd.core.token import Accessor, TokenEntry, TokenType

MAX_OLD_DEADLINES: Final = 1000
"""Deadlines of tokens that have another by now, or are gone, besides as many as there are files."""
POPPED_AT_ONCE: Final = 64
"""Of those, how many are taken out in one call: when many tokens go, their deadlines stay."""

_Line: TypeAlias = tuple[Accessor | None, Timestamp | None, int, bool, int]
"""Parent, deadline, uid, whether it is a stub, and the term of its key. A tuple of such is none of
the garbage collector's business: it would stop the daemon for longer the more tokens there are."""

_UNKNOWN: Final[_Line] = (None, None, 0, False, 0)


class Index:
    """One line a file, and the tokens that are due to be destroyed."""

    def __init__(self) -> None:
        self._lines: dict[Accessor, _Line] = {}
        self._children: dict[Accessor, set[Accessor]] = {}
        self._by_uid: Counter[int] = Counter()
        self.by_term: Counter[int] = Counter()
        """How many files hang on each key term; stubs, too."""
        self._deadlines: list[tuple[Timestamp, Accessor]] = []
        self._lost: set[Accessor] = set()
        self._expired: set[Accessor] = set()
        self._in_turn: deque[Accessor] = deque()
        self._named: list[Accessor] = []
        self._stubs: set[Accessor] = set()
        self._expected: Counter[Accessor] = Counter()
        self._coming: Counter[int] = Counter()
        self._is_whole = False

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, accessor: Accessor) -> bool:
        return accessor in self._lines

    def __iter__(self) -> Iterator[Accessor]:
        """The tokens; a stub is none."""
        return (accessor for accessor, (_, _, _, is_stub, _) in self._lines.items() if not is_stub)

    def living(self, now: Timestamp) -> list[Accessor]:
        """The tokens that have not expired and whose ancestors have not, as far as is known."""
        verdicts: dict[Accessor, bool] = {}
        return [
            accessor
            for accessor, (parent, expires_at, _, is_stub, _) in self._lines.items()
            if not is_stub
            and (expires_at is None or now < expires_at)
            and accessor not in self._lost
            and (parent is None or self._gives_life(parent, now, verdicts))
        ]

    def tokens_of(self, uid: int) -> int:
        """How many tokens this uid had made that are there, or on their way to the disk."""
        return self._by_uid[uid] + self._coming[uid]

    def put(self, entry: TokenEntry, term: int = 0) -> bool:
        """Take note of a new or changed file; tells whether something is due sooner by that.

        ``term`` is that of the key which sealed it; 0 where nobody will ask.
        """
        accessor = entry.accessor
        known = len(self._lost)
        before = self._lines.get(accessor)
        if before is not None:
            self._forget(accessor, before)
        parent, expires_at, uid, is_stub, _ = line = (
            entry.parent,
            entry.expires_at,
            entry.creator.uid,
            entry.type is TokenType.STUB,
            term,
        )
        self._lines[accessor] = line
        self.by_term[term] += 1
        if is_stub:
            self._stubs.add(accessor)
            self._lost.discard(accessor)  # its parent may have gone meanwhile: it has none now
        else:
            self._by_uid[uid] += 1
        if parent is not None:
            self._children.setdefault(parent, set()).add(accessor)
        self._lose_if_lonely(accessor)
        if before is not None:
            self._lose_if_lonely(before[0])
        is_nearer = False
        if before is not None and before[1] != expires_at:
            self._expired.discard(accessor)
        if expires_at is not None and not (before and before[1] == expires_at):
            is_nearer = not self._deadlines or expires_at < self._deadlines[0][0]
            heappush(self._deadlines, (expires_at, accessor))
            self._sweep_deadlines()
        return is_nearer or len(self._lost) > known

    def move(self, accessor: Accessor, term: int) -> None:
        """Take note that a file, and nothing in it, hangs on another key term now."""
        line = self._lines.get(accessor)
        if line is not None:  # or it will be found so
            self.by_term[line[4]] -= 1
            self.by_term[term] += 1
            self._lines[accessor] = (*line[:4], term)

    def remove(self, accessor: Accessor) -> bool:
        """Take note of a destroyed file; tells whether that makes others due."""
        line = self._lines.pop(accessor, None)
        self._lost.discard(accessor)
        self._expired.discard(accessor)
        known = len(self._lost)
        if line is not None:
            self._forget(accessor, line)
            self._lose_if_lonely(line[0])
        self.lose_children(accessor)
        return len(self._lost) > known

    def finish(self) -> None:
        """Every file is known now: a stub that none of them names is of no use any more."""
        self._is_whole = True
        for stub in self._stubs:
            self._lose_if_lonely(stub)

    def expect(self, newcomers: Iterable[TokenEntry]) -> None:
        """These are on their way to the disk: quotas count them, and stubs wait for children."""
        for entry in newcomers:
            self._coming[entry.creator.uid] += 1
            if entry.parent is not None:
                self._expected[entry.parent] += 1

    def stop_expecting(self, newcomers: Iterable[TokenEntry]) -> bool:
        """They have arrived, or never will; tells whether that leaves a stub of no use."""
        known = len(self._lost)
        for entry in newcomers:
            self._coming[entry.creator.uid] -= 1
            parent = entry.parent
            if parent is not None:
                self._expected[parent] -= 1
                if not self._expected[parent]:
                    del self._expected[parent]
                self._lose_if_lonely(parent)
        return len(self._lost) > known

    def lose(self, accessor: Accessor) -> None:
        """Take note of a file whose parent's file is proven to be absent."""
        self._lose([accessor])

    def lose_children(self, parent: Accessor) -> None:
        """Take note that this file is proven to be absent: all that name it have lost it."""
        self._lose(self._children.get(parent, ()))

    def parents(self) -> list[Accessor]:
        """Each file that others name as their parent."""
        return list(self._children)

    def next_deadline(self) -> Timestamp | None:
        """When something is due next, never told too late; None when nothing ever is."""
        return float("-inf") if self._lost or self._expired else self._next_expiry()

    def due(self, now: Timestamp, *, at_most: int) -> list[Accessor]:
        """Tokens to be destroyed now: those past their deadline, and those without a parent.

        They are named again until ``remove`` is called, so none is lost when the disk refuses; and
        behind all others, so that those which will not go hold back nothing.
        Even when none is named, ``next_deadline`` may be past: ask again, after a pause.
        """
        for _ in range(at_most):
            deadline = self._next_expiry()
            if deadline is None or deadline > now or not self._is_current(*self._deadlines[0]):
                break
            _, accessor = heappop(self._deadlines)
            self._expired.add(accessor)
            self._in_turn.append(accessor)
        self._in_turn.extend(self._named)
        found: dict[Accessor, None] = {}  # one may stand here twice: lost, and expired
        while self._in_turn and len(found) < at_most:
            accessor = self._in_turn.popleft()
            if accessor in self._lost or accessor in self._expired:
                found[accessor] = None
        self._named = list(found)
        return list(found)

    def _next_expiry(self) -> Timestamp | None:
        """The first deadline; where very many tokens are gone, it may be one of theirs."""
        for _ in range(POPPED_AT_ONCE):
            if not self._deadlines or self._is_current(*self._deadlines[0]):
                break
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _sweep_deadlines(self) -> None:
        """Drop old deadlines when there are many, as where secrets are unwrapped long before."""
        if len(self._deadlines) > 2 * len(self._lines) + MAX_OLD_DEADLINES:
            self._deadlines = [each for each in self._deadlines if self._is_current(*each)]
            heapify(self._deadlines)

    def _is_current(self, deadline: Timestamp, accessor: Accessor) -> bool:
        line = self._lines.get(accessor)
        return line is not None and line[1] == deadline

    def _gives_life(self, parent: Accessor, now: Timestamp, verdicts: dict[Accessor, bool]) -> bool:
        """Whether the children of a token live, looked up once for all who descend from it."""
        verdict = verdicts.get(parent)
        if verdict is not None:
            return verdict
        verdicts[parent] = False  # and so it stays for a line that has no end
        above, expires_at, _, is_stub, _ = self._lines.get(parent, _UNKNOWN)
        verdict = is_stub or (
            parent not in self._lost
            and (expires_at is None or now < expires_at)
            and (above is None or self._gives_life(above, now, verdicts))
        )
        verdicts[parent] = verdict
        return verdict

    def _lose(self, accessors: Iterable[Accessor]) -> None:
        news = [each for each in accessors if each not in self._lost]
        self._lost.update(news)
        self._in_turn.extend(news)

    def _lose_if_lonely(self, accessor: Accessor | None) -> None:
        """A stub is of no use once every file is known and none names it, or soon will."""
        if accessor is None or accessor not in self._stubs or not self._is_whole:
            return
        if not self._children.get(accessor) and not self._expected[accessor]:
            self._lose([accessor])

    def _forget(self, accessor: Accessor, line: _Line) -> None:
        parent, _, uid, is_stub, term = line
        self.by_term[term] -= 1
        if is_stub:
            self._stubs.discard(accessor)
        else:
            self._by_uid[uid] -= 1
        siblings = self._children.get(parent) if parent is not None else None
        if siblings is not None and parent is not None:
            siblings.discard(accessor)
            if not siblings:
                del self._children[parent]
