"""What fsck changes when it is asked to: it moves files aside, and destroys what a copy revived."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from cubbyd.core.token import Accessor
from cubbyd.errors import StoreError
from cubbyd.fsck.survey import Kind, Survey
from cubbyd.store.files import Files


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

    def __init__(self, store: Path, name: str) -> None:
        """Make it, 0700 and durable, under this name or with a number behind it.

        Raises:
            OSError: It cannot be made.
        """
        with ExitStack() as stack:
            self._store = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, self._store)
            self.name = self._make(name)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = os.open(self.name, flags, dir_fd=self._store)
            os.fsync(self._store)
            stack.pop_all()

    def _make(self, name: str) -> str:
        for number in count(1):
            tried = name if number == 1 else f"{name}-{number}"
            try:
                os.mkdir(tried, 0o700, dir_fd=self._store)
            except FileExistsError:
                continue
            return tried
        raise AssertionError  # count() has no end

    def close(self) -> None:
        """Let it go."""
        os.close(self._fd)
        os.close(self._store)

    def take(self, name: str) -> None:
        """Move a file here. It began empty and each name comes once: nothing is replaced."""
        os.rename(name, name, src_dir_fd=self._store, dst_dir_fd=self._fd)

    def sync(self) -> None:
        """Make what was moved durable.

        Raises:
            StoreError: Nobody knows what is on disk.
        """
        try:
            os.fsync(self._fd)
            os.fsync(self._store)
        except OSError as error:
            raise StoreError(f"the store cannot be synced: {error.strerror}") from None


def move_aside(aside: Aside, found: Survey) -> tuple[list[str], dict[str, str]]:
    """Move every damaged file that may be moved, its descendants before it.

    A child must never be there without its parent, at no power cut, or the daemon would destroy it.

    Returns:
        What was moved, and what could not be, with the reason.

    Raises:
        StoreError: Nobody knows what is on disk.
    """
    family = _children(found)
    moved: dict[str, None] = {}
    immovable: dict[str, str] = {}
    for name in [name for name, damage in found.damaged.items() if damage.is_movable]:
        if name in moved:
            continue
        if name in found.tokens and name in family:
            immovable[name] = "tokens live below it; restore it, or revoke it"
            continue
        try:
            for generation in [*reversed(_generations(family, name)), [name]]:
                for each in generation:
                    aside.take(each)
                    moved[each] = None
                aside.sync()
        except OSError as error:
            immovable[name] = error.strerror or "it cannot be moved"
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
