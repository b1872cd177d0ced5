"""A POSIX file system in memory, for the system calls of ``DiskFiles``; its power can be cut.

What POSIX promises of a crash is little, and no more is kept here:

- A file's bytes are durable once the file is synced. Until then a crash leaves what was synced
  before, or all, or a beginning, with zeros or nothing after it: pages are written in any order,
  and a length before its bytes.
- A directory's names are durable once the directory is synced, and by nothing else: not by a sync
  of the files. Until then each name leads to any file that it led to since, or to none if it was
  missing once since, *each name by itself*. So a rename may show its new name, and the old one too
  or not, or neither of its halves; unlinks may be undone; all of it in any order. A journalling
  file system (ext4, XFS, btrfs) shows fewer of these states: those along one order, and renames
  whole. One without a journal (ext2, FAT) shows others of them. Who survives all of them survives
  both kinds. A name that is replaced is never missing in between: rename(2) promises that.
- A sync that fails has made nothing durable, and of a file it has dropped the pages: the next sync
  succeeds, and is a lie (as Linux's does), until the file is written anew.
- A directory whose sync failed may do the same: a disk with ``forgets_names`` drops the names that
  were not durable, each until it is changed anew, and one without writes them the next time. What
  had been synced before the failure stays on both. So a daemon that met the failure can keep all
  that it answered, if it answers nothing more; but one that starts later cannot tell the two disks
  apart. Names that it finds may be lost at the next power cut, names that are gone may come back,
  and its own sync says that all is well. Nothing but the operator can know that, or copy the store
  to a disk that can be believed.

What is not modelled: owners and modes that a crash takes back; an inode number used again; a rename
or unlink that is reported as failed and happened; damage to what had been durable.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from errno import EBADF, EEXIST, ENOENT, ENOTDIR, EPERM
from itertools import count, product
from math import prod
from random import Random
from types import SimpleNamespace
from typing import TypeAlias

Tree: TypeAlias = Mapping[str, "bytes | Tree"]
"""Names, each with a file's bytes or with a directory: all that lies on a disk without power."""


