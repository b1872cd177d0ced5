"""Files move over to a new key behind the requests: nothing is lost, and nothing comes back.

- It takes the locks of requests: what is changed or destroyed meanwhile stays so.
- What was sealed before the new key came is waited for, however late it is.
- Whatever interrupts it, it tries again, and so does the next start.
"""

from contextlib import asynccontextmanager, suppress
from errno import ENOSPC
from itertools import count

import pytest
import trio
from fakes import EPOCH, MemoryFiles, disk_of
from fakes_disk import FaultyFiles
from house import House, open_house
from rotated_house import (
    check,
    furnish,
    keys_on_disk,
    next_house,
    rotate,
    rotate_and_move,
    spoiled,
    terms_of,
    with_two_keys,
)
from token_entries import accessor, an_entry
from trio.testing import wait_all_tasks_blocked

from cubbyd.core.outcome import Put
from cubbyd.errors import IntegrityError, StorageFullError, StoreError
from cubbyd.reaper import reap
from cubbyd.resealer import LOOK_AGAIN_AFTER, RETRY_AFTER, keep_terms, reseal_all
from cubbyd.store.commit import Commit


class SlowDisk:
    """Does what is asked of it one batch at a time, when it is told to."""

    def __init__(self):
        self.is_slow = False
        self._go = trio.Event()

    async def run(self, sync_fn):
        if self.is_slow:
            await self._go.wait()
            self._go = trio.Event()
        return sync_fn()

    async def turn(self):
        await wait_all_tasks_blocked()
        self._go.set()
        await wait_all_tasks_blocked()


@asynccontextmanager
async def slow_house():
    files, disk = MemoryFiles(), SlowDisk()
    house = House(files, commit=Commit(disk_of(files, disk.run)))
    async with house.running():
        yield house, disk


async def finish(disk, *tasks):
    """Let all of them come to their end."""
    done = []

    async def one(task):
        await task()
        done.append(task)

    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(one, task)
            await wait_all_tasks_blocked()
        while len(done) < len(tasks):
            await disk.turn()


async def test_what_was_sealed_before_the_new_key_is_waited_for():
    """Its second phase comes to the disk long after the new key."""
    async with slow_house() as (house, disk):
        disk.is_slow = True
        phases = [[Put(entry=an_entry(1))], [Put(entry=an_entry(2))], [Put(entry=an_entry(3))]]

        async def late():
            await house.store.commit(phases)

        async def move():
            assert await rotate_and_move(house)

        await finish(disk, late, move)

        assert terms_of(house.files) == {accessor(number): 2 for number in (1, 2, 3)}
        assert [*keys_on_disk(house.files).terms] == [2]


async def test_it_would_be_lost_without_waiting(monkeypatch):
    """The test above is one."""

    async def no_wait(_self):
        pass

    monkeypatch.setattr(Commit, "settle", no_wait)
    with pytest.raises(AssertionError):
        await test_what_was_sealed_before_the_new_key_is_waited_for()


async def test_what_is_destroyed_while_files_are_moved_stays_so():
    for first in (0, 1):
        async with slow_house() as (house, disk):
            tokens = await with_two_keys(house)
            disk.is_slow = True

            async def move(house=house):
                await reseal_all(house.store.terms)

            async def destroy(house=house, tokens=tokens):
                await house.owner.ask("write", "auth/token/revoke", {"token": tokens["plain"]})
                await house.unwrap(tokens["wrapping"])
                await house.owner.ask("delete", "sys/policies/acl/mine")

            tasks = [move, destroy]
            await finish(disk, *tasks[first:], *tasks[:first])

            gone = {house.accessor(tokens["plain"]), house.accessor(tokens["wrapping"])}
            assert not gone & {*house.files.names()}
            assert house.store.policy("mine") is None
            assert [*keys_on_disk(house.files).terms] == [2]
            assert set(terms_of(house.files).values()) == {2}


async def test_what_is_changed_while_files_are_moved_stays_so():
    for first in (0, 1):
        async with slow_house() as (house, disk):
            tokens = await with_two_keys(house)
            disk.is_slow = True

            async def move(house=house):
                await reseal_all(house.store.terms)

            async def change(house=house, tokens=tokens):
                for _ in range(2):
                    await house.guest.ask("read", "cubbyhole/x", token=tokens["limited"])
                data = {"is": "new"}
                await house.guest.ask("write", "cubbyhole/x", data, token=tokens["plain"])

            tasks = [move, change]
            await finish(disk, *tasks[first:], *tasks[:first])
            disk.is_slow = False

            async with next_house(house.files) as again:
                plain, limited = tokens["plain"], {"token": tokens["limited"]}
                found = await again.guest.ask("read", "cubbyhole/x", token=plain)
                assert found.data == {"is": "new"}
                found = await again.owner.ask("write", "auth/token/lookup", limited)
                assert found.data["num_uses"] == 2


