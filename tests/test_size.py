"""With many tokens a request costs the disk what it costs with few, and a start no more.

Counted are the calls on the directory, each of which is one or a few system calls, and the bytes
read; test_system_calls.py counts those of a real one. ``bench/size.py`` has the times; at the end
of this file it runs on a smaller store.
"""

import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import trio
from crowd import HOUR, crowd
from fakes import MemoryFiles
from house import House, open_house, trio_clock
from trio.testing import wait_all_tasks_blocked

from cubbyd import codec
from cubbyd.core.outcome import Cubbyhole, Put
from cubbyd.reaper import BATCH, reap
from cubbyd.secret import Secret
from cubbyd.store.store import INDEX_BATCH

FEW, MANY = 10, 2000
ROOT = Path(__file__).parents[1]


pytestmark = pytest.mark.slow  # it counts over many thousands of tokens


class CountingFiles(MemoryFiles):
    """A directory in memory that counts what is asked of it."""

    def __init__(self):
        super().__init__()
        self.calls = Counter()
        self.in_order = []
        self.bytes_read = 0

    def names(self):
        self._count("names")
        return super().names()

    def read(self, name):
        self._count("read")
        data = super().read(name)
        self.bytes_read += len(data or b"")
        return data

    def version(self, name):
        self._count("version")
        return super().version(name)

    def stage(self, data):
        self._count("stage")
        return super().stage(data)

    def sync_staged(self, staged):
        self._count("sync_staged")
        super().sync_staged(staged)

    def publish(self, staged, name):
        self._count("publish")
        super().publish(staged, name)

    def remove(self, name):
        self._count("remove")
        super().remove(name)

    def sync(self):
        self._count("sync")
        super().sync()

    def forget(self):
        self.calls.clear()
        self.in_order.clear()
        self.bytes_read = 0

    def _count(self, call):
        self.calls[call] += 1
        self.in_order.append(call)


# -- requests


async def reading(house, token):
    await house.guest.ask("read", "cubbyhole/x", token=token)


async def looking_up(house, token):
    await house.guest.ask("read", "auth/token/lookup-self", token=token)


async def writing(house, token):
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=token)


async def wrapping_and_unwrapping(house, token):
    await house.unwrap((await house.wrap({"a": 1}, token=token)).token.reveal_text())


async def revoking(house, token):
    await house.guest.ask("write", "auth/token/revoke-self", token=token)


REQUESTS = {
    reading: {"version": 1},
    looking_up: {"version": 1},
    # Once to decide, once for the key that the new file keeps, once to remember the new file.
    writing: {"version": 2, "stage": 1, "sync_staged": 1, "publish": 1, "sync": 1},
    wrapping_and_unwrapping: {"stage": 1, "sync_staged": 1, "publish": 1, "remove": 1, "sync": 2},
    revoking: {"version": 1, "remove": 1, "sync": 1},
}


async def cost(request, size, *, is_remembered):
    """What a request asks of the directory, and the bytes that it reads there."""
    files = CountingFiles()
    async with open_house(files) as house:
        tokens = await crowd(house, size)
        await writing(house, tokens[0])
    async with open_house(files) as again:
        if is_remembered:
            await looking_up(again, tokens[0])
        else:  # as if many others had been used since
            again.store._cache.drop(again.store.accessor(tokens[0]))  # noqa: SLF001
        files.forget()
        await request(again, tokens[0])
        return files.calls, files.bytes_read


@pytest.mark.parametrize("request_", REQUESTS)
async def test_a_request_costs_the_same_with_many_tokens(request_):
    few = await cost(request_, FEW, is_remembered=True)

    assert few == await cost(request_, MANY, is_remembered=True)
    calls, bytes_read = few
    assert bytes_read == 0
    assert {name: calls[name] for name in calls if name != "version"} == {
        name: number for name, number in REQUESTS[request_].items() if name != "version"
    }


@pytest.mark.parametrize("request_", REQUESTS)
async def test_a_token_that_nobody_remembers_costs_one_file_read(request_):
    few = await cost(request_, FEW, is_remembered=False)

    assert few == await cost(request_, MANY, is_remembered=False)
    calls, bytes_read = few
    assert calls["read"] == 1
    assert 0 < bytes_read < 2048


# -- the start


async def test_before_the_first_request_no_token_file_is_opened():
    files = CountingFiles()
    async with open_house(files) as house:
        await crowd(house, MANY)
    files.forget()

    House(files).store.prepare()

    assert files.calls.keys() == {"names"}
    assert files.calls["names"] <= 2


async def test_indexing_opens_each_file_once_and_few_at_a_time():
    """A request that comes meanwhile waits for no more than a step."""
    files = CountingFiles()
    async with open_house(files) as house:
        await crowd(house, MANY)
    files.forget()
    again = House(files)

    opened = [files.calls["read"] for _ in again.store.indexing()]

    assert files.calls == {"read": MANY, "names": 1}
    assert max(after - before for before, after in pairwise(opened)) <= INDEX_BATCH


