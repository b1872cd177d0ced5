"""A daemon without a socket that can be sealed: a desk over files and a disk in memory.

Its clock is trio's; blocking calls run on the loop. A passphrase costs next to nothing.
"""

from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from uuid import UUID

import trio
from fakes import GUEST, OWNER, Door, MemoryFiles, counting_random, disk_of, on_the_loop
from house import RULES, trio_clock
from simulated_disk import SimulatedDisk

from cubbyd.crypto.key_memory import KeyMemory
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import Argon2id, KeySource, Opener
from cubbyd.desk import Desk, Parts
from cubbyd.messages import Peer, Role
from cubbyd.reaper import keep_index, reap
from cubbyd.resealer import keep_terms
from cubbyd.secret import Secret
from cubbyd.store import keyring
from cubbyd.store.commit import Commit
from cubbyd.store.key_places import KeyPlaces
from cubbyd.store.locksmith import Locksmith

PASSPHRASE, OTHER_PASSPHRASE = "correct horse", "battery staple"
DIGITS = b"5a" * 32 + b"\n"
BEARER = Peer(uid=3000, gid=3000, pid=4713, role=Role.BEARER)


def cheap(salt):
    return Argon2id(salt, opslimit=1, memlimit=8192)


ARGON2ID = cheap(bytes(range(16)))
BY_PASSPHRASE = Opener(
    key=ARGON2ID.derive(Secret.from_text(PASSPHRASE)),
    source=KeySource.PASSPHRASE,
    argon2id=ARGON2ID,
)
KEYS = RootKeys(accessor_key=Secret(b"a" * 32), terms={1: Secret(b"1" * 32)}, opener=BY_PASSPHRASE)


def locked_files():
    """An empty store that a passphrase opens."""
    files = MemoryFiles()
    files.files["keyring"] = keyring.encode(KEYS, BY_PASSPHRASE, lambda size: b"n" * size)
    return files


def a_disk(**credentials):
    """Where a key file may lie, and a credential."""
    return SimulatedDisk({"config": {}, "credentials": credentials})


class SlowDisk(Commit):
    """Carries nothing out until it is told to go."""

    def __init__(self, files):
        self.goes = trio.Event()
        self.goes.set()
        super().__init__(disk_of(files, self._run))

    async def _run(self, sync_fn):
        await self.goes.wait()
        return sync_fn()

    def stop(self):
        self.goes = trio.Event()


class DeskHouse:
    """What is inside the daemon, and doors to it."""

    def __init__(
        self, files, disk=None, *, commit=None, run_blocking=on_the_loop, random=None
    ) -> None:
        self.files = files
        self.disk = disk or a_disk()
        self.memory = KeyMemory()
        places = KeyPlaces(Path("/config/key"), Path("/credentials"), calls=self.disk)
        random = random or counting_random()
        self.locksmith = Locksmith(
            places,
            random,
            run_blocking=run_blocking,
            clock=trio.current_time,
            new_argon2id=cheap,
        )
        numbers = count(1)
        parts = Parts(
            files=files,
            commit=commit or Commit(disk_of(files)),
            locksmith=self.locksmith,
            memory=self.memory,
            random=random,
            clock=trio_clock,
            request_id=lambda: str(UUID(int=next(numbers))),
        )
        self.commit = parts.commit
        self.desk = Desk(parts, RULES)
        keys = keyring.load_or_create(files, places, random, hold=self.memory.hold)
        if keys is not None:
            self.desk.open(keys)
        self.owner, self.guest, self.bearer = (
            Door(self.desk, peer) for peer in (OWNER, GUEST, BEARER)
        )

    @property
    def router(self):
        """What answers, as in a house that is never sealed."""
        return self.desk

    @property
    def pages(self):
        """All that lies in the memory for keys."""
        return self.memory._pages[:]  # noqa: SLF001 - they are the point

    @asynccontextmanager
    async def running(self):
        async with trio.open_nursery() as keeping:
            keeping.start_soon(self.desk.keep, self._start_keeping)
            yield self
            keeping.cancel_scope.cancel()

    def _start_keeping(self, store, nursery):
        nursery.start_soon(keep_index, store)
        nursery.start_soon(keep_terms, store.terms)
        nursery.start_soon(reap, store, trio_clock)

    async def unseal(self, passphrase=PASSPHRASE):
        return await self.owner.ask("write", "sys/unseal", {"passphrase": passphrase})

    async def seal(self):
        return await self.owner.ask("write", "sys/seal")

    async def rekey(self, to, passphrase=None, current=None):
        given = {"to": to, "passphrase": passphrase, "current_passphrase": current}
        data = {name: value for name, value in given.items() if value is not None}
        return await self.owner.ask("write", "sys/rekey", data)

    async def source(self):
        """What opens the keys, as anybody is told."""
        return (await self.guest.ask("read", "sys/seal-status")).data["type"]

    async def token(self, *policies, **options):
        data = {"policies": [*policies] or ["default"], **options}
        answer = await self.owner.ask("write", "auth/token/create", data)
        return answer.auth.client_token.reveal_text()


@asynccontextmanager
async def open_desk(files=None, disk=None, *, is_sealed=False, **options):
    """A daemon over a store that a passphrase opens, or over these files; until the block ends."""
    files = locked_files() if files is None else files
    async with DeskHouse(files, disk, **options).running() as house:
        if not is_sealed and house.desk.is_sealed:
            await house.unseal()
        yield house
