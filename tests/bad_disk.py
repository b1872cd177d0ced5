"""A disk that refuses a call, or all from then on, while an operation and a bystander's run.

Whoever is refused is told so in a clear word, and nothing but the truth is told to anybody.
"""

from dataclasses import dataclass
from errno import EDQUOT, EIO, EMFILE, ENFILE, ENOSPC, EROFS
from functools import partial
from os import strerror
from typing import Final

import trio
from at_once import finished
from disk_operations import ALL, LOCKED
from disk_scene import (
    NOW,
    POLICY,
    RIGHT,
    STORE,
    Build,
    facts,
    locked,
    other_random,
    run_in_order,
    scene,
    staged,
    start_together,
    started,
    tell,
)
from power_cuts import Judge, frozen
from simulated_disk import SimulatedDisk, Tree

from cubbyd.errors import RefusedError, StartError, StorageFullError, StoreError
from cubbyd.messages import Response
from cubbyd.store.files import DiskFiles

CODES: Final = {
    ENOSPC: "storage_full",
    EDQUOT: "storage_full",
    EMFILE: "busy",
    ENFILE: "busy",
    EIO: "integrity",
    EROFS: "integrity",
}
"""What a client is told of each error."""
BESIDE: Final = "write beside"
"""The bystander's operation."""

FOR_GOOD: Final = {
    ENOSPC: {"create", "write", "fsync", "link", "rename", "mkdir"},
    EMFILE: {"open", "create"},
    EROFS: {"create", "write", "link", "rename", "unlink", "mkdir"},
    EIO: {
        "create",
        "open",
        "read",
        "write",
        "fsync",
        "link",
        "rename",
        "unlink",
        "mkdir",
        "stat",
        "fstat",
    },
}
"""What goes on failing when a disk is full, descriptors have run out, and so on."""


@dataclass
class Fault:
    """The n-th call fails."""

    at_call: int
    errno: int = EIO
    for_good: bool = False
    """And after it every one that the same cause makes fail, but for the sync of the store's
    directory: that stops the daemon, and is a case by itself."""
    takes: int | None = None
    """It is the n-th write, and takes so many bytes instead."""
    only: str = ""
    """It is the n-th of these: a call and a name."""
    calls: int = 0
    met: str = ""
    """What it was that failed first."""

    def __call__(self, call: str, name: str) -> int | None:
        is_counted = self.only in ("", f"{call} {name}")
        self.calls += is_counted and (self.takes is None or call == "write")
        if self.met:
            if self.for_good and call in FOR_GOOD[self.errno] and name != "store":
                raise OSError(self.errno, strerror(self.errno))
        elif is_counted and self.calls == self.at_call:
            self.met = f"{call} {name}"
            if self.takes is None:
                raise OSError(self.errno, strerror(self.errno))
            return self.takes
        return None

    @property
    def never_came(self) -> bool:
        """There were not so many calls."""
        return self.calls < self.at_call


class BadDisk:
    """One operation and one bystander's at once, over a disk that fails."""

    def __init__(
        self,
        name: str,
        build: Build = RIGHT,
        *,
        at_most: int = 8,
        after: tuple[str, ...] = (),
        forgets_names: bool = False,
    ) -> None:
        """``after``: what is answered before the disk turns bad. Else see ``SimulatedDisk``."""
        self._name = name
        self._build = build
        self._at_most = at_most
        self._forgets_names = forgets_names
        names = (*after, name, BESIDE)
        self._life = partial(
            Run, (name, BESIDE), build, at_most=at_most, after=after, forgets_names=forgets_names
        )
        quiet = self._life()
        self._answers = quiet.said
        self._judge = Judge(names, quiet.said, _base(names), quiet.disk.tree(), build)

    def problems(self, fault: Fault) -> list[str]:
        """What is wrong with how the daemon took it."""
        wrong: list[str] = []

        async def look(run, house):
            if not run.has_stopped:
                wrong.extend([each async for each in self._of_the_living(run, house)])

        run = self._life(fault, look)
        wrong += self._of_what_was_said(run, fault)
        if run.has_stopped:
            wrong += self._of_what_stays(run) if self._forgets_names else self._of_the_next(run)
        cause = f"{strerror(fault.errno)} {'from' if fault.for_good else 'at'} {fault.met}"
        return [f"{self._name}, {cause}: {each}" for each in wrong] if fault.met else []

    def problems_of_a_restart(self, fault: Fault) -> list[str]:
        """What the next daemon on the same machine tells that a power cut takes back."""
        run = self._life(fault)
        return [*self._of_the_next(run)] if run.has_stopped else []

    def _of_what_was_said(self, run, fault):
        """Was it clear, was it true, and was nobody else harmed?"""
        refused = {name: each for name, each in run.said.items() if isinstance(each, RefusedError)}
        answered = run.answered
        for name, refusal in refused.items():
            if refusal.code != CODES[fault.errno]:
                yield f"{name} was told {refusal.code}"
        if len(refused) > 1 and not fault.for_good:
            yield "it cost two requests"
        if refused and fault.takes and not fault.for_good:
            yield f"a short write refused {refused}"
        if run.has_stopped != (fault.met == "fsync store"):
            yield f"the daemon stopped: {run.stopped}, answered: {answered}"
        if left := [] if fault.for_good else staged(run.tree):
            yield f"{left} left lying"
        for tree in run.trees:
            yield from self._judge.problems(tree, answered)

    async def _of_the_living(self, run, house):
        """Does it serve again, and does it tell only what stays so?"""
        try:
            await house.owner.ask("write", "sys/policies/acl/another", {"policy": POLICY})
        except RefusedError as refused:
            yield f"it does not serve again: {refused}"
        answers = self._answers | {
            name: each for name, each in run.said.items() if isinstance(each, Response)
        }
        told = await tell(house, answers, only=self._judge.told_of)
        for each in self._untrue(told, run.trees, answers):
            yield each

    def _of_what_stays(self, run):
        """Is what was answered still there when a later sync has said that all is well?"""
        run.disk.lose_descriptors()
        DiskFiles(STORE, run.disk).sync()
        for tree in run.disk.after_a_cut(at_most=self._at_most):
            yield from self._judge.problems(tree, run.answered)

    def _of_the_next(self, run):
        """Does the daemon that starts next on the same machine tell only what stays so?"""
        run.disk.lose_descriptors()
        with started(run.disk, self._build, random=other_random(), at_once=True) as house:
            house.store.prepare()
            trees = [*run.disk.after_a_cut(at_most=self._at_most)]
            told = finished(tell(house, self._answers, only=self._judge.told_of))
        yield from self._untrue(told, trees, self._answers)

    def _untrue(self, told, trees, answers):
        told = {name: told[name] for name in self._judge.told_of}
        for tree in trees:
            found = facts(tree, answers, only=self._judge.told_of, now=NOW)
            for name, fact in told.items():
                if found[name] != fact:
                    yield f"{name} is told to be {fact}, but a power cut leaves {found[name]}"


