"""A client that vanishes: its request is carried out whole or not at all, whenever it vanished.

Each request is cancelled after no, one, two ... turns of the loop. What is then found is what was
before, or what an undisturbed daemon would have; a restarted one finds the same; and the next
request is served as ever.
"""

import pytest
import trio
from fakes import MemoryFiles, disk_of, shielded
from house import open_house

from cubbyd.store.commit import Commit

TURNS = 14
"""More than any of these requests takes."""


@shielded
async def dawdle(sync_fn):
    """A blocking call that is noticed: it takes a turn before and one after."""
    await trio.lowlevel.checkpoint()
    result = sync_fn()
    await trio.lowlevel.checkpoint()
    return result


REQUESTS = {
    "write": ("write", "cubbyhole/x", {"a": "new"}, "owner", None),
    "delete": ("delete", "cubbyhole/x", None, "owner", None),
    "use": ("read", "auth/token/lookup-self", None, "limited", None),
    "last use": ("write", "cubbyhole/x", {"a": "new"}, "last", None),
    "create": ("write", "auth/token/create", {"ttl": 60}, "root", None),
    "create wrapped": ("write", "auth/token/create", {"ttl": 60}, "root", 60),
    "wrap": ("write", "sys/wrapping/wrap", {"k": 1}, "limited", 60),
    "unwrap": ("write", "sys/wrapping/unwrap", {"token": "wrapping"}, "limited", None),
    "unwrap wrapped": ("write", "sys/wrapping/unwrap", {"token": "wrapping"}, "limited", 60),
    "rewrap": ("write", "sys/wrapping/rewrap", {"token": "wrapping"}, "limited", None),
    "response": ("read", "cubbyhole/response", None, "wrapping", None),
    "revoke": ("write", "auth/token/revoke-self", None, "root", None),
}


class Scene:
    """A house with some tokens in it, the same in every run."""

    def __init__(self) -> None:
        self.files = MemoryFiles()
        self.commit = Commit(disk_of(self.files, dawdle))

    async def set_up(self, house):
        self.house = house
        root = await house.token("root", ttl=600)
        self.tokens = {
            "root": root,
            "owner": await house.token(),
            "limited": await house.token(num_uses=3),
            "last": await house.token(num_uses=2),
            "child": await house.token(parent=root, num_uses=9),
            "wrapping": await house.wrapped({"k": "secret"}),
        }
        for name in ("owner", "last"):
            await self.ask("write", "cubbyhole/x", {"a": "old"}, name)

    async def ask(self, operation, path, data, token, wrap_ttl=None):
        if data is not None and "token" in data:
            data = {"token": self.tokens[data["token"]]}
        await self.house.guest.ask(
            operation, path, data, token=self.tokens[token], wrap_ttl=wrap_ttl
        )

    async def ask_and_vanish(self, request, turns):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.ask, *request)
            for _ in range(turns):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

    async def look(self):
        """What is there, through requests that change nothing, and by the files."""
        house, seen = self.house, {}
        found = await house.outcome("read", "cubbyhole/x", token=self.tokens["owner"])
        seen["cubbyhole"] = getattr(found, "data", None)
        found = await house.outcome("read", "sys/wrapping/lookup", token=self.tokens["wrapping"])
        seen["unspent"] = hasattr(found, "data")
        for name in ("limited", "last", "child"):
            named = {"token": self.tokens[name]}
            try:
                found = await house.owner.ask("write", "auth/token/lookup", named)
            except Exception as refused:  # noqa: BLE001 - whatever it is, it is compared
                seen[name] = str(refused)
            else:
                seen[name] = found.data["num_uses"]
        # Counted last, for what is met dead is destroyed.
        return {**seen, "files": len(self.files.files)}


async def undisturbed(request):
    """What is seen before and after the request."""
    scene = Scene()
    async with open_house(scene.files, commit=scene.commit) as house:
        await scene.set_up(house)
        before = await scene.look()
        await scene.ask(*request)
        return before, await scene.look()


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_a_vanished_client_leaves_no_half_made_change(request_, autojump_clock):
    before, after = await undisturbed(request_)
    met = []
    for turns in range(TURNS):
        scene = Scene()
        async with open_house(scene.files, commit=scene.commit) as house:
            await scene.set_up(house)
            with trio.fail_after(1):
                await scene.ask_and_vanish(request_, turns)
                met.append(await scene.look())

        async with open_house(scene.files) as scene.house:
            assert await scene.look() == met[-1]

    assert before != after
    assert all(seen in (before, after) for seen in met)
    assert met[-1] == after


async def test_a_client_that_vanishes_while_it_waits_its_turn_has_changed_nothing(autojump_clock):
    """A second change of a file waits for the first, and until then it can be called off."""
    met = set()
    for turns in range(TURNS):
        scene = Scene()
        async with open_house(scene.files, commit=scene.commit) as house, trio.open_nursery() as n:
            await scene.set_up(house)
            n.start_soon(scene.ask, "write", "cubbyhole/x", {"a": "first"}, "owner")
            await trio.lowlevel.checkpoint()  # and it is in flight
            await scene.ask_and_vanish(("write", "cubbyhole/x", {"a": "second"}, "owner"), turns)
            met.add((await scene.look())["cubbyhole"]["a"])

    assert met == {"first", "second"}
