"""A daemon over a simulated disk: how it is put together, the tokens it has, and all that it tells.

What is told of a token, a wrapped secret or a policy is one *fact*. Two disks with the same facts
are the same to every client.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch

import trio
from at_once import CommitAtOnce, finished
from fakes import EPOCH, counting_random, disk_of, on_the_loop
from house import House
from simulated_disk import SimulatedDisk, Tree

from cubbyd.core.token import is_accessor
from cubbyd.crypto.opener import Argon2id
from cubbyd.errors import RefusedError, StartError, WrongPassphraseError
from cubbyd.secret import Secret
from cubbyd.store.commit import Commit
from cubbyd.store.files import STAGED_PREFIX, DiskFiles
from cubbyd.store.key_places import KeyPlaces
from cubbyd.store.keyring import load_or_create, unlock
from cubbyd.store.locksmith import Locksmith
from cubbyd.store.store import Store

STORE: Final = Path("/state/store")
KEY_FILE: Final = Path("/config/key")

EARLIER: Final = EPOCH + 10
"""A clock that was set back: the short-lived token has not expired yet."""
NOW: Final = EPOCH + 100
LATER: Final = EPOCH + 200
SHORT: Final = 50
POLICY: Final = '{"path": {"cubbyhole/*": {"capabilities": ["read"]}}}'


PASSPHRASES: Final = ("correct horse", "battery staple")

POLICIES: Final = {name: name for name in ("mine", "yours", "theirs")}
"""Those that are asked for; nobody has written the last."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """How a daemon is put together. One that is made wrong on purpose has a part exchanged."""

    calls: Callable = lambda disk: disk
    files: Callable = DiskFiles
    keys: Callable = load_or_create
    places: Callable = KeyPlaces
    commit: Callable = Commit
    phases: Callable = lambda phases: phases
    prepare: Callable = Store.prepare


RIGHT: Final = Build()


class _InOrder(Random):
    """Shuffles tasks into the order in which they came; trio takes the last one first."""

    def shuffle(self, tasks):
        tasks.reverse()


def run_in_order(live) -> None:
    """``trio.run``, tasks in the order in which they came: so the n-th call is always the same."""
    loop = trio._core._run  # noqa: SLF001 - as pytest-trio does for Hypothesis
    with patch.multiple(loop, _ALLOW_DETERMINISTIC_SCHEDULING=True, _r=_InOrder()):
        trio.run(live)


async def a_moment_later(sync_fn):
    """Blocking calls without a thread, when all who came at once have come."""
    await trio.lowlevel.checkpoint()
    return sync_fn()


def start_together(nursery, house, *tasks) -> None:
    """While the disk is busy with nothing, so that what they change goes to it together."""
    nursery.start_soon(house.commit.carry_out, [[]], lambda _: None)
    for task in tasks:
        nursery.start_soon(*task)


@contextmanager
def started(disk, build=RIGHT, *, random=None, now=NOW, at_once=False) -> Iterator[House]:
    """A daemon with its keys over a disk, from the lock on, as ``daemon.opened`` does it.

    ``at_once``: it needs no loop, and carries changes out one by one.
    """
    calls = build.calls(disk)
    random = random or counting_random()
    files = build.files(STORE, calls)
    # The disk has one process only, and no descriptors that the kernel knows.
    with patch.object(fcntl, "flock", lambda _fd, _how: None), files.locked():
        places = build.places(KEY_FILE, calls=calls)
        keys = build.keys(files, places, random) or _unlocked(files)
        commit = CommitAtOnce(files) if at_once else build.commit(disk_of(files, a_moment_later))
        locksmith = Locksmith(
            places, random, run_blocking=on_the_loop, clock=lambda: now, new_argon2id=cheap
        )
        house = House(
            files,
            keys=keys,
            clock=lambda: now,
            random=random,
            commit=commit,
            locksmith=locksmith,
        )
        commit_phases = house.store.commit
        house.store.commit = lambda phases: commit_phases(build.phases(phases))
        house.store.prepare = lambda: build.prepare(house.store)
        yield house


def cheap(salt):
    """What a passphrase costs here: next to nothing."""
    return Argon2id(salt, opslimit=1, memlimit=8192)


def _unlocked(files):
    """The keys, with whichever passphrase opens them."""
    for passphrase in PASSPHRASES:
        with suppress(WrongPassphraseError):
            return unlock(files, Secret.from_text(passphrase))
    raise StartError("no passphrase opens the keyring")


@dataclass
class Scene:
    """A store in which every kind of thing is, and what clients know of it."""

    tree: Tree = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    wrapping: dict[str, str] = field(default_factory=dict)
    random: Callable[[int], bytes] = field(default_factory=counting_random)

    def resolve(self, data):
        """Data of a request, with names in place of what they stand for."""
        known = self.tokens | self.wrapping
        return data and {key: known.get(value, value) for key, value in data.items()}


@cache
def scene() -> Scene:
    """Made once; nobody changes it."""
    made = Scene()
    disk = SimulatedDisk()

    async def furnish():
        with started(disk, random=made.random, now=EPOCH) as house:
            async with house.running():
                await _furnish(made, house)

    run_in_order(furnish)
    made.tree = disk.tree()
    return made


async def _furnish(scene, house):
    """Tokens with something in their cubbyholes, secrets that wait, and what has ended."""
    for name in ("mine", "yours"):
        await house.owner.ask("write", f"sys/policies/acl/{name}", {"policy": POLICY})
    tokens, wrapping = scene.tokens, scene.wrapping
    for name in ("caller", "limited", "parent", "elder", "bystander"):
        tokens[name] = await house.token("root", ttl="1h", num_uses=6 if name == "limited" else 0)
    for name, parent in {"child": "parent", "grandchild": "child", "younger": "elder"}.items():
        tokens[name] = await house.token("root", parent=tokens[parent], ttl="1h")
    tokens["last"] = await house.token(num_uses=2)
    tokens["expired"] = await house.token(ttl=f"{SHORT}s")
    tokens["revoked"] = await house.token()
    for name in ("caller", "limited", "child", "last", "bystander"):
        await house.guest.ask("write", "cubbyhole/x", {"is": "old"}, token=tokens[name])
    for name in ("wrapping", "other", "spent"):
        wrapping[name] = await house.wrapped({"for": name}, ttl="1h")
    wrapping["stale"] = await house.wrapped({"for": "stale"}, ttl=f"{SHORT}s")
    await house.unwrap(wrapping["spent"])
    await house.owner.ask("write", "auth/token/revoke", {"token": tokens["revoked"]})


def other_random():
    """Random bytes that are none of those that the scene was made with."""
    random = counting_random()
    return lambda size: bytes(each ^ 0x55 for each in random(size))


@cache
def locked() -> Tree:
    """The scene's disk when a passphrase opens the keyring, and the key file is gone."""
    disk = SimulatedDisk(scene().tree)
    data = {"to": "passphrase", "passphrase": PASSPHRASES[0]}

    async def rekey():
        with started(disk, random=other_random()) as house:
            async with house.running():
                await house.owner.ask("write", "sys/rekey", data)

    run_in_order(rekey)
    return {**disk.tree(), "config": {}}


