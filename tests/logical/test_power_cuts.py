"""The power is cut at each call to the disk in turn, while a request changes one file or several.

Whatever a crash leaves: a secret that was not answered is still there; what was done is counted; a
use that was not counted did nothing; and what was answered stays.
"""

from contextlib import suppress

import pytest
from fakes import MemoryFiles, counting_random, on_the_loop
from fakes_disk import CrashableFiles, PowerCut
from house import open_house

from cubbyd.store.commit import GroupCommit

LIMIT = 3
REQUESTS = {
    "unwrap": ("write", "sys/wrapping/unwrap", {"token": "wrapping"}, None),
    "unwrap and wrap": ("write", "sys/wrapping/unwrap", {"token": "wrapping"}, 60),
    "rewrap": ("write", "sys/wrapping/rewrap", {"token": "wrapping"}, None),
    "wrap": ("write", "sys/wrapping/wrap", {"k": 1}, 60),
    "write": ("write", "cubbyhole/x", {"a": "new"}, None),
}


class Scene:
    """A limited token, a wrapped secret, and a disk to which they are durable."""

    async def set_up(self):
        self.random = counting_random()
        files = MemoryFiles()
        async with open_house(files, random=self.random) as house:
            self.caller = await house.token(num_uses=LIMIT + 1)
            await house.guest.ask("write", "cubbyhole/x", {"a": "old"}, token=self.caller)
            self.wrapping = await house.wrapped({"k": "secret"})
        self.files = files.files

    async def ask(self, request, *, dies_at):
        """Send the request to a daemon whose disk dies; tells the disk, and whether it answered."""
        operation, path, data, wrap_ttl = request
        if "token" in data:
            data = {"token": self.wrapping}
        disk = CrashableFiles(self.files, dies_at=dies_at)
        commit = GroupCommit(disk, run_blocking=on_the_loop)
        answered = False
        with suppress(BaseExceptionGroup, PowerCut):
            async with open_house(disk, commit=commit, random=self.random) as house:
                await house.guest.ask(operation, path, data, token=self.caller, wrap_ttl=wrap_ttl)
                answered = True
        return disk, answered

    async def look(self, state):
        """What a daemon finds that starts over this disk: all that the promises are about."""
        files = MemoryFiles()
        files.files = dict(state)
        async with open_house(files) as house:
            looked_up = await house.owner.ask("write", "auth/token/lookup", {"token": self.caller})
            is_unspent = await house.is_alive(self.wrapping)
            others = len(files.files) - 1 - is_unspent
            cubbyhole = await house.guest.ask("read", "cubbyhole/x", token=self.caller)
            if is_unspent:
                assert (await house.unwrap(self.wrapping)).data == {"k": "secret"}
        return looked_up.data["num_uses"] < LIMIT, is_unspent, others, cubbyhole.data["a"]


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_power_cut_grants_nothing_and_takes_back_nothing(name):
    scene = Scene()
    await scene.set_up()
    dies_at, answered = 0, False

    while not answered:
        dies_at += 1
        disk, answered = await scene.ask(REQUESTS[name], dies_at=dies_at)
        for state in disk.states_after_crash():
            was_counted, is_unspent, others, value = await scene.look(state)
            has_effect = not is_unspent or others > 0 or value == "new"
            assert was_counted or not has_effect
            if answered:
                assert has_effect
            if name in ("rewrap", "unwrap and wrap"):
                assert is_unspent or others == 1

    assert dies_at > 3
