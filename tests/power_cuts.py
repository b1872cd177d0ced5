"""Cuts the power at every call to the disk, and looks at everything that may be there afterwards.

An operation runs once, over a disk that tells what a crash would leave before each call that
changes something, and at the end. That is the same as cutting the power at each call in turn: what
would have run after it is never looked at.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Final, Self

import trio
from disk_operations import ALL, NEW
from disk_scene import (
    RIGHT,
    Build,
    facts,
    other_random,
    run_in_order,
    scene,
    start_together,
    started,
)
from simulated_disk import SimulatedDisk, Tree
from trio.testing import wait_all_tasks_blocked

from cubbyd.errors import StartError

CHANGING: Final = {"create", "write", "fsync", "mkdir", "link", "rename", "unlink"}
"""What a disk may be another after; between others a cut is the same cut."""


UNTOUCHED: Final = frozenset({"bystander", "spent", "revoked", "expired", "stale"})
"""What is looked at everywhere: nobody changes the first, and the others have ended. Besides, what
an operation changes; and everything, where it writes all files."""


class KilledError(BaseException):
    """The process is no more. No handler may see to anything."""


@dataclass(frozen=True)
class Cut:
    """The power goes before a call, or when all is done."""

    before: str
    answered: frozenset[str]
    """Who had been answered by then."""
    trees: tuple[Tree, ...]
    left_out: int
    """How many choices of the crash were not drawn."""


@dataclass
class Report:
    """What was found, and how much was looked at."""

    cuts: int = 0
    states: int = 0
    """Different disks that one cut may leave, over all cuts."""
    looked_at: int = 0
    """Of these, how many a daemon was started over: what one operation may leave at several cuts
    is looked at once."""
    left_out: int = 0
    problems: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Report") -> Self:
        self.cuts += other.cuts
        self.states += other.states
        self.looked_at += other.looked_at
        self.left_out += other.left_out
        self.problems += other.problems
        return self

    def __str__(self) -> str:
        return (
            f"{self.states} crash states of {self.cuts} power cuts (a daemon was started over "
            f"{self.looked_at} disks; {self.left_out} choices were not drawn)"
        )

    def note(self, where: str, cut: Cut, problems: list[list[str]]) -> None:
        """Take note of what was found in each tree of a cut."""
        self.cuts += 1
        self.states += len(cut.trees)
        self.left_out += cut.left_out
        self.problems += [
            f"{where}, cut before {cut.before}: {problem}" for each in problems for problem in each
        ]


class Recorder:
    """Notes what a crash may leave, at each call that a disk is told of."""

    def __init__(self, disk: SimulatedDisk, *, at_most: int) -> None:
        self.cuts: list[Cut] = []
        self.answers: dict[str, object] = {}
        self._disk = disk
        self._at_most = at_most
        disk.on_call = self._note

    def end(self) -> None:
        """All is done: a last cut."""
        self._note("fsync", "at the end")
        self._disk.on_call = lambda _call, _name: None

    def _note(self, call: str, name: str) -> None:
        if call not in CHANGING:
            return
        drawn = self._disk.after_a_cut(at_most=self._at_most, seed=len(self.cuts))
        trees = {frozen(tree): tree for tree in drawn}
        left_out = max(0, self._disk.number_of_choices() - self._at_most)
        answered = frozenset(self.answers)
        self.cuts.append(Cut(f"{call} {name}", answered, tuple(trees.values()), left_out))


def frozen(tree: Tree) -> frozenset:
    """A tree as something that two of which can be compared."""
    return frozenset(
        (name, frozen(inside) if isinstance(inside, Mapping) else inside)
        for name, inside in tree.items()
    )


def run(disk, names: Collection[str], build: Build, answers: dict[str, object]) -> None:
    """A daemon's life: it starts, does these operations all at once, and ends.

    The answers are noted as they come, and that it has started before them.
    """
    known = scene()

    async def one(house, name):
        answers[name] = await ALL[name].act(house, known)

    async def live():
        with started(disk, build, random=other_random()) as house:
            async with house.running(), trio.open_nursery() as nursery:
                answers["start"] = None
                start_together(nursery, house, *((one, house, name) for name in names))
                await wait_all_tasks_blocked()  # one that is made wrong may do something yet

    run_in_order(live)


def explore(
    *names: str, base: Tree | None = None, build: Build = RIGHT, at_most: int = 64
) -> Report:
    """Cut the power at every call of a daemon's life, in which these operations come at once.

    Args:
        names: The operations. What they change must not overlap.
        base: The disk before it; None: the scene's.
        build: What daemon it is.
        at_most: So many of a crash's choices are looked at; where there are more, drawn by lot.
    """
    base = scene().tree if base is None else base
    disk = SimulatedDisk(base)
    recorder = Recorder(disk, at_most=at_most)
    run(disk, names, build, recorder.answers)
    recorder.end()
    judge = Judge(names, recorder.answers, base, disk.tree(), build)
    report = Report()
    for number, cut in enumerate(recorder.cuts):
        problems = [judge.problems(tree, cut.answered) for tree in cut.trees]
        report.note(f"{' & '.join(names)} {number}", cut, problems)
    report.looked_at = judge.looked_at
    return report


class Judge:
    """Knows what of some operations must be there, may be there, and must not."""

    def __init__(self, names, answers, base: Tree, ended: Tree, build: Build = RIGHT) -> None:
        clock = min(ALL[name].looked_at for name in names)
        self._answers = answers
        self._build = build
        self._clock = clock
        new = {f"new by {name}" for name in names}
        known = _facts_of_the_scene(clock) if base is scene().tree else facts(base, {}, now=clock)
        self._before = known | facts(base, answers, only=new, now=clock)
        self._after = facts(ended, answers, now=clock)
        self._changes = {name: _named(ALL[name].changes, name) for name in names}
        self._between = {name: {_named(each, name) for each in ALL[name].between} for name in names}
        self.changes = frozenset().union(*self._changes.values())
        self._only = _looked_at(*names)
        self._seen = {}
        changed = {name for name, fact in self._after.items() if fact != self._before[name]}
        assert changed == self.changes, f"{names} changed {changed}"

    @property
    def looked_at(self) -> int:
        """How many different disks it has seen."""
        return len(self._seen)

    @property
    def told_of(self) -> Collection[str]:
        """The facts that a running daemon is to be asked for: what changes, or everything."""
        known = self.changes if self._only is not None else self._before.keys()
        return known - {"strangers", "left"}

    def problems(self, tree: Tree, answered: Collection[str]) -> list[str]:
        """What is wrong with a disk."""
        key = frozen(tree)
        if key not in self._seen:
            self._seen[key] = self._look(tree)
        found, wrong = self._seen[key]
        changed = {name for name, fact in found.items() if fact != self._before[name]}
        return wrong + [
            f"{sorted(answered)} answered, and of {name} there is {sorted(changed & changes)}"
            for name, changes in self._changes.items()
            if not self._may_be(name, changed & changes, is_answered=name in answered)
        ]

    def _look(self, tree):
        """The facts, and what is wrong with them whoever was answered."""
        try:
            found = facts(tree, self._answers, only=self._only, now=self._clock, build=self._build)
        except StartError as error:
            return {}, [f"it does not start: {error}"]
        wrong = [
            f"{name} is {fact}"
            for name, fact in found.items()
            if fact != self._before[name]
            and (fact != self._after[name] or name not in self.changes)
        ]
        return found, wrong

    def _may_be(self, name, changed, *, is_answered) -> bool:
        if is_answered:
            return changed == self._changes[name]
        return not changed or changed == self._changes[name] or changed in self._between[name]


@cache
def _facts_of_the_scene(clock):
    return facts(scene().tree, {}, now=clock)


def _looked_at(*names, also=frozenset()):
    """The facts that are looked at after these operations; None: all."""
    if any(ALL[name].writes_all for name in names):
        return None
    return UNTOUCHED.union(also, *(_named(ALL[name].changes, name) for name in names))


def _named(changes, name):
    return frozenset(f"new by {name}" if each == NEW else each for each in changes)


# A second blow


class _Looks:
    """What daemons tell that start over disks; what is the same disk is looked at once."""

    def __init__(self, answers, build: Build) -> None:
        self._answers = answers
        self._build = build
        self._seen = {}

    def __len__(self) -> int:
        return len(self._seen)

    def facts(self, tree, only):
        key = frozen(tree), only and frozenset(only)
        if key not in self._seen:
            self._seen[key] = facts(tree, self._answers, only=only, build=self._build)
        return self._seen[key]


def explore_recovery(
    name: str, *, base: Tree | None = None, build: Build = RIGHT, at_most: int = 64
) -> Report:
    """Cut the power, and again at every call of the start that follows, sweep and reaper included.

    The second cut changes nothing that clients can see.
    """
    disk = SimulatedDisk(scene().tree if base is None else base)
    recorder = Recorder(disk, at_most=at_most)
    run(disk, [name], build, recorder.answers)
    recorder.end()
    only = _looked_at(name)
    looks = _Looks(recorder.answers, build)
    report = Report()
    for first in {frozen(tree): tree for cut in recorder.cuts for tree in cut.trees}.values():
        told = facts(first, recorder.answers, only=only)
        again = SimulatedDisk(first)
        second = Recorder(again, at_most=at_most)
        run(again, ["reap"], build, second.answers)
        second.end()
        for cut in second.cuts:
            found = [looks.facts(tree, only) for tree in cut.trees]
            wrong = [[f"{each}, and not {told}"] for each in found if each != told]
            report.note(f"{name}, then a start", cut, wrong)
    report.looked_at = len(looks)
    return report


def explore_kills(
    name: str, *, base: Tree | None = None, build: Build = RIGHT, at_most: int = 64
) -> Report:
    """Kill the daemon at every call; the next one starts, answers, and then the power is cut.

    The kernel shows the next daemon all that the killed one did, durable or not. What it tells of
    that must hold.
    """
    report = Report()
    for number in count(1):
        disk = SimulatedDisk(scene().tree if base is None else base)
        if not _is_killed(disk, name, build, at_call=number):
            return report
        recorder = Recorder(disk, at_most=at_most)
        run(disk, ["create"], build, recorder.answers)
        recorder.end()
        only = _looked_at(name, also={"new by create"})
        told = facts(disk.tree(), recorder.answers, only=only)
        looks = _Looks(recorder.answers, build)
        for cut in recorder.cuts:
            report.note(
                f"{name} killed at {number}, then a start",
                cut,
                [_denied(tree, cut, told, looks) for tree in cut.trees],
            )
        report.looked_at += len(looks)
    raise AssertionError("unreachable")


def _is_killed(disk, name, build, *, at_call):
    """Whether the daemon came to so many calls, and was killed."""
    calls = count(1)
    dead = []

    def on_call(call, _name):
        if dead or (call in CHANGING and next(calls) == at_call):
            dead.append(True)
            raise KilledError

    disk.on_call = on_call
    with suppress(KilledError, BaseExceptionGroup):
        run(disk, [name], build, {})
    disk.lose_descriptors()
    return bool(dead)


def _denied(tree, cut, told, looks):
    """What the second daemon had told by the time of the cut, and does not hold."""
    if "start" not in cut.answered:
        told = {"left": []}
    elif "create" not in cut.answered:
        told = {
            key: fact for key, fact in told.items() if key not in ("new by create", "strangers")
        }
    try:
        found = looks.facts(tree, told.keys())
    except StartError as error:
        return [f"it does not start: {error}"]
    return [
        f"{key} is {found[key]}, and not {told[key]}" for key in told if found[key] != told[key]
    ]
