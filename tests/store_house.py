"""A store for tests: known keys, any ``Files`` for a disk, and no thread."""

from dataclasses import replace

from fakes import MemoryFiles, counting_random, disk_of, on_the_loop
from token_entries import an_entry

from cubbyd.core.outcome import Cubbyhole, Put, Remove
from cubbyd.core.token_text import Prefix
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import Opener
from cubbyd.reaper import build_index
from cubbyd.secret import Secret
from cubbyd.store.commit import Commit
from cubbyd.store.store import Store

KEYS = RootKeys(
    accessor_key=Secret(b"a" * 32),
    terms={1: Secret(b"1" * 32)},
    opener=Opener(key=Secret(b"w" * 32)),
)


class StoreHouse:
    """A store and what carries its changes out. Built anew on the same files, it is a restart."""

    def __init__(self, files=None, *, run_blocking=on_the_loop, random=None) -> None:
        self.files = MemoryFiles() if files is None else files
        self.group = Commit(disk_of(self.files, run_blocking))
        random = random or counting_random()
        self.store = Store(self.files, KEYS, commit=self.group, random=random)

    async def put(self, name, *, token=None, contents=None, **fields):
        """A token's file, written or written anew; returns its entry."""
        entry = an_entry(name, **fields)
        cubbyhole = contents and Cubbyhole(token=token, contents=contents)
        await self.store.commit([[Put(entry=entry, cubbyhole=cubbyhole)]])
        return entry

    async def change(self, entry, **fields):
        """The same token with other metadata."""
        await self.store.commit([[Put(entry=replace(entry, **fields))]])

    async def remove(self, entry):
        await self.store.commit([[Remove(accessor=entry.accessor)]])

    def mint(self):
        return self.store.mint(Prefix.SERVICE)

    def has(self, entry):
        return entry.accessor in self.files.names()


async def restarted(house):
    """Another daemon on the same files, with all of them looked at."""
    again = StoreHouse(house.files)
    again.store.prepare()
    await build_index(again.store)
    return again
