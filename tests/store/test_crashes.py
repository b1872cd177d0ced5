"""The power is cut before the n-th call of a commit, for every n.

- After each, a record is the old one or the new one, whole.
- If the caller was told, it is the new one.
- Once the next daemon has swept, nothing half-written is left.
- A store that does not sync is caught by this.
"""

from itertools import pairwise

import pytest
import trio
from fakes_disk import CrashableFiles, PowerCut
from store_house import StoreHouse
from token_entries import accessor, an_entry

from cubbyd.core.outcome import Cubbyhole, Put, Remove
from cubbyd.errors import RefusedError, StoreError
from cubbyd.secret import Secret

TOKEN = Secret(b"cbys_example")
UNREADABLE = "unreadable"


def put(name, contents=None, **fields):
    cubbyhole = contents and Cubbyhole(token=TOKEN, contents=contents)
    return Put(entry=an_entry(name, **fields), cubbyhole=cubbyhole)


def remove(name):
    return Remove(accessor=accessor(name))


BEFORE = [[put(1, b"old", num_uses=5), put(2, b"old")]]
COMMITS = {
    "a new token": [[put(3)]],
    "a new token with what it wraps": [[put(3, b"new")]],
    "a write": [[put(1, b"new", num_uses=5)]],
    "a use": [[put(1, num_uses=4)]],
    "a revocation": [[remove(1)]],
    "two at once": [[put(3, b"new"), put(1, b"new")]],
    "a use, then a new token": [[put(1, num_uses=4)], [put(3, b"new")]],
    "a new token, then the end of the old": [[put(3, b"new")], [remove(2)]],
}


def record_of(house, name):
    """Everything that a file says, or that it says nothing."""
    try:
        found = house.store.record(accessor(name))
        return found and (found.entry, found.open(TOKEN))
    except RefusedError:
        return UNREADABLE


def records(house):
    return tuple(record_of(house, name) for name in (1, 2, 3))


async def carry_out(files, phases):
    """Commit until the power is cut; returns whether the caller was told that it is done."""
    was_told = False
    try:
        async with trio.open_nursery() as nursery:
            house = StoreHouse(files)
            nursery.start_soon(house.group.run)
            await house.store.commit(phases)
            was_told = True
            nursery.cancel_scope.cancel()
    except* (PowerCut, StoreError):
        pass  # whoever waited was woken by the latter
    return was_told


async def outcomes(phases, **wrong):
    """Each state that a crash may leave: whether the caller was told, and what is found."""
    start = CrashableFiles()
    await carry_out(start, BEFORE)
    (before,) = start.states_after_crash()
    dies_at = 0
    was_told = False
    while not was_told:
        dies_at += 1
        files = CrashableFiles(before, dies_at=dies_at, **wrong)
        was_told = await carry_out(files, phases)
        for state in files.states_after_crash():
            house = StoreHouse(CrashableFiles(state))
            house.store.prepare()
            left = [name for name in house.files.names() if name.startswith("staged-")]
            yield was_told, records(house), left


async def steps(phases):
    """The records before, and after each phase."""
    files = CrashableFiles()
    found = []
    await carry_out(files, BEFORE)
    found.append(records(StoreHouse(files)))
    for phase in phases:
        await carry_out(files, [phase])
        found.append(records(StoreHouse(files)))
    return found


def is_between(found, one, other):
    """Whether every record is as it was in one step or in the other."""
    return all(each in pair for each, *pair in zip(found, one, other, strict=True))


@pytest.mark.parametrize("name", COMMITS)
async def test_a_record_is_the_old_or_the_new_and_the_new_if_somebody_was_told(name):
    phases = COMMITS[name]
    told = await steps(phases)

    explored = 0
    async for was_told, found, left in outcomes(phases):
        explored += 1
        assert left == []
        assert any(is_between(found, *pair) for pair in pairwise(told))
        assert found == told[-1] or not was_told

    assert explored > len(phases)


@pytest.mark.parametrize("name", COMMITS)
async def test_a_store_that_does_not_sync_its_directory_is_caught(name):
    """Somebody was told, and the new record is not there."""
    phases = COMMITS[name]
    after = (await steps(phases))[-1]

    lies = [
        found
        async for was_told, found, _ in outcomes(phases, syncs_directory=False)
        if was_told and found != after
    ]

    assert lies


@pytest.mark.parametrize("name", [name for name in COMMITS if name != "a revocation"])
async def test_a_store_that_does_not_sync_its_files_is_caught(name):
    """The name leads to a torn file."""
    torn = [
        found
        async for _, found, _ in outcomes(COMMITS[name], syncs_files=False)
        if UNREADABLE in found
    ]

    assert torn
