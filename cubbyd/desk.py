"""Where all sessions ask: the router while the store is open, a few lines while it is sealed.

What outlives a sealing is here: the files, what carries changes out, and the rules. The store with
all that it remembers, its router, and the tasks that keep it are made when it is opened, and gone
when it is sealed.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import trio

from cubbyd.clock import Clock
from cubbyd.core.outcome import KeyChange, Rekey, Seal
from cubbyd.crypto.key_memory import KeyMemory
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import KeySource
from cubbyd.errors import InvalidRequestError, RefusedError, SealedError
from cubbyd.logical import state
from cubbyd.logical.context import Rules
from cubbyd.logical.router import Router
from cubbyd.logical.state import State
from cubbyd.messages import Request, Response
from cubbyd.secret import Secret
from cubbyd.store.batch import refused
from cubbyd.store.commit import Commit
from cubbyd.store.files import Files
from cubbyd.store.locksmith import Locksmith
from cubbyd.store.sealed_file import Random
from cubbyd.store.store import Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a store and a router are made of, but for the keys and the rules."""

    files: Files
    commit: Commit
    locksmith: Locksmith
    memory: KeyMemory
    """Where all keys lie."""
    random: Random
    clock: Clock
    request_id: Callable[[], str]


class Desk:
    """Answers requests by the rules that hold now, with the keys that are there now."""

    def __init__(self, parts: Parts, rules: Rules) -> None:
        """Sealed, until ``open`` is called."""
        self._parts = parts
        self._rules = rules
        self._router: Router | None = None
        self._opened = trio.Event()
        self._keeping = trio.CancelScope()
        self._rekeying = trio.Lock()
        self._on_change: Callable[[], None] = lambda: None
        self.store: Store | None = None
        """The store; None while it is sealed."""

    @property
    def is_sealed(self) -> bool:
        """Whether the keys are not there."""
        return self.store is None

    @property
    def would_forget(self) -> bool:
        """Whether an end of the process would take keys along that no start brings back."""
        return self.store is not None and self.store.terms.source is KeySource.PASSPHRASE

    def call_on_change(self, tell: Callable[[], None]) -> None:
        """Have this called, in place of what was, after each sealing and unsealing."""
        self._on_change = tell

    def follow(self, rules: Rules) -> None:
        """From the next request on, go by these rules."""
        self._rules = rules
        if self.store is not None:
            self._router = self._router_of(self.store)

    def open(self, keys: RootKeys) -> None:
        """Serve the store with these keys.

        Raises:
            OSError: The disk will not, and all is as it was.
        """
        parts = self._parts
        store = Store(parts.files, keys, commit=parts.commit, random=parts.random)
        store.prepare()
        self.store, self._router = store, self._router_of(store)
        self._opened.set()
        self._on_change()

    def seal(self) -> None:
        """Forget the keys, and all that they opened. What is on its way to the disk gets there."""
        if self.store is not None:
            self.store.is_sealed = True
        self.store = self._router = None
        self._opened = trio.Event()
        self._keeping.cancel()
        self._parts.memory.wipe()
        self._on_change()

    async def keep(self, start: Callable[[Store, trio.Nursery], None]) -> None:
        """Have ``start`` start what looks after a store whenever one is open, for ever."""
        while True:
            await self._opened.wait()
            async with trio.open_nursery() as nursery:
                self._keeping = nursery.cancel_scope
                if self.store is None:  # sealed again meanwhile
                    nursery.cancel_scope.cancel()
                else:
                    start(self.store, nursery)
            # What a store remembers hangs together in circles, and a daemon that is asked for
            # nothing would keep it for as long as nobody asks.
            gc.collect()

    async def answer(self, request: Request, encode: Callable[[Response], T]) -> T:
        """See ``Router.answer``."""
        if self._router is not None:
            return await self._router.answer(request, encode)
        parts = self._parts
        passphrase = state.passphrase_to_unseal(request, self._rules)
        if passphrase is None:
            now = State(
                rules=self._rules,
                now=parts.clock(),
                source=KeySource.PASSPHRASE.value,
                is_sealed=True,
            )
            response = state.answer_sealed(request, now)
            return encode(replace(response, request_id=parts.request_id()))
        await self._unseal(passphrase)
        return await self.answer(request, encode)

    async def _unseal(self, passphrase: Secret) -> None:
        parts = self._parts
        # What is on its way to the disk from before may be another keyring; and half-written, it
        # would be swept away.
        await parts.commit.settle()
        if not self.is_sealed:
            return  # somebody else was faster; and with a try under way nobody could seal
        keys = await parts.locksmith.unlock(parts.files, passphrase, parts.memory.hold)
        try:
            self.open(keys)
        except OSError as error:
            parts.memory.wipe()
            raise refused(error) from None

    async def _change_keys(self, change: KeyChange) -> None:
        async with self._rekeying:
            match change:
                case Seal() if self.store is not None and not self.would_forget:
                    raise InvalidRequestError("the keyring was rekeyed meanwhile; try again")
                case Seal():
                    self.seal()
                case Rekey():
                    await self._rekey(change)

    async def _rekey(self, change: Rekey) -> None:
        if self.store is None:
            raise SealedError
        terms = self.store.terms
        if terms.keys.opener is None:
            raise RefusedError("these keys came from no keyring")
        opener = await self._parts.locksmith.opener(change, terms.keys.opener)
        held = self._parts.memory.hold(opener.key.reveal())
        await terms.reopen_with(replace(opener, key=held))

    def _router_of(self, store: Store) -> Router:
        parts = self._parts
        return Router(
            store,
            self._rules,
            clock=parts.clock,
            request_id=parts.request_id,
            change_keys=self._change_keys,
        )