class File:
    """Bytes, and what of them is durable."""

    def __init__(self, data: bytes = b"", *, mode: int = 0o600) -> None:
        self.mode = stat.S_IFREG | mode
        self.data = data
        self.number = 0
        self.ticks = 0
        self._synced = data
        self._is_lost = False

    def write(self, offset: int, data: bytes) -> None:
        """As write(2), at an offset."""
        self.data = self.data[:offset].ljust(offset, b"\0") + data + self.data[offset + len(data) :]
        self._is_lost = False

    def sync(self) -> None:
        """Make the bytes durable, or say so when they are lost."""
        if not self._is_lost:
            self._synced = self.data

    def lose(self) -> None:
        """No sync makes these bytes durable any more."""
        self._is_lost = True

    def leavings(self) -> list[bytes]:
        """What a crash may leave, the most durable first."""
        if self.data == self._synced:
            return [self.data]
        size = len(self.data)
        torn = [self.data[: size // 2].ljust(length, b"\0") for length in (size // 2, size)]
        last = [self.data[: size - 1], bytes(size), b""]
        return list(dict.fromkeys([self._synced, *torn, *last, self.data]))


class Directory:
    """Names, and what each may lead to after a crash."""

    def __init__(self, *, mode: int = 0o700) -> None:
        self.mode = stat.S_IFDIR | mode
        self.data = b""
        self.number = 0
        self.ticks = 0
        self.names: dict[str, File | Directory] = {}
        self._past: dict[str, list[File | Directory | None]] = {}
        self._lost: set[str] = set()

    def set(self, name: str, node: "File | Directory | None") -> None:
        """Have a name lead to something, or to nothing."""
        self._past.setdefault(name, [self.names.get(name)]).append(node)
        self._lost.discard(name)
        if node is None:
            del self.names[name]
        else:
            self.names[name] = node

    def sync(self) -> None:
        """Make the names durable, or say so of those that are lost."""
        self._past = {name: self._past[name] for name in self._lost}

    def lose(self) -> None:
        """What is not durable yet no sync makes durable any more."""
        self._lost |= self._past.keys()

    def leavings(self) -> "dict[str, list[File | Directory | None]]":
        """What each name may lead to after a crash, the most durable first."""
        now: dict[str, list[File | Directory | None]] = {
            name: [node] for name, node in self.names.items()
        }
        past = {name: [*dict.fromkeys(nodes[::-1])][::-1] for name, nodes in self._past.items()}
        return now | past


class SimulatedDisk:
    """Stands in for ``os`` in the store: see ``store.system_calls``."""

    def __init__(self, tree: Tree | None = None, *, forgets_names: bool = False) -> None:
        """All that is in the tree is durable."""
        self._forgets_names = forgets_names
        self.on_call: Callable[[str, str], int | None] = lambda _call, _name: None
        """Told of each call, and of what, before it is made. It may raise an OSError, or say how
        many bytes a write takes."""
        self._ticks = count(1)
        self._root = Directory(mode=0o755)
        self._open: dict[int, tuple[File | Directory, str, list[int]]] = {}
        self._numbers = count(1)
        self._fill(self._root, tree or {})

    # System calls

    def open(self, path, flags, mode=0o777, *, dir_fd=None):
        self._meet("create" if flags & os.O_CREAT else "open", path)
        parent, name = self._place(path, dir_fd)
        node = parent.names.get(name) if name else parent
        if node is None:
            if not flags & os.O_CREAT:
                raise _error(ENOENT)
            node = self._new(File(mode=mode))
            parent.set(name, node)
        elif flags & os.O_EXCL:
            raise _error(EEXIST)
        if flags & os.O_DIRECTORY and not isinstance(node, Directory):
            raise _error(ENOTDIR)
        if flags & os.O_TRUNC:
            node.data = b""
        fd = next(number for number in count(1_000_000) if number not in self._open)
        self._open[fd] = node, str(path), [0]
        return fd

    def close(self, fd):
        name = self._opened(fd)[1]
        del self._open[fd]  # also when it fails
        self._meet("close", name)

    def read(self, fd, length):
        node, name, offset = self._opened(fd)
        self._meet("read", name)
        data = node.data[offset[0] : offset[0] + length]
        offset[0] += len(data)
        return data

    def write(self, fd, data):
        node, name, offset = self._opened(fd)
        at_most = self._meet("write", name)
        taken = bytes(data)[:at_most]
        node.write(offset[0], taken)
        self._touch(node)
        offset[0] += len(taken)
        return len(taken)

    def fsync(self, fd):
        node, name, _ = self._opened(fd)
        try:
            self._meet("fsync", name)
        except OSError:
            if self._forgets_names or isinstance(node, File):
                node.lose()
            raise
        node.sync()

    def fstat(self, fd):
        node, name, _ = self._opened(fd)
        self._meet("fstat", name)
        return _status(node)

    def stat(self, path, *, dir_fd=None, follow_symlinks=True):  # noqa: ARG002 - it has no links
        self._meet("stat", path)
        return _status(self._found(path, dir_fd))

    def listdir(self, fd):
        node, name, _ = self._opened(fd)
        self._meet("listdir", name)
        return list(node.names)

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        self._meet("mkdir", path)
        parent, name = self._place(path, dir_fd)
        if not name or name in parent.names:
            raise _error(EEXIST)
        parent.set(name, self._new(Directory(mode=mode)))

    def rename(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        self._meet("rename", dst)
        node = self._found(src, src_dir_fd)
        parent, name = self._place(dst, dst_dir_fd)
        parent.set(name, node)
        self._touch(node)
        old_parent, old_name = self._place(src, src_dir_fd)
        old_parent.set(old_name, None)

    def link(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True):  # noqa: ARG002 - no symlinks
        self._meet("link", dst)
        node = self._found(src, src_dir_fd)
        parent, name = self._place(dst, dst_dir_fd)
        if name in parent.names:
            raise _error(EEXIST)
        if isinstance(node, Directory):
            raise _error(EPERM)
        parent.set(name, node)
        self._touch(node)

    def unlink(self, path, *, dir_fd=None):
        self._meet("unlink", path)
        self._found(path, dir_fd)
        parent, name = self._place(path, dir_fd)
        parent.set(name, None)

    # The power

    def tree(self) -> Tree:
        """All that is there as long as the power is."""
        return _left(self._root, {})

    def after_a_cut(self, *, at_most: int, seed: int = 0) -> Iterator[Tree]:
        """What may be there when the power is back: all of it, or so many drawn by lot.

        Always the least that may be left, and the most. The same tree may come more than once.
        """
        choices = dict(_choices(self._root))
        if prod(map(len, choices.values())) <= at_most:
            picked = product(*choices.values())
        else:
            lots = Random(seed)  # noqa: S311 - no secret
            picked = (
                [options[end] if end is not None else lots.choice(options) for options in lists]
                for end in (0, -1, *[None] * (at_most - 2))
                for lists in [choices.values()]
            )
        for each in picked:
            yield _left(self._root, dict(zip(choices, each, strict=True)))

    def number_of_choices(self) -> int:
        """How many choices a crash has at this moment, some of which come to the same."""
        return prod(len(options) for _, options in _choices(self._root))

    def lose_descriptors(self) -> None:
        """The process has ended, and the machine runs on."""
        self._open.clear()

    # Inside

    def _meet(self, call, path):
        return self.on_call(call, str(path).rpartition("/")[2])

    def _opened(self, fd):
        if fd not in self._open:
            raise _error(EBADF)
        return self._open[fd]

    def _place(self, path, dir_fd=None):
        """The directory that a path ends in, and its last name there; the root has none."""
        node = self._root if dir_fd is None else self._opened(dir_fd)[0]
        *way, name = str(path).lstrip("/").split("/")
        for part in way:
            node = node.names.get(part)
            if node is None:
                raise _error(ENOENT)
            if not isinstance(node, Directory):
                raise _error(ENOTDIR)
        return node, name

    def _found(self, path, dir_fd=None):
        parent, name = self._place(path, dir_fd)
        node = parent.names.get(name) if name else parent
        if node is None:
            raise _error(ENOENT)
        return node

    def _new(self, node):
        node.number = next(self._numbers)
        self._touch(node)
        return node

    def _touch(self, node):
        node.ticks = next(self._ticks)

    def _fill(self, directory, tree):
        for name, inside in tree.items():
            node = Directory() if isinstance(inside, Mapping) else File(inside)
            directory.names[name] = self._new(node)
            if isinstance(node, Directory):
                self._fill(node, inside)


def _choices(node, met=None):
    """What a crash chooses, each once: key and options."""
    met = set() if met is None else met
    if node in met:
        return
    met.add(node)
    if isinstance(node, File):
        if len(options := node.leavings()) > 1:
            yield node, options
        return
    for name, options in node.leavings().items():
        if len(options) > 1:
            yield (node, name), options
        for each in options:
            if each is not None:
                yield from _choices(each, met)


def _left(node, chosen):
    if isinstance(node, File):
        return chosen.get(node, node.data)
    if not chosen:
        return {name: _left(each, chosen) for name, each in node.names.items()}
    found = {
        name: chosen.get((node, name), options[-1]) for name, options in node.leavings().items()
    }
    return {name: _left(each, chosen) for name, each in found.items() if each is not None}


def _status(node):
    return SimpleNamespace(
        st_mode=node.mode,
        st_uid=os.geteuid(),
        st_size=len(node.data),
        st_ino=node.number,
        st_mtime_ns=node.ticks,
        st_ctime_ns=node.ticks,
    )


def _error(number):
    return OSError(number, os.strerror(number))
