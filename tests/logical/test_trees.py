"""A tree of 10,000 tokens ends with one unlink, and the reaper sees to the rest.

The rules: from the answer on none of them works, whatever happened to their files; the reaper
destroys them behind the requests, also after a restart in between; a parent that expires does the
same, and ``tidy`` finds what nobody has met.
"""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from fakes import EPOCH, OWNER, MemoryFiles
from fakes_disk import FaultyFiles
from house import House, open_house, trio_clock
from trio.testing import wait_all_tasks_blocked

from cubbyd.core.outcome import Put
from cubbyd.core.token import Creator, TokenEntry
from cubbyd.core.token_text import Prefix
from cubbyd.logical.tokens import Tokens
from cubbyd.reaper import keep_index, reap
from cubbyd.secret import Secret

MANY = 10_000
CREATOR = Creator(uid=OWNER.uid, gid=OWNER.gid, pid=OWNER.pid)


async def grow(house, root, count, *, branches=6):
    """So many tokens that all descend from one; returns them, each after its parent."""
    line = [house.store.accessor(Secret.from_text(root))]
    tokens, changes = [], []
    for number in range(count):
        token, accessor = house.store.mint(Prefix.SERVICE)
        entry = TokenEntry(
            accessor=accessor,
            parent=line[number // branches],
            policies=("default",),
            path="auth/token/create",
            creator=CREATOR,
            created_at=EPOCH,
            issued_at=EPOCH,
        )
        line.append(accessor)
        tokens.append(token)
        changes.append(Put(entry=entry))
    await house.store.commit([changes])
    return tokens


@asynccontextmanager
async def reaping(house):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_index, house.store)
        nursery.start_soon(reap, house.store, trio_clock)
        await wait_all_tasks_blocked()
        yield
        nursery.cancel_scope.cancel()


def alive(house, tokens):
    """Those that are alive. Asking changes nothing."""
    return [
        token for token in tokens if Tokens(house.store, trio_clock()).by_token(token) is not None
    ]


async def requests_refused(house, tokens):
    """Whether every one of these tokens is refused, as by a client."""
    refusals = [
        await house.guest.refusal("read", "auth/token/lookup-self", token=token) for token in tokens
    ]
    return {each.code for each in refusals} == {"permission_denied"}


@pytest.mark.slow
async def test_revoking_ten_thousand_is_one_unlink_and_then_none_works():
    disk = FaultyFiles(MemoryFiles())
    async with open_house(disk) as house:
        root, stranger = await house.token("root"), await house.token()
        tokens = await grow(house, root, MANY)
        assert len(alive(house, tokens[::100])) == 100
        disk.calls.clear()

        await house.owner.ask("write", "auth/token/revoke", {"token": root})

        assert disk.calls == ["remove", "sync"]
        assert alive(house, tokens) == []
        assert disk.calls == ["remove", "sync"]
        assert await requests_refused(house, tokens[:100] + tokens[-100:])
        async with reaping(house):
            pass
        assert disk.names() == [house.accessor(stranger)]
        assert disk.calls.count("sync") < MANY / 10


async def test_a_restart_in_between_changes_none_of_it():
    """The tree's root is gone, and nothing else."""
    async with open_house() as house:
        root, stranger = await house.token("root"), await house.token()
        tokens = await grow(house, root, 1000)
        await house.owner.ask("write", "auth/token/revoke", {"token": root})
    assert len(house.files.files) == 1001

    again = House(house.files)
    assert alive(again, tokens) == []
    assert await requests_refused(again, tokens[-10:])
    async with reaping(again):
        pass
    assert again.files.names() == [again.accessor(stranger)]


async def test_a_restart_in_the_middle_of_reaping_neither():
    """Some files are gone already, and not those of the oldest."""
    async with open_house() as house:
        root = await house.token("root")
        tokens = await grow(house, root, 500)
        await house.owner.ask("write", "auth/token/revoke", {"token": root})
        for token in tokens[1::3]:
            house.files.remove(house.store.accessor(token))

    async with open_house(house.files) as again:
        assert alive(again, tokens) == []
        async with reaping(again):
            pass
        assert again.files.names() == []