async def test_a_crowd_of_requests_while_keys_come_and_go(autojump_clock):
    """Writes, uses, revocations, expiry and rotations; and then everything is as it was said."""

    async def with_pauses(sync_fn):
        await trio.sleep(0.001)
        return sync_fn()

    files = MemoryFiles()
    house = House(files, commit=Commit(disk_of(files, with_pauses)))
    async with house.running(), trio.open_nursery() as keeping:
        keeping.start_soon(keep_terms, house.store.terms)
        keeping.start_soon(reap, house.store, lambda: EPOCH + trio.current_time())
        written = [await house.token() for _ in range(20)]
        limited = [await house.token(num_uses=9) for _ in range(20)]
        revoked = [await house.token() for _ in range(20)]
        short = [await house.token(ttl="1s") for _ in range(20)]
        async with trio.open_nursery() as asking:
            for number, token in enumerate(written):
                asking.start_soon(write_often, house, token, number)
            for token in limited:
                asking.start_soon(use_often, house, token)
            for token in revoked:
                data = {"token": token}
                asking.start_soon(house.owner.ask, "write", "auth/token/revoke", data)
            for number in range(5):
                asking.start_soon(rotate_later, house, 0.01 * number)
        await trio.sleep(5)
        keeping.cancel_scope.cancel()

    assert [*keys_on_disk(files).terms] == [6]
    assert set(terms_of(files).values()) == {6}
    async with next_house(files) as again:
        for number, token in enumerate(written):
            found = await again.guest.ask("read", "cubbyhole/x", token=token)
            assert found.data == {"is": [number, 4]}
        for token in limited:
            found = await again.owner.ask("write", "auth/token/lookup", {"token": token})
            assert found.data["num_uses"] == 4
        assert not any([await again.is_alive(token) for token in revoked + short])
        assert len(terms_of(files)) == 40


async def write_often(house, token, number):
    for turn in range(5):
        await house.guest.ask("write", "cubbyhole/x", {"is": [number, turn]}, token=token)


async def use_often(house, token):
    for _ in range(5):
        await house.guest.ask("read", "auth/token/lookup-self", token=token)


async def rotate_later(house, delay):
    await trio.sleep(delay)
    await rotate(house)


# The task behind the requests


@asynccontextmanager
async def keeping(house):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_terms, house.store.terms)
        yield
        nursery.cancel_scope.cancel()


async def test_it_works_whenever_there_is_a_new_key(autojump_clock):
    async with open_house() as house, keeping(house):
        await furnish(house)
        for newest in (2, 3):
            await rotate(house)
            await trio.sleep(1)

            assert [*house.store.terms.keys.terms] == [newest]


async def test_it_goes_on_after_a_restart(autojump_clock):
    async with open_house() as house:
        tokens = await with_two_keys(house)

    async with next_house(house.files) as again, keeping(again):
        await trio.sleep(1)

        assert [*keys_on_disk(house.files).terms] == [2]
        await check(again, tokens)


async def test_it_tries_again_when_the_disk_refused(autojump_clock, caplog):
    files = FaultyFiles(MemoryFiles(), errno=ENOSPC)
    async with open_house(files) as house, keeping(house):
        tokens = await furnish(house)
        files.fails_at = len(files.calls) + 5  # after the keyring
        files.for_good = True
        await rotate(house)
        await trio.sleep(RETRY_AFTER / 2)
        assert [*house.store.terms.keys.terms] == [1, 2]
        assert "cannot be moved to the new key term now" in caplog.text

        files.fails_at = None
        await trio.sleep(RETRY_AFTER)

        assert [*house.store.terms.keys.terms] == [2]
        await check(house, tokens)


async def test_it_looks_again_for_what_somebody_mended(autojump_clock):
    async with open_house() as house, keeping(house):
        tokens = await furnish(house)
        name = house.accessor(tokens["plain"])
        good = house.files.files[name]
        house.files.files[name] = spoiled(good)
        await rotate(house)
        await trio.sleep(1)
        assert [*house.store.terms.keys.terms] == [1, 2]

        house.files.files[name] = good
        await trio.sleep(LOOK_AGAIN_AFTER)

        assert [*house.store.terms.keys.terms] == [2]
        await check(house, tokens)


async def test_wherever_it_is_interrupted_the_next_start_goes_on():
    """By a disk that takes nothing more, from every call on; also one that stops the daemon."""
    for number in count(1):
        files = FaultyFiles(MemoryFiles(), errno=ENOSPC, for_good=True)
        is_over = False
        with suppress(StorageFullError, IntegrityError, StoreError):
            async with open_house(files) as house:
                tokens = await furnish(house)
                files.fails_at = len(files.calls) + number
                is_over = await rotate_and_move(house)
        if is_over:
            assert number > 10
            return
        async with next_house(files.inner) as again:
            await reseal_all(again.store.terms)
            assert len(keys_on_disk(files.inner).terms) == 1
            await check(again, tokens)
