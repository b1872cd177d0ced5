"""auth/token/revoke-orphan beside another request: a child just being made is one of them."""

from functools import partial

import trio
from fakes import MemoryFiles, disk_of
from house import open_house, trio_clock
from trio.testing import wait_all_tasks_blocked

from cubbyd.reaper import reap
from cubbyd.store.commit import Commit

ORPHAN = "auth/token/revoke-orphan"


async def test_a_child_on_its_way_to_the_disk_is_an_orphan_like_the_others():
    """Both become durable in one go, and whichever is noted first, the stub has a child."""
    lived = [await child_made_beside_the_revocation_of_its_parent() for _ in range(20)]

    assert lived == [True] * 20


async def child_made_beside_the_revocation_of_its_parent():
    """Whether it lives."""
    files, gate = MemoryFiles(), trio.Event()
    gate.set()

    async def when_open(sync_fn):
        await gate.wait()
        return sync_fn()

    commit = Commit(disk_of(files, when_open))
    children = []
    async with open_house(files, commit=commit) as house, trio.open_nursery() as nursery:
        parent = await house.token("root")

        async def create():
            children.append(await house.token(parent=parent))

        nursery.start_soon(reap, house.store, trio_clock)
        gate = trio.Event()
        for begin in (
            house.token,
            create,
            partial(house.owner.ask, "write", ORPHAN, {"token": parent}),
        ):
            nursery.start_soon(begin)
            await wait_all_tasks_blocked()
        gate.set()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        assert not await house.is_alive(parent)
        return await house.is_alive(children[0])
