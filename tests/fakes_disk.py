"""Directories that fail: one that refuses a call, and one that loses power.

Both count the calls that change something, from 1, so that a test can go through them all.
"""

from errno import EIO
from itertools import count


class PowerCut(BaseException):
    """The machine is off. No handler may see to anything any more."""


class FaultyFiles:
    """Another ``Files`` whose n-th change raises an OSError, and ``for_good`` all after it."""

    def __init__(self, files, *, fails_at=None, errno=EIO, for_good=False) -> None:
        self.inner = files
        self.fails_at = fails_at
        self.errno = errno
        self.for_good = for_good
        self.calls = []
        self.unreadable = {}
        """The names that cannot be read, each with its errno."""

    def names(self):
        return self.inner.names()

    def read(self, name):
        if name in self.unreadable:
            raise OSError(self.unreadable[name], "the disk will not")
        return self.inner.read(name)

    def version(self, name):
        if name in self.unreadable:
            raise OSError(self.unreadable[name], "the disk will not")
        return self.inner.version(name)

    def stage(self, data):
        self._may_fail("stage")
        return self.inner.stage(data)

    def publish(self, staged, name):
        self._may_fail("publish")
        self.inner.publish(staged, name)

    def remove(self, name):
        self._may_fail("remove")
        self.inner.remove(name)

    def sync(self):
        self._may_fail("sync")
        self.inner.sync()

    def _may_fail(self, call):
        self.calls.append(call)
        number = len(self.calls)
        if self.fails_at == number or (self.for_good and self.fails_at and number > self.fails_at):
            raise OSError(self.errno, "the disk will not")


class CrashableFiles:
    """A directory in memory that forgets what was not synced when its power is cut.

    After a crash each name leads to any file it led to since the directory was last synced, or to
    none if it was missing once since: each name by itself, for a directory may be written in any
    order. A file that was not synced is whole, torn or empty, whatever becomes of its name.
    """

    def __init__(self, files=None, *, dies_at=None, syncs_files=True, syncs_directory=True) -> None:
        self.dies_at = dies_at
        self.calls = 0
        self._syncs_files = syncs_files  # or else it is a store made wrong on purpose
        self._syncs_directory = syncs_directory
        self._numbers = count()
        # A file is a tuple: what is read from it, then what else a crash may leave of it.
        self._names = {name: (data,) for name, data in (files or {}).items()}
        self._past = {name: [file] for name, file in self._names.items()}

    def names(self):
        return list(self._names)

    def read(self, name):
        return self._names[name][0] if name in self._names else None

    def version(self, name):
        return self._names.get(name)

    def stage(self, data):
        name = f"staged-{next(self._numbers)}"
        self._set(name, (data, data[: len(data) // 2], b""))
        self._may_die()
        if self._syncs_files:
            self._set(name, (data,))
        return name

    def publish(self, staged, name):
        self._may_die()
        self._set(name, self._names[staged])
        self._set(staged, None)

    def remove(self, name):
        self._may_die()
        self._set(name, None)

    def sync(self):
        self._may_die()
        if self._syncs_directory:
            self._past = {name: [file] for name, file in self._names.items()}

    def states_after_crash(self):
        """Every directory that may be there when the power is back."""
        states = [{}]
        for name, past in self._past.items():
            found = {data for file in past for data in file or [None]}
            states = [{**state, name: data} for state in states for data in found]
        return [{name: data for name, data in each.items() if data is not None} for each in states]

    def _set(self, name, file):
        self._past.setdefault(name, [None]).append(file)
        if file is None:
            self._names.pop(name, None)
        else:
            self._names[name] = file

    def _may_die(self):
        self.calls += 1
        if self.calls == self.dies_at:
            raise PowerCut
