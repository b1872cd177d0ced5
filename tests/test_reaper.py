"""The reaper destroys the files of dead tokens within a second of their deadline.

- Also those that died while the daemon was down, and those whose deadline came nearer.
- Also all that descend from a token that is gone.
- Also after a clock that was set, and after a disk that refused; one that will not go keeps no
  other.
"""

import logging
from contextlib import asynccontextmanager
from errno import EIO, EMFILE, EROFS

import pytest
import trio
from fakes import EPOCH, MemoryFiles, shielded
from fakes_disk import FaultyFiles
from house import open_house
from store_house import StoreHouse
from token_entries import accessor
from trio.testing import wait_all_tasks_blocked

from cubbyd.reaper import BATCH, LIST_AGAIN_AFTER, build_index, keep_index, reap


class Wall:
    """A clock on the wall: it goes with the loop's, and can be set."""

    def __init__(self) -> None:
        self.set_by = 0.0

    def __call__(self):
        return EPOCH + trio.current_time() - self.began + self.set_by

    def start(self):
        self.began = trio.current_time()


@pytest.fixture
async def wall(autojump_clock):
    wall = Wall()
    wall.start()
    return wall


@asynccontextmanager
async def reaping(house, wall):
    """A store with its reaper."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reap, house.store, wall)
        await wait_all_tasks_blocked()
        yield house
        nursery.cancel_scope.cancel()


@pytest.fixture
async def house(wall):
    async with reaping(StoreHouse(), wall) as house:
        yield house


async def test_a_tokens_file_is_gone_within_a_second_of_its_deadline(house, autojump_clock):
    entry = await house.put(1, expires_at=EPOCH + 1000)
    other = await house.put(2, expires_at=EPOCH + 2000)
    lasting = await house.put(3)

    await trio.sleep(999)
    assert house.has(entry)
    await trio.sleep(2)

    assert not house.has(entry)
    assert house.has(other)
    assert house.has(lasting)


async def test_no_sooner(house, autojump_clock):
    entry = await house.put(1, expires_at=EPOCH + 1000)

    await trio.sleep(999.99)

    assert house.has(entry)


@pytest.fixture
async def before():
    """A daemon that will have gone, with one dead token, its child, and one that lives."""
    before = StoreHouse()
    await before.put(1, expires_at=EPOCH - 1)
    await before.put(2, parent=accessor(1))
    await before.put(3, expires_at=EPOCH + 100)
    return before


async def test_one_that_expired_while_the_daemon_was_down_is_gone_once_it_is_found(
    before, wall, autojump_clock
):
    again = StoreHouse(before.files)
    await build_index(again.store)

    async with reaping(again, wall):
        await trio.sleep(1)

    assert again.files.names() == [accessor(3)]


async def test_the_reaper_wakes_when_the_index_finds_what_is_due(before, wall, autojump_clock):
    """As in the daemon: it sleeps while the files are still being looked at."""
    async with reaping(StoreHouse(before.files), wall) as again:
        await build_index(again.store)
        await trio.sleep(1)

    assert again.files.names() == [accessor(3)]


async def test_a_deadline_that_moved_nearer_is_kept(house, autojump_clock):
    entry = await house.put(1, expires_at=EPOCH + 1000)
    await house.put(2, expires_at=EPOCH + 500)
    await trio.sleep(5)

    await house.change(entry, expires_at=EPOCH + 20)
    await trio.sleep(14.9)
    assert house.has(entry)
    await trio.sleep(1.1)

    assert not house.has(entry)


async def test_a_deadline_that_moved_away_is_kept_too(house, autojump_clock):
    entry = await house.put(1, expires_at=EPOCH + 10)

    await house.change(entry, expires_at=EPOCH + 1000)
    await trio.sleep(900)
    assert house.has(entry)
    await trio.sleep(101)

    assert not house.has(entry)


async def test_a_deadline_that_was_taken_away_is_none(house, autojump_clock):
    entry = await house.put(1, expires_at=EPOCH + 10)

    await house.change(entry, expires_at=None)
    await trio.sleep(10_000)

    assert house.has(entry)


async def test_all_descendants_of_a_removed_token_are_gone_within_a_second(house, autojump_clock):
    parent = await house.put(1)
    entry, family = parent, []
    for name in range(2, 12):
        entry = await house.put(name, parent=entry.accessor, expires_at=EPOCH + 1000)
        family.append(entry)
    stranger = await house.put(20)

    await house.remove(parent)
    await trio.sleep(1)

    assert not any(map(house.has, family))
    assert house.has(stranger)


async def test_an_expired_token_takes_its_descendants_with_it(house, autojump_clock):
    parent = await house.put(1, expires_at=EPOCH + 10)
    children = [await house.put(name, parent=parent.accessor) for name in range(2, 200)]

    await trio.sleep(11)

    assert not any(map(house.has, [parent, *children]))


async def test_a_child_outlived_by_nobody_does_not_take_its_parent_along(house, autojump_clock):
    parent = await house.put(1)
    child = await house.put(2, parent=parent.accessor, expires_at=EPOCH + 10)

    await trio.sleep(11)

    assert not house.has(child)
    assert house.has(parent)


async def test_many_deadlines_at_once_are_all_kept(house, autojump_clock):
    entries = [await house.put(name, expires_at=EPOCH + 50) for name in range(500)]

    await trio.sleep(51)

    assert not any(map(house.has, entries))


async def test_a_clock_that_was_set_forward_is_noticed_within_a_minute(house, wall, autojump_clock):
    """Or a machine that was suspended: the loop's clock stood still."""
    entry = await house.put(1, expires_at=EPOCH + 10_000)
    await trio.sleep(1)

    wall.set_by = 20_000
    await trio.sleep(60)

    assert not house.has(entry)


