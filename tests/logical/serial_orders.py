"""Requests at once, some of them called off, and whether some order of them explains the outcome.

As in Wing and Gong's search: of the requests that are left, one is next that no other was answered
before. The model is asked it, and if it says what the daemon said the search goes on from there. A
request that was called off may stand anywhere after its beginning, or nowhere.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from unittest.mock import patch

import trio
from fakes import EPOCH, MemoryFiles, counting_random, disk_of, shielded
from house import KEYS, RULES, House
from promises_model import Model
from serial_requests import (
    ALL,
    OPTIONS,
    SHORT,
    WRAPPED,
    Cast,
    Request,
    founded,
    new_token,
    predicted,
    rules,
    said,
)
from trio.testing import wait_all_tasks_blocked

from cubbyd.core.token import TokenType, is_accessor
from cubbyd.crypto.keys import RootKeys
from cubbyd.errors import RefusedError
from cubbyd.logical.cubbyhole import decode_object, open_contents
from cubbyd.messages import Response
from cubbyd.reaper import keep_index, reap
from cubbyd.resealer import keep_terms
from cubbyd.secret import Secret
from cubbyd.store import keyring, record
from cubbyd.store.commit import Commit

NEVER = 10**9
MOST_STEPS = 5000
"""What is not explained by then is looked at by a human."""
NOW = EPOCH + SHORT + 1


@dataclass
class Asked:
    """A request as it went; its moments are numbers in order."""

    number: int
    request: Request
    began: int
    decided: int = NEVER
    """When the daemon looked at the clock for it last: where in the order it most likely stands."""
    ended: int = NEVER
    outcome: Response | RefusedError | None = None
    """None: it was called off."""

    @property
    def name(self) -> str:
        """Of the token that it makes: as it was told, or one that nobody knows."""
        text = new_token(self.outcome) if isinstance(self.outcome, Response) else None
        return text or f"unknown {self.number}"

    @property
    def said(self) -> object:
        return self.outcome.code if isinstance(self.outcome, RefusedError) else said(self.outcome)


class Beginning:
    """The state that every round begins with: a store's files, and the model of them."""

    def __init__(self) -> None:
        self.cast = Cast()
        self.model = Model(EPOCH)
        files = MemoryFiles()
        trio.run(self._found, House(files, random=counting_random(), clock=lambda: EPOCH))
        self.files = files.files
        self.model.now = NOW

    async def _found(self, house: House) -> None:
        async with house.running():
            for name in OPTIONS:
                token = founded(self.model, self.cast, name)
                self.cast.texts[name] = await house.token(
                    *token.policies,
                    parent=token.parent,
                    ttl=token.ttl,
                    num_uses=token.uses,
                    no_default_policy="default" not in token.policies,
                )
                self.model.tokens[self.cast.texts[name]] = token
            for name, data in WRAPPED.items():
                text = await house.wrapped(data, ttl=str(OPTIONS["root"]["ttl"]))
                self.cast.texts[name] = text
                self.model.tokens[text] = self.model.wrapping(data, OPTIONS["root"]["ttl"])
            await house.owner.ask("write", "sys/policies/acl/p", {"policy": json.dumps(ALL)})
            self.model.policies["p"] = rules(ALL)


class CalledOff(trio.abc.Instrument):
    """Cancels each task when it comes to a checkpoint of its own: the first, the second ..."""

    def __init__(self) -> None:
        self._waiting: dict[trio.lowlevel.Task, tuple[int, trio.CancelScope]] = {}

    def at(self, checkpoint: int, scope: trio.CancelScope) -> None:
        """Cancel the running task at this checkpoint of those to come; 0 is before any."""
        if checkpoint == 0:
            scope.cancel()
        else:
            self._waiting[trio.lowlevel.current_task()] = checkpoint, scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        left, scope = self._waiting.pop(task, (0, None))
        if left > 1:
            self._waiting[task] = left - 1, scope
        elif scope is not None:
            scope.cancel()


