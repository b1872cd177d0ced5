"""The store: records by accessor, durable when ``commit`` returns.

- What was committed is there, also for the next daemon on the same files.
- The index follows what is durable, and forgets nothing that was there before the start.
- A file that does not open costs those who need it, and is left as it is.
- Absence is proven before anything is destroyed for it.
"""

import logging
from dataclasses import replace
from errno import EIO, EMFILE, ENOSPC

import pytest
import trio.testing
from fakes import EPOCH, MemoryFiles
from fakes_disk import FaultyFiles
from store_house import StoreHouse, restarted
from token_entries import CREATOR, accessor, an_entry

from cubbyd.core.outcome import Put, Remove
from cubbyd.core.token import TokenType
from cubbyd.errors import BusyError, IntegrityError, SealBrokenError, StorageFullError
from cubbyd.reaper import build_index
from cubbyd.store.commit import InFlightError


@pytest.fixture
async def house():
    return StoreHouse()


def due(house, now=EPOCH):
    return set(house.store.due(now, at_most=100))


async def test_of_what_is_destroyed_no_metadata_is_remembered(house):
    entry = await house.put(1)
    await house.put(2)

    await house.remove(entry)

    assert len(house.store._encodings) == 1  # noqa: SLF001 - nothing shows it
    assert house.store.record(entry.accessor) is None


async def test_what_was_committed_is_there(house):
    token, name = house.mint()

    entry = await house.put(name, token=token, contents=b"secret")

    found = house.store.record(house.store.accessor(token))
    assert (found.entry, found.open(token)) == (entry, b"secret")
    assert house.files.names() == [name]


async def test_what_was_committed_is_there_after_a_restart(house):
    token, name = house.mint()
    entry = await house.put(name, token=token, contents=b"secret")

    again = await restarted(house)

    found = again.store.record(name)
    assert (found.entry, found.open(token)) == (entry, b"secret")
    assert list(again.store.living(0)) == [name]


async def test_a_change_of_metadata_keeps_the_cubbyhole(house):
    token, name = house.mint()
    entry = await house.put(name, token=token, contents=b"secret", num_uses=5)

    await house.change(entry, num_uses=4)

    found = house.store.record(name)
    assert (found.entry.num_uses, found.open(token)) == (4, b"secret")


async def test_a_new_cubbyhole_replaces_the_old(house):
    token, name = house.mint()
    await house.put(name, token=token, contents=b"old")
    old = house.store.record(name)

    await house.put(name, token=token, contents=b"new")

    found = house.store.record(name)
    assert found.open(token) == b"new"
    assert found.file_key != old.file_key


async def test_a_removed_token_is_gone(house):
    entry = await house.put(1)

    await house.remove(entry)

    assert house.store.record(entry.accessor) is None
    assert house.files.names() == []
    assert list(house.store.living(0)) == []


async def test_a_token_that_never_was_is_none(house):
    assert house.store.record(accessor(7)) is None


async def test_minted_tokens_are_different_and_stored_nowhere(house):
    minted = [house.mint() for _ in range(10)]

    assert len({token.reveal() for token, _ in minted}) == 10
    assert [house.store.accessor(token) for token, _ in minted] == [name for _, name in minted]
    assert house.files.names() == []


async def test_a_file_under_another_name_does_not_open(house):
    entry = await house.put(1)
    house.files.files[accessor(2)] = house.files.files[entry.accessor]

    with pytest.raises(SealBrokenError):
        house.store.record(accessor(2))


@pytest.mark.parametrize("errno", [EIO, EMFILE])
async def test_a_disk_that_cannot_be_read_is_a_refusal(errno):
    house = StoreHouse(FaultyFiles(MemoryFiles()))
    house.files.unreadable[accessor(1)] = errno

    with pytest.raises({EIO: IntegrityError, EMFILE: BusyError}[errno]):
        house.store.record(accessor(1))


async def test_what_cannot_be_read_is_never_overwritten(house):
    """A change of metadata needs the old file, for what is in its cubbyhole."""
    entry = await house.put(1)
    house.files.files[entry.accessor] = b"damaged"

    with pytest.raises(IntegrityError):
        await house.change(entry, num_uses=3)

    assert house.files.files == {entry.accessor: b"damaged"}


async def test_a_refused_change_leaves_everything_as_it_was():
    house = StoreHouse(FaultyFiles(MemoryFiles(), fails_at=5, errno=ENOSPC))
    entry = await house.put(1, num_uses=3)
    before = dict(house.files.inner.files)

    with pytest.raises(StorageFullError):
        await house.change(entry, num_uses=2)

    assert house.files.inner.files == before
    assert house.store.record(entry.accessor).entry == entry


async def test_a_change_that_stopped_half_way_is_known_for_what_is_on_the_disk():
    """The deadline that the file has now is the one that counts, whoever was refused."""
    files = FaultyFiles(MemoryFiles(), errno=EIO)
    house = StoreHouse(files)
    entry = await house.put(1, expires_at=EPOCH + 10)
    files.fails_at = len(files.calls) + 6  # two are staged and synced, one is published

    longer, other = replace(entry, expires_at=EPOCH + 100), an_entry(2)
    with pytest.raises(IntegrityError):
        await house.store.commit([[Put(entry=longer), Put(entry=other)]])

    assert house.store.record(entry.accessor).entry == longer
    assert due(house, EPOCH + 50) == set()
    assert due(house, EPOCH + 100) == {entry.accessor}


