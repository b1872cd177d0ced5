"""Every operation that changes the disk, what it changes, and what a crash may leave half done.

A new operation is a new line of ``OPERATIONS``: how it is done, the names of the facts that it
changes, and, where more than one file takes part, which of them may have changed when the power
goes. None of the others may ever be seen changed alone.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import trio
from disk_scene import EARLIER, LATER, NOW, PASSPHRASES, POLICY, Scene
from house import House
from trio.testing import wait_all_tasks_blocked

from cubbyd.errors import PermissionDeniedError, RefusedError, StoreError
from cubbyd.messages import Response
from cubbyd.reaper import build_index, reap
from cubbyd.resealer import reseal_all


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that a client asks for, or that the daemon does by itself."""

    act: Callable[[House, Scene], Awaitable[Response | None]]
    changes: frozenset[str]
    """The facts that are others afterwards. NEW is what the answer tells of."""
    between: tuple[frozenset[str], ...] = ()
    """Which of them may have changed when others have not: what grants nothing and loses nothing
    that was answered."""
    looked_at: float = LATER
    """What the clock says when one looks."""
    writes_all: bool = False
    """It writes every file, so everything is looked at, though nothing of it may be another."""


NEW: Final = "new"


def asked(operation, path, data=None, *, token=None, wrap_ttl=None, **effects) -> Operation:
    """An operation that is a request. Tokens are named as in the scene."""

    async def act(house, scene):
        who = house.owner if token is None else house.guest
        named = (scene.tokens | scene.wrapping).get(token)
        return await who.ask(operation, path, scene.resolve(data), token=named, wrap_ttl=wrap_ttl)

    return _operation(act, **effects)


def _operation(act, changes="", between=(), **options):
    return Operation(
        act=act,
        changes=frozenset(changes.split()),
        between=tuple(frozenset(each.split()) for each in between),
        **options,
    )


async def _meet_the_dead(house, scene):
    """Whoever asks for an expired token is refused, and from then on it is gone for good."""
    try:
        await house.guest.ask("read", "auth/token/lookup-self", token=scene.tokens["expired"])
    except PermissionDeniedError:
        return
    raise AssertionError("it was taken for alive")


async def _reap(house, _scene):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reap, house.store, lambda: NOW)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def _revoke_and_reap(house, scene):
    await house.owner.ask("write", "auth/token/revoke", {"token": scene.tokens["parent"]})
    await _reap(house, scene)


async def _tidy(house, _scene):
    answer = await house.owner.ask("write", "auth/token/tidy")
    await build_index(house.store)
    return answer


async def _rotate_and_reseal(house, _scene):
    """Every file is written, of tokens, stubs and policies, and the older terms go."""
    for _ in range(2):
        await house.owner.ask("write", ROTATE)
    if await reseal_all(house.store.terms):  # it is not so on a disk that will not
        assert min(house.store.terms.keys.terms) > 2


async def _rotate_and_write(house, scene):
    """Both with one sync: what is written must not need the new key yet."""
    problems = []

    async def one(name):
        try:
            await OPERATIONS[name].act(house, scene)
        except (RefusedError, StoreError) as error:
            problems.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, "rotate")
        nursery.start_soon(one, "write")
    for problem in problems:
        raise problem


ROTATE, REKEY = "sys/rotate", "sys/rekey"
UNWRAP, REWRAP = "sys/wrapping/unwrap", "sys/wrapping/rewrap"
CREATE, REVOKE = "auth/token/create", "auth/token/revoke"
POLICY_PATH = "sys/policies/acl/"
OTHER_POLICY = POLICY.replace("read", "list")
LIFE = {"ttl": "10m"}
WRAPPED = {"token": "wrapping"}
FAMILY = "parent child grandchild"

