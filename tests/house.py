"""A daemon without a socket: a store in memory, a router, and a door for an owner and a guest.

Commits run on the loop, and the clock is trio's, so a test with ``autojump_clock`` waits a month in
no time. A house that is opened over the files of another is a daemon that was restarted.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Self
from uuid import UUID

import trio
from fakes import EPOCH, GUEST, Door, MemoryFiles, counting_random, disk_of

from cubbyd.core.outcome import KeyChange, Rekey
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import Opener
from cubbyd.errors import PermissionDeniedError, RefusedError
from cubbyd.logical.context import Rules
from cubbyd.logical.router import Router
from cubbyd.messages import Response, WrapInfo
from cubbyd.reaper import build_index
from cubbyd.secret import Secret
from cubbyd.store.commit import Commit
from cubbyd.store.locksmith import Locksmith
from cubbyd.store.store import Store

KEYS = RootKeys(
    accessor_key=Secret(b"accessor key, of 32 bytes length"),
    terms={1: Secret(b"r" * 32)},
    installed_at={1: EPOCH},
    opener=Opener(key=Secret(b"w" * 32)),
)
RULES = Rules(version="1.2.3")


def trio_clock() -> float:
    """Wall time that passes as trio's time does."""
    return EPOCH + trio.current_time()


class House:
    """What is inside the daemon, and two doors to it."""

    def __init__(  # noqa: PLR0913 - each with its default
        self,
        files: MemoryFiles,
        *,
        keys: RootKeys = KEYS,
        rules: Rules = RULES,
        clock: Callable[[], float] = trio_clock,
        random: Callable[[int], bytes] | None = None,
        commit: Commit | None = None,
        locksmith: Locksmith | None = None,
    ) -> None:
        self.files = files
        self.keys = keys
        self.locksmith = locksmith
        self.commit = commit or Commit(disk_of(files))
        self.store = Store(files, keys, commit=self.commit, random=random or counting_random())
        numbers = count(1)
        self.router = Router(
            self.store,
            rules,
            clock=clock,
            request_id=lambda: str(UUID(int=next(numbers))),
            change_keys=self._change_keys,
        )
        self.owner = Door(self.router)
        self.guest = Door(self.router, GUEST)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """The house as it is after a start."""
        self.store.prepare()
        await build_index(self.store)
        yield self

    async def _change_keys(self, change: KeyChange) -> None:
        # As a desk does it; one that can be sealed is in desk_house.py.
        assert isinstance(change, Rekey)
        opener = await self.locksmith.opener(change, self.store.terms.keys.opener)
        await self.store.terms.reopen_with(opener)

    # What most tests are given

    async def token(self, *policies: str, parent: str | None = None, **options) -> str:
        """A fresh token: a child of ``parent``, or an orphan; with policy ``default``, or these."""
        data = {"policies": [*policies] or ["default"], **options}
        answer = await self.owner.ask("write", "auth/token/create", data, token=parent)
        return answer.auth.client_token.reveal_text()

    async def wrap(self, data, *, ttl="60s", token=None) -> WrapInfo:
        """Where this data waits, wrapped by an owner or with a token."""
        answer = await self.owner.ask("write", "sys/wrapping/wrap", data, token=token, wrap_ttl=ttl)
        return answer.wrap_info

    async def wrapped(self, data, **options) -> str:
        """The wrapping token under which this data waits."""
        return (await self.wrap(data, **options)).token.reveal_text()

    async def unwrap(self, wrapping_token: str, **options) -> Response:
        """What waits under a wrapping token, asked for with nothing but that token."""
        return await self.guest.ask("write", "sys/wrapping/unwrap", token=wrapping_token, **options)

    async def outcome(self, *request, **more) -> Response | RefusedError:
        """What becomes of a guest's request: the answer, or what refuses it."""
        try:
            return await self.guest.ask(*request, **more)
        except RefusedError as refused:
            return refused

    # What many tests look at

    async def is_alive(self, token: str) -> bool:
        """Whether there is such a token; asking does not use it."""
        data = {"token": token}
        try:
            await self.owner.ask("write", "auth/token/lookup", data)
        except PermissionDeniedError:
            return False
        return True

    def accessor(self, token: str) -> str:
        """The name of a token's file."""
        return self.store.accessor(Secret.from_text(token))

    def has_file(self, token: str) -> bool:
        """Whether a token's file is there."""
        return self.accessor(token) in self.files.files


@asynccontextmanager
async def open_house(files: MemoryFiles | None = None, **options) -> AsyncIterator[House]:
    """A new house that runs until the block ends."""
    async with House(MemoryFiles() if files is None else files, **options).running() as house:
        yield house
