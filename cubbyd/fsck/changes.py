"""What fsck changes when it is asked to: it moves files aside, and destroys what a copy revived."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
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

    def take(self, names: Iterable[str]) -> dict[str, OSError]:
        """Move files here, durably; the directory began empty, so nothing is replaced.

        A file's name goes from the store when the one here is durable, so at no power cut is it in
        neither; it may be in both. What cannot be linked is renamed, as safely as the file system
        renames things: a directory in a file's place, which holds nothing of ours.

        Returns:
            What could not be moved, with the reason.

        Raises:
            StoreError: Nobody knows what is on disk.
        """
        immovable: dict[str, OSError] = {}
        linked: list[str] = []
        for name in names:
            try:
                linked += [name] if self._link(name) else []
            except OSError as error:
                immovable[name] = error
        self._sync(self._fd)
        for name in linked:
            try:
                self._calls.unlink(name, dir_fd=self._store)
            except OSError as error:
                immovable[name] = error
        self._sync(self._store)
        return immovable

    def _link(self, name: str) -> bool:
        """Give a file a name here as well; tells whether it has its old one still."""
        places = {"src_dir_fd": self._store, "dst_dir_fd": self._fd}
        try:
            self._calls.link(name, name, **places, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._calls.rename(name, name, **places)
            return False
        return True

    def _sync(self, directory: int) -> None:
        try:
            self._calls.fsync(directory)
        except OSError as error:
            raise StoreError(f"the store cannot be synced: {error.strerror}") from None


def move_aside(
    aside: Aside, names: Iterable[str], found: Survey
) -> tuple[list[str], dict[str, str]]:
    """Move these damaged files, each one's descendants before it.

    A child must never be there without its parent, at no power cut, or the daemon would destroy it.

    Returns:
        What was moved, and what could not be, with the reason.

    Raises:
        StoreError: Nobody knows what is on disk.
    """
    family = _children(found)
    moved: dict[str, None] = {}
    immovable: dict[str, str] = {}
    for name in names:
        if name in moved:
            continue
        if name in found.tokens and name in family:
            immovable[name] = "tokens live below it; restore it, or revoke it"
            continue
        for generation in [*reversed(_generations(family, name)), [name]]:
            refused = aside.take(each for each in generation if each not in moved)
            moved |= dict.fromkeys(each for each in generation if each not in refused)
            if refused:
                immovable[name] = next(iter(refused.values())).strerror or "it cannot be moved"
                break
    return [*moved], immovable


def _children(found: Survey) -> dict[str, list[Accessor]]:
    """The readable tokens by their parents."""
    by_parent: dict[str, list[Accessor]] = {}
    for accessor, token in found.tokens.items():
        if token.parent is not None:
            by_parent.setdefault(token.parent, []).append(accessor)
    return by_parent


def _generations(family: Mapping[str, Sequence[str]], name: str) -> list[list[str]]:
    """The descendants of a token, children first, then theirs, and so on."""
    generations: list[list[str]] = []
    eldest = list(family.get(name, ()))
    while eldest:
        generations.append(eldest)
        eldest = [child for each in eldest for child in family.get(each, ())]
    return generations