OPERATIONS: Final = {
    # create
    "create": asked("write", CREATE, changes="new"),
    "create a child": asked("write", CREATE, LIFE, token="caller", changes="new"),
    "create, wrapped": asked(
        "write", CREATE, wrap_ttl=600, changes="new strangers", between=["new", "strangers"]
    ),
    # what a token has
    "write": asked("write", "cubbyhole/x", {"is": "new"}, token="caller", changes="caller"),
    "first write": asked("write", "cubbyhole/x", {"is": "new"}, token="elder", changes="elder"),
    "write beside": asked(
        "write", "cubbyhole/x", {"is": "new"}, token="bystander", changes="bystander"
    ),
    "delete": asked("delete", "cubbyhole/x", token="caller", changes="caller"),
    "write by a limited": asked(
        "write", "cubbyhole/x", {"is": "new"}, token="limited", changes="limited"
    ),
    "limited use": asked("read", "cubbyhole/x", token="limited", changes="limited"),
    "last use": asked("read", "cubbyhole/x", token="last", changes="last"),
    "last use to wrap": asked(
        "write",
        "sys/wrapping/wrap",
        {"k": 1},
        token="last",
        wrap_ttl=600,
        changes="last new",
        between=["last"],
    ),
    "renew": asked("write", "auth/token/renew", {"token": "caller"}, changes="caller"),
    "renew by a limited": asked(
        "write",
        "auth/token/renew",
        {"token": "caller"},
        token="limited",
        changes="caller limited",
        between=["limited"],
    ),
    "renew itself": asked("write", "auth/token/renew-self", token="limited", changes="limited"),
    # wrapping
    "wrap": asked("write", "sys/wrapping/wrap", {"k": 1}, wrap_ttl=600, changes="new"),
    "wrap by a limited": asked(
        "write",
        "sys/wrapping/wrap",
        {"k": 1},
        token="limited",
        wrap_ttl=600,
        changes="limited new",
        between=["limited"],
    ),
    "unwrap": asked("write", UNWRAP, token="wrapping", changes="wrapping"),
    "unwrap by a limited": asked(
        "write",
        UNWRAP,
        WRAPPED,
        token="limited",
        changes="limited wrapping",
        between=["limited"],
    ),
    "unwrap by another": asked(
        "write",
        UNWRAP,
        WRAPPED,
        token="other",
        changes="other wrapping",
        between=["other", "wrapping"],
    ),
    "unwrap, wrapped": asked(
        "write", UNWRAP, WRAPPED, wrap_ttl=600, changes="new wrapping", between=["new"]
    ),
    "read the response": asked("read", "cubbyhole/response", token="wrapping", changes="wrapping"),
    "rewrap": asked("write", REWRAP, WRAPPED, changes="new wrapping", between=["new"]),
    "rewrap by a limited": asked(
        "write",
        REWRAP,
        WRAPPED,
        token="limited",
        changes="limited new wrapping",
        between=["limited", "limited new"],
    ),
    # the end
    "revoke a tree": asked("write", REVOKE, {"token": "parent"}, changes=FAMILY),
    "revoke itself": asked(
        "write", "auth/token/revoke-self", token="child", changes="child grandchild"
    ),
    "revoke by a limited": asked(
        "write",
        REVOKE,
        {"token": "parent"},
        token="limited",
        changes=f"limited {FAMILY}",
        between=["limited"],
    ),
    "revoke an orphan's": asked(
        "write", "auth/token/revoke-orphan", {"token": "elder"}, changes="elder younger"
    ),
    "revoke and reap": _operation(_revoke_and_reap, FAMILY),
    # A clock that is set back does not revive what was seen dead, nor what was reaped.
    "meet the dead": _operation(_meet_the_dead, "expired", looked_at=EARLIER),
    "reap": _operation(_reap, "expired stale", ["expired", "stale"], looked_at=EARLIER),
    "tidy": _operation(_tidy, ""),
    # policies
    "write a policy": asked("write", f"{POLICY_PATH}theirs", {"policy": POLICY}, changes="theirs"),
    "change a policy": asked(
        "write", f"{POLICY_PATH}mine", {"policy": OTHER_POLICY}, changes="mine"
    ),
    "delete a policy": asked("delete", f"{POLICY_PATH}mine", changes="mine"),
    "change a policy by a limited": asked(
        "write",
        f"{POLICY_PATH}mine",
        {"policy": OTHER_POLICY},
        token="limited",
        changes="limited mine",
        between=["limited"],
    ),
    # keys: which of them seals a file is nothing that clients see
    "rotate": asked("write", ROTATE),
    "rotate by a limited": asked("write", ROTATE, token="limited", changes="limited"),
    "rotate twice and reseal": _operation(_rotate_and_reseal, writes_all=True),
    "rotate and write": _operation(_rotate_and_write, "caller"),
    "rekey to a passphrase": asked(
        "write", REKEY, {"to": "passphrase", "passphrase": PASSPHRASES[0]}, changes="opener"
    ),
}
LOCKED: Final = {
    "rekey to a key file": asked(
        "write", REKEY, {"to": "key-file", "current_passphrase": PASSPHRASES[0]}, changes="opener"
    ),
    "rekey to another passphrase": asked(
        "write",
        REKEY,
        {
            "to": "passphrase",
            "passphrase": PASSPHRASES[1],
            "current_passphrase": PASSPHRASES[0],
        },
        changes="opener",
    ),
}
"""Of a daemon whose keyring a passphrase opens: see ``disk_scene.locked``."""
ALL: Final = OPERATIONS | LOCKED