async def test_so_it_does_when_the_parents_of_all_are_gone():
    files = CountingFiles()
    async with open_house(files) as house:
        parents = await crowd(house, MANY // 4)
        for parent in parents:
            await crowd(house, 1, parent=house.store.accessor(parent))
        for parent in parents:
            files.remove(house.store.accessor(parent))
    files.forget()
    again = House(files)

    opened = [files.calls["read"] for _ in again.store.indexing()]

    assert files.calls["read"] == len(parents)
    assert files.calls["version"] == len(parents)
    assert max(after - before for before, after in pairwise(opened)) <= INDEX_BATCH


async def test_tidying_opens_no_file_that_is_known():
    files = CountingFiles()
    async with open_house(files) as house:
        await crowd(house, MANY)
        files.forget()

        steps = sum(1 for _ in house.store.indexing())

        assert files.calls == {"names": 1}
        assert steps >= MANY / INDEX_BATCH


# -- the end of many


async def test_those_that_die_together_are_destroyed_by_the_batch(autojump_clock):
    """One sync for many files, and never more than a batch between two others' turns."""
    files = CountingFiles()
    async with open_house(files) as house, trio.open_nursery() as nursery:
        await crowd(house, MANY, ttl=HOUR)
        nursery.start_soon(reap, house.store, trio_clock)
        await wait_all_tasks_blocked()
        files.forget()

        await trio.sleep(HOUR + 1)

        assert files.names() == []
        assert files.calls["remove"] == MANY
        assert files.calls["sync"] == -(-MANY // BATCH)
        runs = "".join("r" if call == "remove" else " " for call in files.in_order).split()
        assert max(map(len, runs)) == BATCH
        nursery.cancel_scope.cancel()


async def test_each_batch_leaves_room_for_requests(autojump_clock):
    """Some requests of others are done before even half of the files are."""
    files = CountingFiles()
    async with open_house(files) as house, trio.open_nursery() as nursery:
        parent = await house.token("root")
        other = await house.token()
        await crowd(house, MANY, parent=house.accessor(parent))
        nursery.start_soon(reap, house.store, trio_clock)
        await house.owner.ask("write", "auth/token/revoke", {"token": parent})
        left = []

        for _ in range(5):
            await writing(house, other)
            left.append(len(files.files))

        assert left[-1] > MANY / 2
        assert all(before - after <= 3 * BATCH for before, after in pairwise(left))
        nursery.cancel_scope.cancel()


async def test_deadlines_of_tokens_long_gone_do_not_keep_the_reaper_from_later_ones(autojump_clock):
    files = CountingFiles()
    async with open_house(files) as house, trio.open_nursery() as nursery:
        parent = await house.token("root")
        await crowd(house, MANY, parent=house.accessor(parent), ttl=HOUR)
        await crowd(house, 1, ttl=2 * HOUR)
        nursery.start_soon(reap, house.store, trio_clock)
        await house.owner.ask("write", "auth/token/revoke", {"token": parent})
        await trio.sleep(2 * HOUR - 1)
        assert len(files.files) == 1

        await trio.sleep(2)

        assert files.names() == []
        nursery.cancel_scope.cancel()


# -- what lists them


async def test_listing_all_accessors_opens_no_file():
    files = CountingFiles()
    async with open_house(files) as house:
        await crowd(house, MANY)
        files.forget()

        answer = await house.owner.ask("list", "auth/token/accessors")

        assert len(answer.data["keys"]) == MANY
        assert not files.calls


async def test_a_cubbyhole_of_five_thousand_keys_lists_and_reads():
    names = [f"folder/key-{number:04}" for number in range(5000)]
    contents = {name: codec.encode({"of": name}) for name in names}
    async with open_house() as house:
        token = await house.token()
        entry = house.store.record(house.accessor(token)).entry
        filled = Cubbyhole(token=Secret.from_text(token), contents=codec.encode(contents))
        await house.store.commit([[Put(entry=entry, cubbyhole=filled)]])

        await house.guest.ask("write", "cubbyhole/one-more", {"a": 1}, token=token)

        listed = await house.guest.ask("list", "cubbyhole/folder/", token=token)
        assert listed.data["keys"] == [name.removeprefix("folder/") for name in names]
        for name in (names[0], names[2500], names[-1]):
            read = await house.guest.ask("read", f"cubbyhole/{name}", token=token)
            assert read.data == {"of": name}


# -- the times


@pytest.mark.slow
def test_the_times_of_a_smaller_store_are_printed():
    """Told, not judged: another program on the machine may double any of them."""
    command = [sys.executable, ROOT / "bench" / "size.py", "--turns", "50"]
    scenarios = ["--tokens", "10000", "--only", "requests", "--only", "revoke"]

    ran = subprocess.run([*command, *scenarios], capture_output=True, text=True, check=False)

    sys.stdout.write(ran.stdout)  # shown by -rP
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "first answer after the start" in ran.stdout