async def test_a_record_that_is_being_changed_is_waited_for():
    seen = []

    async def looking(sync_fn):
        with pytest.raises(InFlightError):
            house.store.record(accessor(1))
        seen.append(house.store.record(accessor(2)))
        return sync_fn()

    house = StoreHouse(run_blocking=looking)
    entry = await house.put(1)

    assert seen == [None]
    assert house.store.record(accessor(1)).entry == entry


# Quotas and lists


async def test_live_tokens_are_counted_by_who_had_them_made(house):
    other = replace(CREATOR, uid=2000)
    first = await house.put(1)
    await house.put(2, creator=other)
    await house.put(3, creator=other)
    await house.change(first, num_uses=9)

    assert [house.store.tokens_of(uid) for uid in (1000, 2000, 3000)] == [1, 2, 0]
    await house.remove(first)
    assert house.store.tokens_of(1000) == 0
    again = await restarted(house)
    assert [again.store.tokens_of(uid) for uid in (1000, 2000, 3000)] == [0, 2, 0]


async def test_a_stub_is_listed_nowhere(house):
    await house.put(1, type=TokenType.STUB)
    await house.put(2)

    assert list(house.store.living(0)) == [accessor(2)]


# Starting


async def test_the_sweep_takes_what_was_half_written_and_nothing_else(house):
    entry = await house.put(1)
    house.files.stage(b"half")
    house.files.stage(b"")
    house.files.files["keyring"] = b"keys"

    house.store.prepare()

    assert sorted(house.files.names()) == [entry.accessor, "keyring"]


async def test_damaged_files_are_named_and_left_and_stop_nobody(house, caplog):
    entry = await house.put(1)
    house.files.files[accessor(2)] = b"damaged"
    house.files.files[accessor(3)] = house.files.files[entry.accessor][:-1]
    before = dict(house.files.files)

    with caplog.at_level(logging.ERROR):
        again = await restarted(house)

    assert list(again.store.living(0)) == [entry.accessor]
    assert house.files.files == before
    assert accessor(2) in caplog.text
    assert accessor(3) in caplog.text
    assert "2 token file(s) do not open" in caplog.text


async def test_other_names_in_the_directory_are_none_of_its_business(house, caplog):
    house.files.files.update({"keyring": b"keys", "lock": b"", "README": b"hello"})

    again = await restarted(house)

    assert list(again.store.living(0)) == []
    assert caplog.text == ""


async def test_indexing_pauses_again_and_again_until_the_index_is_whole(house):
    for name in range(40):
        await house.put(name)
    again = StoreHouse(house.files)

    known = [len(set(again.store.living(0))) for _ in again.store.indexing()]

    assert known == sorted(set(known))
    assert known[0] < 40
    assert len(set(again.store.living(0))) == 40


# What is due


async def test_expired_tokens_are_due_at_their_deadline(house):
    entry = await house.put(1, expires_at=EPOCH + 10)
    await house.put(2)

    assert house.store.next_deadline() == EPOCH + 10
    assert due(house, EPOCH + 9.9) == set()
    assert due(house, EPOCH + 10) == {entry.accessor}


async def test_children_are_due_when_their_parent_goes(house):
    parent = await house.put(1)
    child = await house.put(2, parent=parent.accessor)
    await house.put(3)

    await house.remove(parent)

    assert due(house) == {child.accessor}
    assert house.store.next_deadline() < EPOCH


async def test_children_of_a_stub_are_not_due(house):
    parent = await house.put(1)
    await house.put(2, parent=parent.accessor)

    await house.change(parent, type=TokenType.STUB, policies=())

    assert due(house) == set()
    assert due(await restarted(house)) == set()


async def test_orphans_of_an_absent_parent_are_due_after_a_start(house):
    parent = await house.put(1)
    child = await house.put(2, parent=parent.accessor)
    grandchild = await house.put(3, parent=child.accessor)
    del house.files.files[parent.accessor]

    again = await restarted(house)

    assert due(again) == {child.accessor}
    await again.remove(child)
    assert due(again) == {grandchild.accessor}


@pytest.mark.parametrize("damage", [b"", b"damaged"])
async def test_children_of_a_parent_that_cannot_be_read_are_not_due(house, damage):
    parent = await house.put(1)
    await house.put(2, parent=parent.accessor)
    house.files.files[parent.accessor] = damage

    again = await restarted(house)

    assert due(again) == set()


async def test_nor_when_such_a_child_is_written_later(house):
    """The parent could not be read at the start, and so is not in the index: but it is there."""
    parent = await house.put(1)
    child = await house.put(2, parent=parent.accessor, num_uses=5)
    whole = house.files.files[parent.accessor]
    house.files.files[parent.accessor] = b"for a moment unreadable"
    again = await restarted(house)
    house.files.files[parent.accessor] = whole

    await again.change(child, num_uses=4)

    assert due(again) == set()


async def test_a_child_that_came_after_its_parent_went_is_due(house):
    """The parent was revoked while its child was on its way to the disk."""
    again = await restarted(house)

    child = await again.put(2, parent=accessor(1))

    assert due(again) == {child.accessor}


async def test_changes_during_the_indexing_are_not_overwritten_by_it(house, nursery):
    """What a request writes meanwhile is newer than what a file said before."""
    for name in range(40):
        await house.put(name, expires_at=EPOCH + 100)
    again = StoreHouse(house.files)
    nursery.start_soon(build_index, again.store)

    await again.store.commit([[Put(entry=an_entry(39, expires_at=EPOCH + 5))]])
    await again.store.commit([[Remove(accessor=accessor(38))]])
    await trio.testing.wait_all_tasks_blocked()

    assert again.store.next_deadline() == EPOCH + 5
    assert accessor(38) not in set(again.store.living(0))
    assert len(set(again.store.living(0))) == 39
