"""Daemons that are made wrong on purpose, each by one part: what explores the disk must catch them.

The first are wrong when the power goes, the second when the daemon is killed and the power goes
then, the last when the disk fails.
"""

import os
import stat
from contextlib import suppress
from functools import partial
from typing import Final
from unittest.mock import patch

import trio
from disk_scene import Build

from cubbyd.core.token import is_accessor
from cubbyd.crypto.opener import KeySource
from cubbyd.store import files, keyring
from cubbyd.store.batch import FileChange
from cubbyd.store.commit import Commit
from cubbyd.store.files import DiskFiles
from cubbyd.store.key_places import KeyPlaces
from cubbyd.store.policy_record import is_file_name
from cubbyd.store.store import Store


class _Calls:
    """Another's system calls; some of them are done otherwise."""

    def __init__(self, disk) -> None:
        self._disk = disk

    def __getattr__(self, call):
        return getattr(self._disk, call)

    def _is_directory(self, fd):
        return stat.S_ISDIR(self._disk.fstat(fd).st_mode)


class NoFileSync(_Calls):
    def fsync(self, fd):
        if self._is_directory(fd):
            self._disk.fsync(fd)


class NoDirectorySync(_Calls):
    def fsync(self, fd):
        if not self._is_directory(fd):
            self._disk.fsync(fd)


class ShortWrites(_Calls):
    """Takes a write's word for it, as it were: what a write did not take is lost."""

    def write(self, fd, data):
        self._disk.write(fd, data)
        return len(data)


class SyncsAgain(_Calls):
    """Does what failed once more, until it looks as if it had not."""

    def fsync(self, fd):
        try:
            self._disk.fsync(fd)
        except OSError:
            self._disk.fsync(fd)


class IgnoresDirectorySync(_Calls):
    def fsync(self, fd):
        if self._is_directory(fd):
            with suppress(OSError):
                self._disk.fsync(fd)
        else:
            self._disk.fsync(fd)


class RenamesBeforeSync(DiskFiles):
    def sync_staged(self, staged):
        with patch.object(self, "calls", NoFileSync(self.calls)):
            super().sync_staged(staged)

    def publish(self, staged, name):
        super().publish(staged, name)
        fd = self.calls.open(name, os.O_RDONLY, dir_fd=self._fd)
        self.calls.fsync(fd)
        self.calls.close(fd)


