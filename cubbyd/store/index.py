"""What is known of every live token without opening its file: deadlines, families, and counts.

It is a memory of the directory, never an authority over it: a token lives by its file, and by its
file alone it is refused. What depends on the index is the reaper's list of what to destroy, the
list of accessors, and quotas.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

from cubbyd.clock import Timestamp
from cubbyd.core.token import Accessor, TokenEntry, TokenType


@dataclass(frozen=True, slots=True)
class _Line:
    parent: Accessor | None
    expires_at: Timestamp | None
    uid: int
    is_stub: bool


class Index:
    """One line a file, and the tokens that are due to be destroyed."""

    def __init__(self) -> None:
        self._lines: dict[Accessor, _Line] = {}
        self._children: dict[Accessor, set[Accessor]] = {}
        self._by_uid: Counter[int] = Counter()
        self._deadlines: list[tuple[Timestamp, Accessor]] = []
        self._lost: set[Accessor] = set()
        self._stubs: set[Accessor] = set()
        self._expected: Counter[Accessor] = Counter()
        self._is_whole = False

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, accessor: Accessor) -> bool:
        return accessor in self._lines

    def __iter__(self) -> Iterator[Accessor]:
        """The tokens; a stub is none."""
        return (accessor for accessor, line in self._lines.items() if not line.is_stub)

    def living(self, now: Timestamp) -> list[Accessor]:
        """The tokens that have not expired and whose ancestors have not, as far as is known."""
        verdicts: dict[Accessor, bool] = {}
        return [accessor for accessor in self if self._is_alive(accessor, now, verdicts)]

    def tokens_of(self, uid: int) -> int:
        """How many tokens this uid had made that are still there."""
        return self._by_uid[uid]

    def put(self, entry: TokenEntry) -> bool:
        """Take note of a new or changed file; tells whether something is due sooner by that."""
        accessor = entry.accessor
        known = len(self._lost)
        before = self._lines.get(accessor)
        if before is not None:
            self._forget(accessor, before)
        line = _Line(
            entry.parent, entry.expires_at, entry.creator.uid, entry.type is TokenType.STUB
        )
        self._lines[accessor] = line
        if line.is_stub:
            self._stubs.add(accessor)
        else:
            self._by_uid[line.uid] += 1
        if line.parent is not None:
            self._children.setdefault(line.parent, set()).add(accessor)
        self._lose_if_lonely(accessor)
        if before is not None:
            self._lose_if_lonely(before.parent)
        is_nearer = False
        if line.expires_at is not None and not (before and before.expires_at == line.expires_at):
            is_nearer = not self._deadlines or line.expires_at < self._deadlines[0][0]
            heappush(self._deadlines, (line.expires_at, accessor))
        return is_nearer or len(self._lost) > known

    def remove(self, accessor: Accessor) -> bool:
        """Take note of a destroyed file; tells whether that makes others due."""
        line = self._lines.pop(accessor, None)
        self._lost.discard(accessor)
        known = len(self._lost)
        if line is not None:
            self._forget(accessor, line)
            self._lose_if_lonely(line.parent)
        self._lost |= self._children.get(accessor, set())
        return len(self._lost) > known

    def finish(self) -> None:
        """Every file is known now: a stub that none of them names is of no use any more."""
        self._is_whole = True
        for stub in self._stubs:
            self._lose_if_lonely(stub)

    def expect_child(self, parent: Accessor) -> None:
        """A child of this token is on its way to the disk."""
        self._expected[parent] += 1

    def stop_expecting(self, parent: Accessor) -> bool:
        """It has arrived, or never will; tells whether that leaves a stub of no use."""
        self._expected[parent] -= 1
        if not self._expected[parent]:
            del self._expected[parent]
        known = len(self._lost)
        self._lose_if_lonely(parent)
        return len(self._lost) > known

    def lose(self, accessor: Accessor) -> None:
        """Take note of a file whose parent's file is proven to be absent."""
        self._lost.add(accessor)

    def parents(self) -> Iterator[tuple[Accessor, set[Accessor]]]:
        """Each parent that some file names, with the files that name it."""
        return iter(list(self._children.items()))

    def next_deadline(self) -> Timestamp | None:
        """When something is due next; None when nothing ever is."""
        return float("-inf") if self._lost else self._next_expiry()

    def due(self, now: Timestamp, *, at_most: int) -> list[Accessor]:
        """Tokens to be destroyed now: those past their deadline, and those without a parent.

        They are named again until ``remove`` is called, so none is lost when the disk refuses.
        """
        found = dict.fromkeys(islice(self._lost, at_most))  # each once, and some are both
        expired: list[tuple[Timestamp, Accessor]] = []
        while len(found) < at_most:
            deadline = self._next_expiry()
            if deadline is None or deadline > now:
                break
            expired.append(heappop(self._deadlines))
            found[expired[-1][1]] = None
        for each in expired:
            heappush(self._deadlines, each)
        return list(found)

    def _next_expiry(self) -> Timestamp | None:
        while self._deadlines:
            deadline, accessor = self._deadlines[0]
            line = self._lines.get(accessor)
            if line is not None and line.expires_at == deadline:
                return deadline
            heappop(self._deadlines)  # changed or gone since
        return None

    def _is_alive(self, accessor: Accessor, now: Timestamp, verdicts: dict[Accessor, bool]) -> bool:
        """Whether a token lives, looked up once for all who descend from it."""
        above: list[Accessor] = []
        alive = True
        each: Accessor | None = accessor
        while each is not None and (line := self._lines.get(each)) is not None:
            if line.is_stub:
                break
            if each in verdicts:
                alive = verdicts[each]
                break
            if each in self._lost or (line.expires_at is not None and line.expires_at <= now):
                alive = False
                verdicts[each] = False
                break
            above.append(each)
            each = line.parent
        verdicts.update(dict.fromkeys(above, alive))
        return alive

    def _lose_if_lonely(self, accessor: Accessor | None) -> None:
        """A stub is of no use once every file is known and none names it, or soon will."""
        if accessor is None or accessor not in self._stubs or not self._is_whole:
            return
        if not self._children.get(accessor) and not self._expected[accessor]:
            self._lost.add(accessor)

    def _forget(self, accessor: Accessor, line: _Line) -> None:
        if line.is_stub:
            self._stubs.discard(accessor)
        else:
            self._by_uid[line.uid] -= 1
        siblings = self._children.get(line.parent) if line.parent is not None else None
        if siblings is not None and line.parent is not None:
            siblings.discard(accessor)
            if not siblings:
                del self._children[line.parent]
