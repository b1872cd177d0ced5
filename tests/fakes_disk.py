"""A directory that fails, as ``store.files.Files``; what lies beneath it is simulated_disk.py.

It counts the calls that change something, from 1, so that a test can go through them all.
"""

from errno import EIO


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

    def read_with_version(self, name):
        if name in self.unreadable:
            raise OSError(self.unreadable[name], "the disk will not")
        return self.inner.read_with_version(name)

    def version(self, name):
        if name in self.unreadable:
            raise OSError(self.unreadable[name], "the disk will not")
        return self.inner.version(name)

    def stage(self, data):
        self._may_fail("stage")
        return self.inner.stage(data)

    def sync_staged(self, staged):
        self._may_fail("sync_staged")
        self.inner.sync_staged(staged)

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
