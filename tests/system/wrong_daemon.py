"""A daemon that is wrong on purpose, for the journals to catch.

    python wrong_daemon.py FAULT OPTIONS...

lazy: keeps the last changes in memory, and answers as if they were on disk. It has no process of
its own for the disk, or it would not see them itself.
clinging: now and then does not destroy a file, and says that it did.
forgetful: now and then does not replace a file, and says that it did.
"""

import sys
from itertools import count

from cubbyd import daemon
from cubbyd.cli import serve
from cubbyd.store.batch import apply
from cubbyd.store.files import DiskFiles

SELDOM = 10


class Lazy(DiskFiles):
    """What was asked of it last is done when enough of it has come together."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._put_off = {}

    def publish(self, staged, name):
        self._do_if_many()
        self._put_off[name] = staged

    def remove(self, name):
        self._do_if_many()
        self._put_off[name] = None

    def read_with_version(self, name):
        return super().read_with_version(self._at(name)) if self._at(name) else None

    def version(self, name):
        return super().version(self._at(name)) if self._at(name) else None

    def _at(self, name):
        return self._put_off.get(name, name)

    def _do_if_many(self):
        if len(self._put_off) < SELDOM:
            return
        for name, staged in self._put_off.items():
            if staged is None:
                super().remove(name)
            else:
                super().publish(staged, name)
        self._put_off = {}


class Clinging(DiskFiles):
    """Destroys most files."""

    numbers = count(1)

    def remove(self, name):
        if next(self.numbers) % SELDOM:
            super().remove(name)


class Forgetful(DiskFiles):
    """Replaces most files."""

    numbers = count(1)

    def publish(self, staged, name):
        if self.version(name) is None or next(self.numbers) % SELDOM:
            super().publish(staged, name)
        else:
            super().remove(staged)


class OnTheLoop:
    """No other process for the disk."""

    def __init__(self, files):
        self._files = files

    async def carry_out(self, job):
        [refused] = apply(self._files, [job])
        return refused

    def close(self):
        """Nothing is under way."""


if __name__ == "__main__":
    faults = {"lazy": Lazy, "clinging": Clinging, "forgetful": Forgetful}
    fault = sys.argv.pop(1)
    daemon.DiskFiles = faults[fault]
    if fault == "lazy":
        daemon.DiskProcess = OnTheLoop
    serve.main()