class Round:
    """Requests at once over one beginning."""

    def __init__(self, beginning: Beginning, seed: str, commit: type[Commit]) -> None:
        self._beginning = beginning
        self._random = random.Random(seed)  # noqa: S311 - a known order
        self._moments = count()
        self._called_off = CalledOff()
        files = MemoryFiles()
        files.files = dict(beginning.files)
        self.house = House(
            files,
            random=self._random.randbytes,
            clock=self._now,
            commit=commit(disk_of(files, shielded(self._dawdle))),
            rules=RULES,
        )
        self.asked: list[Asked] = []
        self._by_task: dict[trio.lowlevel.Task, Asked] = {}

    def run(self, requests: Sequence[Request], called_off: dict[int, int]) -> None:
        """Ask them all; those by their number that are called off, at which checkpoint."""
        # The scheduler tosses our coin, as pytest-trio has it do for Hypothesis: any round can be
        # repeated.
        with patch("trio._core._run._r", self._random):
            trio.run(self._run, requests, called_off, instruments=[self._called_off])

    async def _run(self, requests: Sequence[Request], called_off: dict[int, int]) -> None:
        async with self.house.running(), trio.open_nursery() as reaping:
            reaping.start_soon(reap, self.house.store, lambda: NOW)
            reaping.start_soon(keep_index, self.house.store)
            reaping.start_soon(keep_terms, self.house.store.terms)
            async with trio.open_nursery() as asking:
                for number, request in enumerate(requests):
                    asking.start_soon(self._ask, number, request, called_off.get(number))
            await wait_all_tasks_blocked()
            self.found = _on_disk(self.house, self.known)
            reaping.cancel_scope.cancel()

    async def _ask(self, number: int, request: Request, checkpoint: int | None) -> None:
        await self._turns(8)
        door, cast = self.house.owner, self._beginning.cast
        asked = Asked(number, request, next(self._moments))
        self.asked.append(asked)
        self._by_task[trio.lowlevel.current_task()] = asked
        with trio.CancelScope() as scope:
            if checkpoint is not None:
                self._called_off.at(checkpoint, scope)
            try:
                outcome = await door.ask(
                    request.operation,
                    request.path,
                    cast.data(request.data),
                    token=cast.text(request.by),
                    wrap_ttl=request.wrap_ttl,
                )
            except RefusedError as refused:
                outcome = refused
            except trio.Cancelled:
                asked.decided = NEVER  # most likely it has no place
                raise
            await trio.lowlevel.checkpoint()  # it is sent
            asked.outcome = outcome
            asked.ended = next(self._moments)

    def _now(self) -> float:
        self._by_task[trio.lowlevel.current_task()].decided = next(self._moments)
        return NOW

    async def _dawdle(self, sync_fn):
        await self._turns(4)
        result = sync_fn()
        await self._turns(4)
        return result

    async def _turns(self, fewer_than: int) -> None:
        for _ in range(self._random.randrange(fewer_than)):
            await trio.lowlevel.checkpoint()

    @property
    def has_a_serial_order(self) -> bool:
        """Whether some order explains what was told, and what is on disk now."""
        search = _Search(self.known, self.found)
        return search.explains(self._beginning.model, self.asked)

    @property
    def known(self) -> list[str]:
        """The names of tokens, also of those that nobody was told."""
        return [*self._beginning.model.tokens, *(asked.name for asked in self.asked)]


class _Search:
    """For an order that ends with what was found."""

    def __init__(self, known: Sequence[str], found: object) -> None:
        self._known = known
        self._found = found
        self._steps = 0

    def explains(self, model: Model, asked: list[Asked]) -> bool:
        """Whether these may have been asked from here on. It gives up after many steps."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            return False
        if all(each.outcome is None for each in asked) and self._is_as_found(model):
            return True
        first_end = min((each.ended for each in asked), default=NEVER)
        for each in sorted(asked, key=lambda each: each.decided):
            if each.began > first_end:
                continue
            after = _copied(model)
            answer = predicted(each.request, after, each.name)
            if each.outcome is not None and answer != each.said:
                continue
            if self.explains(after, [other for other in asked if other is not each]):
                return True
        return False

    def _is_as_found(self, model: Model) -> bool:
        return _in_model(model, self._known) == self._found


def _copied(model: Model) -> Model:
    copy = Model(model.now)
    copy.policies = dict(model.policies)
    copy.key_term = model.key_term
    copy.tokens = {
        name: replace(token, cubbyhole=dict(token.cubbyhole))
        for name, token in model.tokens.items()
    }
    return copy


# What is there at the end, in the model and on disk: in no order, and without the names of tokens
# that nobody was told.


def _in_model(model: Model, known: Iterable[str]) -> object:
    model = _copied(model)
    model.reap()
    names = {name for name in known if not name.startswith("unknown")}
    tokens = [
        (
            name if name in names else "",
            token.parent,
            token.policies,
            token.uses if token.wrapped is None else 1,
            token.expires_at,
            token.is_stub,
            _contents(token) if name in names else None,
        )
        for name, token in model.tokens.items()
    ]
    return sorted(map(repr, tokens)), sorted(model.policies.items()), model.key_term


def _contents(token) -> dict | None:
    return token.cubbyhole if token.wrapped is None else {"response": token.wrapped}


def _on_disk(house: House, known: Iterable[str]) -> object:
    names = {house.accessor(name): name for name in known if not name.startswith("unknown")}
    keys = _keys_on_disk(house)
    tokens = []
    for accessor, file in house.files.files.items():
        if not is_accessor(accessor):
            continue
        opened = record.decode(file, accessor, keys)
        entry, name = opened.entry, names.get(accessor)
        tokens.append(
            (
                name or "",
                None if entry.parent is None else names[entry.parent],
                entry.policies,
                entry.num_uses,
                entry.expires_at,
                entry.type is TokenType.STUB,
                None if name is None else _opened(opened, name),
            )
        )
    texts = [(name, house.store.policy(name).text) for name in house.store.policy_names()]
    policies = [(name, rules(json.loads(text))) for name, text in texts]
    return sorted(map(repr, tokens)), policies, keys.term


def _keys_on_disk(house: House) -> RootKeys:
    file = house.files.files.get(keyring.KEYRING_NAME)
    return KEYS if file is None else keyring.decode(file, KEYS.opener.key)


def _opened(opened: record.Record, name: str) -> dict | None:
    contents = open_contents(opened.open(Secret.from_text(name)))
    objects = {path: decode_object(stored) for path, stored in contents.items()}
    if opened.entry.is_wrapping:
        return {"response": objects["response"].get("data", {})}
    return objects