class Run:
    """A daemon's life over a disk that works, but while the operations are under way."""

    def __init__(  # noqa: PLR0913 - each with its default
        self,
        names,
        build: Build,
        fault=None,
        look=None,
        *,
        at_most=8,
        after=(),
        forgets_names=False,
    ) -> None:
        self.disk = SimulatedDisk(_base(names), forgets_names=forgets_names)
        self.said: dict[str, object] = {}
        """Answers and refusals."""
        self.stopped: dict[str, str] = {}
        """Who was told that the daemon has stopped, and what it said."""
        self.tree: Tree = {}
        self.trees: list[Tree] = []
        """What a power cut leaves, right afterwards."""
        self._fault = fault or (lambda _call, _name: None)
        self._names, self._build, self._look, self._at_most = names, build, look, at_most
        self._after = after
        try:
            run_in_order(self._live)
        except* StoreError as group:
            self.stopped["daemon"] = str(group.exceptions[0])

    @property
    def has_stopped(self) -> bool:
        return bool(self.stopped)

    @property
    def answered(self) -> set[str]:
        return {name for name, each in self.said.items() if not isinstance(each, RefusedError)}

    async def _live(self):
        with started(self.disk, self._build, random=other_random()) as house:
            async with house.running():
                for name in self._after:
                    await self._ask(house, name)
                self.disk.on_call = self._fault
                try:
                    async with trio.open_nursery() as nursery:
                        start_together(
                            nursery, house, *((self._ask, house, name) for name in self._names)
                        )
                finally:
                    self._see_the_disk()
                if self._look is not None:
                    await self._look(self, house)

    async def _ask(self, house, name):
        try:
            self.said[name] = await ALL[name].act(house, scene())
        except RefusedError as refused:
            self.said[name] = refused
        except StoreError as error:
            self.stopped[name] = str(error)

    def _see_the_disk(self):
        self.disk.on_call = lambda _call, _name: None
        self.tree = self.disk.tree()
        drawn = self.disk.after_a_cut(at_most=self._at_most)
        self.trees = list({frozen(tree): tree for tree in drawn}.values())


def _base(names) -> Tree:
    """The disk over which these operations are asked for."""
    return locked() if LOCKED.keys() & {*names} else scene().tree


def bad_start(base: Tree, fault: Fault) -> list[str]:
    """What is wrong with how a start took it, and with the next, when the disk is well again."""
    told = facts(base, {}, only={"caller", "wrapping", "mine"}) if base else {}
    disk = SimulatedDisk(base)
    disk.on_call = fault
    wrong = []
    try:
        with started(disk, random=other_random(), at_once=True) as house:
            house.store.prepare()
    except (StartError, StoreError, OSError) as error:
        if strerror(fault.errno) not in str(error) and str(StorageFullError()) not in str(error):
            wrong.append(f"it says {error}")
    disk.on_call = lambda _call, _name: None
    disk.lose_descriptors()
    for tree in (disk.tree(), *disk.after_a_cut(at_most=16)):
        found = facts(tree, {}, only=told.keys())
        wrong += [f"{name} is {found[name]}" for name in told if found[name] != told[name]]
    return [f"a start with {strerror(fault.errno)} at {fault.met}: {each}" for each in wrong]