async def test_a_clock_that_was_set_back_lets_nothing_die_too_early(house, wall, autojump_clock):
    entry = await house.put(1, expires_at=EPOCH + 100)

    wall.set_by = -1000
    await trio.sleep(1000)
    assert house.has(entry)
    await trio.sleep(101)

    assert not house.has(entry)


async def test_a_disk_that_refuses_is_tried_again(wall, caplog, autojump_clock):
    files = FaultyFiles(MemoryFiles(), errno=EROFS, for_good=True)
    async with reaping(StoreHouse(files), wall) as house:
        entry = await house.put(1, expires_at=EPOCH + 10)

        files.fails_at = len(files.calls) + 1
        with caplog.at_level(logging.WARNING):
            await trio.sleep(60)
        assert house.has(entry)
        files.fails_at = None
        await trio.sleep(1)

        assert not house.has(entry)
        assert "cannot be destroyed now" in caplog.text


class StubbornFiles(MemoryFiles):
    """A directory with names that will not go."""

    stubborn = (accessor(1),)

    def remove(self, name):
        if name in self.stubborn:
            raise OSError(EIO, "it will not go")
        super().remove(name)


async def test_one_file_that_will_not_go_keeps_no_other(wall, autojump_clock):
    async with reaping(StoreHouse(StubbornFiles()), wall) as house:
        for name in range(1, 10):
            await house.put(name, expires_at=EPOCH + 10)

        await trio.sleep(11)

        assert house.files.names() == [accessor(1)]


async def test_many_that_will_not_go_keep_no_other(wall, autojump_clock):
    files = StubbornFiles()
    files.stubborn = [accessor(each) for each in range(1, 2 * BATCH)]
    async with reaping(StoreHouse(files), wall) as house:
        for each in range(1, 2 * BATCH):
            await house.put(each, expires_at=EPOCH + 10)
        last = await house.put(2 * BATCH, expires_at=EPOCH + 20)

        await trio.sleep(30)

        assert not house.has(last)
        assert len(files.names()) == len(files.stubborn)


async def test_a_token_that_is_just_being_given_more_time_keeps_it(wall, autojump_clock):
    """Its renewal was decided in time, and is on its way to the disk when the deadline comes."""

    @shielded
    async def slowly(sync_fn):
        await trio.sleep(3)
        return sync_fn()

    async with reaping(StoreHouse(run_blocking=slowly), wall) as house:
        entry = await house.put(1, expires_at=EPOCH + 10)

        await trio.sleep(5)
        await house.change(entry, expires_at=EPOCH + 100)
        await trio.sleep(50)

        assert house.has(entry)


async def test_a_reaper_that_is_let_go_in_the_middle_leaves_no_half_made_change(
    wall, autojump_clock
):
    @shielded
    async def slowly(sync_fn):
        await trio.sleep(3)
        return sync_fn()

    async with reaping(StoreHouse(run_blocking=slowly), wall) as house:
        await house.put(1, expires_at=EPOCH + 10)
        await trio.sleep(8)

    assert house.files.names() == []
    assert list(house.store.living(0)) == []


async def test_others_get_their_turn_between_batches(wall, autojump_clock):
    """Also where the disk is so quick that destroying waits for nothing."""
    house = StoreHouse()
    for number in range(6 * BATCH):
        await house.put(number, expires_at=EPOCH + 10)
    left = []

    async def look():
        await trio.sleep(10)
        while house.files.files:
            left.append(len(house.files.files))
            await trio.lowlevel.checkpoint()

    async with reaping(house, wall), trio.open_nursery() as nursery:
        nursery.start_soon(look)

    # Of two turns in a row each has one, in no order: two batches may lie between two looks.
    assert len({*left} - {6 * BATCH}) >= 2


class UnlistedFiles(MemoryFiles):
    """A directory that cannot be listed for a while."""

    is_listed = True

    def names(self):
        if not self.is_listed:
            raise OSError(EMFILE, "Too many open files")
        return super().names()


async def test_a_directory_that_cannot_be_listed_is_tried_again(caplog, autojump_clock):
    """Somebody who asks for a tidying when the system is short of something stops nobody."""
    files = UnlistedFiles()
    async with open_house(files) as house, trio.open_nursery() as nursery:
        nursery.start_soon(keep_index, house.store)
        await trio.sleep(1)

        files.is_listed = False
        await house.owner.ask("write", "auth/token/tidy")
        await trio.sleep(60)
        assert house.store.is_tidying
        files.is_listed = True
        await trio.sleep(LIST_AGAIN_AFTER + 1)

        assert not house.store.is_tidying
        assert "Too many open files" in caplog.text
        nursery.cancel_scope.cancel()


class UnreadFiles(MemoryFiles):
    """A disk whose system is short of descriptors for a while."""

    is_short = False

    def read(self, name):
        if self.is_short:
            raise OSError(EMFILE, "Too many open files")
        return super().read(name)


async def test_what_could_not_be_read_for_a_while_is_found_and_destroyed(wall, autojump_clock):
    files = UnreadFiles()
    async with reaping(StoreHouse(files), wall) as house:
        entry = await house.put(1, expires_at=EPOCH + 100)
    files.is_short = True

    async with reaping(StoreHouse(files), wall) as again, trio.open_nursery() as nursery:
        nursery.start_soon(keep_index, again.store)
        await trio.sleep(60)
        files.is_short = False
        await trio.sleep(60)

        assert not again.has(entry)
        nursery.cancel_scope.cancel()