async def test_the_end_of_a_parents_life_is_the_end_of_all(house, autojump_clock):
    root = await house.token("root", ttl="1h")
    tokens = await grow(house, root, 1000)
    async with reaping(house):
        await trio.sleep(3599)
    assert len(alive(house, tokens)) == 1000
    assert len(house.files.files) == 1001

    await trio.sleep(1)
    assert alive(house, tokens) == []
    async with reaping(house):
        await trio.sleep(1)

    assert house.files.files == {}


async def test_one_that_is_met_dead_goes_with_those_it_died_of(house, autojump_clock):
    """Its own file too, without the reaper, before anybody hears of it."""
    root = await house.token("root", ttl="1h")
    child = await house.token("root", parent=root, ttl="5h")
    grandchild = await house.token(parent=child, ttl="5h")
    await trio.sleep(3600)

    await house.guest.refusal("read", "auth/token/lookup-self", token=grandchild)

    assert house.files.names() == [house.accessor(child)]


async def test_a_line_without_an_end_is_damage(house):
    """Nobody could make one without the keys; it is refused, and keeps nobody waiting."""
    tokens = await grow(house, await house.token("root"), 2)
    one, other = (house.store.record(house.store.accessor(token)).entry for token in tokens)
    await house.store.commit([[Put(entry=replace(one, parent=other.accessor))]])
    await house.store.commit([[Put(entry=replace(other, parent=one.accessor))]])

    refused = await house.guest.refusal("read", "auth/token/lookup-self", token=tokens[0])

    assert refused.code == "integrity"
    assert len(house.files.files) == 3


async def test_while_the_reaper_works_others_are_served(house):
    """It takes few at a time."""
    root, other = await house.token("root"), await house.token()
    await grow(house, root, 1000)
    async with reaping(house):
        await house.owner.ask("write", "auth/token/revoke", {"token": root})

        await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=other)

        assert len(house.files.files) > 500


# -- tidy


async def test_tidy_looks_at_every_file_behind_the_requests(house):
    """What a disk could not read at the start is found, and destroyed if it is dead."""
    root = await house.token("root")
    child = await house.token(parent=root)
    await house.owner.ask("write", "auth/token/revoke", {"token": root})
    disk = FaultyFiles(house.files)
    disk.unreadable[house.accessor(child)] = 5
    again = House(disk)
    async with reaping(again):
        disk.unreadable.clear()
        await wait_all_tasks_blocked()
        assert again.accessor(child) in disk.names()

        answer = await again.owner.ask("write", "auth/token/tidy")
        await wait_all_tasks_blocked()

        assert answer.status == 202
        assert answer.warnings[0].startswith("Tidy operation successfully started.")
        assert disk.names() == []


async def test_a_second_tidy_finds_the_first_at_work(house):
    await grow(house, await house.token("root"), 200)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_index, house.store)
        while not house.store.is_tidying:
            await trio.lowlevel.checkpoint()

        answer = await house.owner.ask("write", "auth/token/tidy")

        assert (answer.status, answer.warnings) == (None, ("Tidy operation already in progress.",))
        nursery.cancel_scope.cancel()


async def test_a_wrapped_tidy_is_202_when_it_is_unwrapped(house):
    answer = await house.owner.ask("write", "auth/token/tidy", wrap_ttl=60)

    inside = await house.unwrap(answer.wrap_info.token)

    assert inside.status == 202
    assert inside.warnings[0].startswith("Tidy operation successfully started.")


@pytest.mark.parametrize("operation", ["read", "list", "delete"])
async def test_tidy_is_written_to(house, operation):
    refused = await house.owner.refusal(operation, "auth/token/tidy")

    assert refused.status in (404, 405)


async def test_policy_default_may_not_tidy(house):
    refused = await house.guest.refusal("write", "auth/token/tidy", token=await house.token())

    assert refused.status == 403