# What a client can find out


def facts(tree, answers, *, only=None, now=LATER, build=RIGHT):
    """What a daemon tells that starts over this disk; the disk itself is not changed.

    Args:
        tree: The disk.
        answers: Those of operations, by name: what they tell of is looked at too.
        only: The names of the facts that are wanted; None: all. What it leaves lying about, and
            what it cannot open, is told always.
        now: What the clock says.
        build: What daemon it is.
    """
    disk = SimulatedDisk(tree)
    with started(disk, build, now=now, at_once=True) as house:
        house.store.prepare()
        told = {"left": _left(disk.tree(), house)}
        for _ in house.store.indexing():
            pass
        return told | finished(tell(house, answers, only=only))


async def tell(house, answers, *, only=None):
    """The facts that a running daemon tells: as above."""
    tokens, wrapping = dict(scene().tokens), dict(scene().wrapping)
    for name, answer in answers.items():
        if answer is not None and answer.wrap_info is not None:
            wrapping[f"new by {name}"] = answer.wrap_info.token.reveal_text()
        elif answer is not None and answer.auth is not None:
            token = answer.auth.client_token.reveal_text()
            if token not in tokens.values():  # as one that was renewed is
                tokens[f"new by {name}"] = token
    opener = house.store.terms.keys.opener
    told = {
        "strangers": _strangers(house, [*tokens.values(), *wrapping.values()]),
        "opener": (opener.source.value, opener.argon2id and opener.key.reveal()),
    }
    for look, named in ((_of_token, tokens), (_of_wrapping, wrapping), (_of_policy, POLICIES)):
        for name in named if only is None else named.keys() & only:
            told[name] = await look(house, named[name])
    return told


def _left(tree, house):
    """What is left lying about.

    A key file that was never made is nothing to a daemon that needs none: the next one that is made
    takes it away.
    """
    if house.store.terms.keys.opener.argon2id is not None:
        tree = {**tree, "config": {}}
    return staged(tree)


def staged(tree):
    """The temporary names on a disk, of which there are none once a daemon has started."""
    directories = (tree["state"]["store"], tree["config"])
    return [name for each in directories for name in each if name.startswith(STAGED_PREFIX)]


def _strangers(house, tokens):
    """What files there are of tokens that nobody knows: each must open, if it is there."""
    known = {house.accessor(token) for token in tokens}
    unknown = [name for name in house.files.names() if is_accessor(name) and name not in known]
    return sorted(type(_or_refusal(house.store.record, name)).__name__ for name in unknown)


def _or_refusal(call, *given):
    try:
        return call(*given)
    except RefusedError as refused:
        return refused.code


async def _said(asked):
    """An answer's data, or the code of what refuses it."""
    try:
        answer = await asked
    except RefusedError as refused:
        return refused.code
    return answer.data or "a token"


async def _of_token(house, token):
    """Whether it lives, with what rights, and what is in its cubbyhole."""
    data = await _said(house.owner.ask("write", "auth/token/lookup", {"token": token}))
    contents = await _said(house.guest.ask("read", "cubbyhole/x", token=token))
    if isinstance(data, str):
        return data, contents
    return *[data[key] for key in ("num_uses", "expire_time", "orphan", "policies")], contents


async def _of_wrapping(house, token):
    """What it leads to, the first time and the second."""
    return [await _said(house.unwrap(token)) for _ in range(2)]


async def _of_policy(house, name):
    data = await _said(house.owner.ask("read", f"sys/policies/acl/{name}"))
    return data if isinstance(data, str) else data["policy"]
