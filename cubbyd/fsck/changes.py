"""What fsck changes when it is asked to: it moves files aside, and destroys what a copy revived."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from errno import EMLINK, ENOSYS, EOPNOTSUPP, EPERM
from itertools import count
from pathlib import Path
from typing import Final

from cubbyd.core.token import Accessor
from cubbyd.errors import StoreError
from cubbyd.fsck.survey import Kind, Survey
from cubbyd.store.files import Files
from cubbyd.store.system_calls import SystemCalls

_NO_LINKS: Final = frozenset({EPERM, EOPNOTSUPP, EMLINK, ENOSYS})
"""What linking meets with directories, with others' files (``fs.protected_hardlinks``), and on file
systems that know no links."""

_HAS_CHILDREN: Final = "tokens live below it; restore it, or revoke it"


def used_up_by_a_copy(found: Survey) -> list[Accessor]:
    """The tokens that a restored copy would let out, or let be used, once more."""
    return [
        accessor
        for accessor, token in found.tokens.items()
        if token.kind in (Kind.WRAPPING, Kind.LIMITED)
    ]


def destroy(files: Files, accessors: Iterable[Accessor], found: Survey) -> None:
    """Destroy tokens durably, and forget that they were found. Raises OSError."""
    for accessor in accessors:
        files.remove(accessor)
        del found.tokens[accessor]
        found.damaged.pop(accessor, None)
    files.sync()


class Aside:
    """A directory in the store, made for one run, that takes what is moved out of the way."""

    def __init__(self, store: Path, name: str, calls: SystemCalls = os) -> None:
        """Make it, 0700 and durable, under this name or with a number behind it.

        Raises:
            OSError: It cannot be made.
        """
        self._calls = calls
        with ExitStack() as stack:
            self._store = calls.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(calls.close, self._store)
            self.name = self._make(name)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = calls.open(self.name, flags, dir_fd=self._store)
            calls.fsync(self._store)
            stack.pop_all()
        self._places = {"src_dir_fd": self._store, "dst_dir_fd": self._fd}
        self._linked: set[str] = set()

    def _make(self, name: str) -> str:
        for number in count(1):
            tried = name if number == 1 else f"{name}-{number}"
            try:
                self._calls.mkdir(tried, 0o700, dir_fd=self._store)
            except FileExistsError:
                continue
            return tried
        raise AssertionError  # count() has no end

    def close(self) -> None:
        """Let it go."""
        self._calls.close(self._fd)
        self._calls.close(self._store)

    def link(self, names: Iterable[str]) -> dict[str, OSError]:
        """Give files a name here as well, durably; the directory began empty: nothing is replaced.

        What cannot be linked is left to ``take``.

        Returns:
            What cannot be moved, with the reason.

        Raises:
            StoreError: Nobody knows what is on disk.
        """
        refused: dict[str, OSError] = {}
        for name in names:
            try:
                self._calls.link(name, name, **self._places, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    refused[name] = error
            else:
                self._linked.add(name)
        self._sync(self._fd)
        return refused

    def take(self, names: Iterable[str]) -> dict[str, OSError]:
        """Take names away from the store, durably.

        They are here already, so at no power cut is a file in neither place; it may be in both.
        What cannot be linked is renamed, as safely as the file system renames things: a directory
        in a file's place, which holds nothing of ours.

        Returns:
            What could not be moved, with the reason.

        Raises:
            StoreError: Nobody knows what is on disk.
        """
        refused: dict[str, OSError] = {}
        for name in names:
            try:
                if name in self._linked:
                    self._calls.unlink(name, dir_fd=self._store)
                else:
                    self._calls.rename(name, name, **self._places)
            except OSError as error:
                refused[name] = error
        self._sync(self._fd)
        self._sync(self._store)
        return refused

    def release(self, names: Iterable[str]) -> None:
        """Forget files that stay in the store; where that is refused, they are in both places."""
        for name in self._linked.intersection(names):
            with suppress(OSError):
                self._calls.unlink(name, dir_fd=self._fd)

    def _sync(self, directory: int) -> None:
        try:
            self._calls.fsync(directory)
        except OSError as error:
            raise StoreError(f"the store cannot be synced: {error.strerror}") from None


def move_aside(
    aside: Aside, names: Sequence[str], found: Survey
) -> tuple[list[str], dict[str, str]]:
    """Move these damaged files, each one's descendants before it.

    A child must never be there without its parent, at no power cut, or the daemon would destroy it.
    One that cannot be read does not say who its parent is. So all are aside before any goes.

    Returns:
        What was moved, and what could not be, with the reason.

    Raises:
        StoreError: Nobody knows what is on disk.
    """
    family = _children(found)
    eldest = [name for name in names if name not in found.tokens or name not in family]
    generations = _generations(family, eldest)
    leaving = dict.fromkeys(each for generation in generations for each in generation)
    stays = {name: _HAS_CHILDREN for name in names if name not in leaving}
    moved: list[str] = []
    stays |= _reasons(aside.link(leaving))
    for generation in reversed(generations):
        going = [each for each in generation if each not in stays]
        stays |= _reasons(aside.take(going))
        moved += [each for each in going if each not in stays]
        for each in generation:
            token = found.tokens.get(Accessor(each))
            if each in stays and token is not None and token.parent is not None:
                stays.setdefault(token.parent, stays[each])
    aside.release(stays)
    return moved, {name: stays[name] for name in names if name in stays}


def _reasons(refused: Mapping[str, OSError]) -> dict[str, str]:
    return {name: error.strerror or "it cannot be moved" for name, error in refused.items()}


def _children(found: Survey) -> dict[str, list[Accessor]]:
    """The readable tokens by their parents."""
    by_parent: dict[str, list[Accessor]] = {}
    for accessor, token in found.tokens.items():
        if token.parent is not None:
            by_parent.setdefault(token.parent, []).append(accessor)
    return by_parent


def _generations(family: Mapping[str, Sequence[str]], eldest: Sequence[str]) -> list[list[str]]:
    """These, their children, theirs, and so on; each once, behind all who are above it."""
    number_of: dict[str, int] = {}
    generation = [*eldest]
    for number in count():
        if not generation:
            break
        number_of |= dict.fromkeys(generation, number)
        generation = [child for each in generation for child in family.get(each, ())]
    generations: list[list[str]] = [[] for _ in {*number_of.values()}]
    for name, number in number_of.items():
        generations[number].append(name)
    return generations