class WritesInPlace(DiskFiles):
    """Stages as it should, and then copies."""

    def publish(self, staged, name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        fd = self.calls.open(name, flags, 0o600, dir_fd=self._fd)
        self.calls.write(fd, memoryview(self.read(staged)))
        self.calls.fsync(fd)
        self.calls.close(fd)
        self.remove(staged)


class SyncsTooEarly(DiskFiles):
    """The directory before what is done in it."""

    def sync_staged(self, staged):
        super().sync_staged(staged)
        super().sync()

    def sync(self):
        pass


class RemovalsUnsynced(DiskFiles):
    """Syncs after a rename only: what is gone is gone, they say."""

    has_published = False

    def publish(self, staged, name):
        self.has_published = True
        super().publish(staged, name)

    def sync(self):
        if self.has_published:
            super().sync()
        self.has_published = False


class LeavesStaged(DiskFiles):
    """Does not take back what it could not finish."""

    def _discard(self, staged):
        pass


class NoSyncAtStart(DiskFiles):
    """Believes what it finds."""

    def _settle(self):
        pass


class ForgetsTheWay(DiskFiles):
    """What is there is taken for durable."""

    def __init__(self, directory, calls) -> None:
        make_way = files.make_way

        def make_missing(path, calls):
            try:
                calls.stat(path)
            except FileNotFoundError:
                make_way(path, calls)

        with patch.object(files, "make_way", make_missing):
            super().__init__(directory, calls)


class AnswersBeforeCommit(Commit):
    async def _durable(self, job):
        trio.lowlevel.spawn_system_task(super()._durable, job)


class KeysBeforeTheirRing(Commit):
    """Seals under a new key while the keyring that has it is still on its way to the disk."""

    async def carry_out(self, phases, on_durable):
        changed = [change.name for job in phases for change in job]
        if changed != [keyring.KEYRING_NAME]:
            await super().carry_out(phases, on_durable)
            return
        on_durable(0)
        await trio.lowlevel.checkpoint()
        await super().carry_out(phases, lambda _: None)


def keys_taken_for_durable(found, places, random):
    """A key file that is there is used as it is."""
    make = KeyPlaces.durable_key_file

    def durable(self, random):
        if self.read(KeySource.KEY_FILE) is None:
            return make(self, random)
        with patch.object(DiskFiles, "sync", lambda _self: None):
            return make(self, random)

    with patch.object(KeyPlaces, "durable_key_file", durable):
        return keyring.load_or_create(found, places, random)


def keys_unsynced(found, places, random):
    """The keyring is durable, and the key that opens it need not be."""
    with patch.object(DiskFiles, "sync", lambda _self: None):
        keys = keyring.load_or_create(found, places, random)
    found.sync()
    return keys


class HastyPlaces(KeyPlaces):
    """A key file that is made may be gone while the keyring that it opens is not."""

    def durable_key_file(self, random):
        with patch.object(DiskFiles, "sync", lambda _self: None):
            return KeyPlaces.durable_key_file(self, random)


def no_sweep(store):
    with patch.object(DiskFiles, "remove", lambda _self, _name: None):
        Store.prepare(store)


def drops_old_keys_first(store):
    """Has them in memory, where the files are moved over with them."""
    Store.prepare(store)
    terms, names = store.terms, store.terms.names

    async def drop_and_list():
        keys = terms.keys
        await terms.retire(before=keys.term)
        terms.keys = keys
        return await names()

    terms.names = drop_and_list


class UnlinksFirst:
    """A commit that takes away what it is about to write anew, of one kind."""

    def __init__(self, commit, is_of_the_kind) -> None:
        self._commit = commit
        self._is_of_the_kind = is_of_the_kind

    def __getattr__(self, name):
        return getattr(self._commit, name)

    async def carry_out(self, phases, on_durable):
        gone = [
            FileChange(change.name, None, change.group)
            for job in phases
            for change in job
            if self._is_of_the_kind(change.name)
        ]
        await self._commit.carry_out(
            [gone, *phases], lambda number: on_durable(number - 1) if number else None
        )


def reseals_with_a_gap(is_of_the_kind):
    """Files of a kind, by the store and a name, are gone for a while when they change their key."""

    def prepare(store):
        Store.prepare(store)
        terms = store.terms
        terms._commit = UnlinksFirst(terms._commit, partial(is_of_the_kind, store))  # noqa: SLF001

    return prepare


def is_policy(_store, name):
    return is_file_name(name)


def is_wrapping(store, name):
    return is_accessor(name) and store.record(name).entry.is_wrapping


def is_limited(store, name):
    return is_accessor(name) and store.record(name).entry.num_uses > 1


def backwards(phases):
    """What is new after what it replaces, and a use after what it was for."""
    return phases[::-1]


def in_one(phases):
    """All with one sync."""
    return [[change for phase in phases for change in phase]]


CUT: Final = {
    "no sync of files": ("write", Build(calls=NoFileSync)),
    "no sync of the directory": ("write", Build(calls=NoDirectorySync)),
    "no sync of a removal": ("unwrap", Build(files=RemovalsUnsynced)),
    "renames before the sync": ("write", Build(files=RenamesBeforeSync)),
    "writes in place": ("write", Build(files=WritesInPlace)),
    "syncs before it renames": ("write", Build(files=SyncsTooEarly)),
    "answers before the commit": ("unwrap", Build(commit=AnswersBeforeCommit)),
    "removes before it creates": ("rewrap", Build(phases=backwards)),
    "counts a use last": ("unwrap by a limited", Build(phases=backwards)),
    "all phases with one sync": ("rewrap", Build(phases=in_one)),
    "a use with what it is for": ("wrap by a limited", Build(phases=in_one)),
    "no sweep": ("write", Build(prepare=no_sweep)),
    "a key before its keyring": ("rotate and write", Build(commit=KeysBeforeTheirRing)),
    "a key that files need goes": (
        "rotate twice and reseal",
        Build(prepare=drops_old_keys_first),
    ),
    "a policy is gone between two keys": (
        "rotate twice and reseal",
        Build(prepare=reseals_with_a_gap(is_policy)),
    ),
    "a wrapping token is gone between two keys": (
        "rotate twice and reseal",
        Build(prepare=reseals_with_a_gap(is_wrapping)),
    ),
    "a limited token is gone between two keys": (
        "rotate twice and reseal",
        Build(prepare=reseals_with_a_gap(is_limited)),
    ),
}
REKEYED: Final = {
    "a keyring before its key file": ("rekey to a key file", Build(places=HastyPlaces)),
    "answers before the commit": (
        "rekey to another passphrase",
        Build(commit=AnswersBeforeCommit),
    ),
}
FIRST_START: Final = {
    "no sync of files": Build(calls=NoFileSync),
    "no sync of directories": Build(calls=NoDirectorySync),
    "keys unsynced": Build(keys=keys_unsynced),
}
KILLED: Final = {
    "believes what it finds": ("unwrap", Build(files=NoSyncAtStart)),
}
KILLED_AT_FIRST_START: Final = {
    "a key file that is not durable": Build(keys=keys_taken_for_durable),
    "a way that is not durable": Build(files=ForgetsTheWay),
}
BAD_DISK: Final = {
    "syncs again what failed": ("write", Build(calls=SyncsAgain), {}),
    "no word of a directory that will not sync": ("write", Build(calls=IgnoresDirectorySync), {}),
    "what was staged is left": ("write", Build(files=LeavesStaged), {}),
    "a short write is taken for a whole one": ("write", Build(calls=ShortWrites), {"takes": 7}),
}
