"""A store gets another root key, and lets go of the old one.

- Files hang on the new key once they are written, or resealed: that changes the seal of their
  metadata, and nothing else.
- An old key goes when every file has been seen to open under a newer one, and not before.
"""

from errno import EIO

import pytest
from fakes import MemoryFiles, counting_random
from fakes_disk import FaultyFiles
from house import KEYS, open_house
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

from cubbyd import codec
from cubbyd.core.token import is_accessor
from cubbyd.resealer import BATCH, reseal_all
from cubbyd.store import policy_record
from cubbyd.store.sealed_file import Section, open_file, seal_file, term_of

# What a rotation does


async def test_files_move_when_they_are_written():
    async with open_house() as house:
        old = house.accessor(await house.token())
        written = await house.token()
        await rotate(house)
        new = house.accessor(await house.token())
        await house.guest.ask("write", "cubbyhole/x", {"is": 1}, token=written)

        assert terms_of(house.files) == {old: 1, house.accessor(written): 2, new: 2}


async def test_all_files_move_and_are_what_they_were():
    async with open_house() as house:
        tokens = await furnish(house)
        await rotate(house)
        await rotate(house)

        assert await reseal_all(house.store.terms)

        assert set(terms_of(house.files).values()) == {3}
        assert [*keys_on_disk(house.files).terms] == [3]
        assert keys_on_disk(house.files) == house.store.terms.keys
        assert house.store.key_status().files == {3: 6}
        async with next_house(house.files) as again:
            await check(again, tokens)


async def test_only_the_seal_of_the_metadata_changes():
    """Also what a newer daemon has in it, and the cubbyhole byte for byte."""
    async with open_house() as house:
        token = await house.token()
        await house.guest.ask("write", "cubbyhole/x", {"is": 1}, token=token)
        name = house.accessor(token)
        opened = open_file(house.files.read(name), Section.METADATA, name, keys=KEYS)
        newer = codec.encode({**codec.decode_own(opened.plaintext), "zzz": "of tomorrow"})
        file = seal_file(newer, Section.METADATA, name, keys=KEYS, random=counting_random())
        house.files.files[name] = file + opened.rest
        await rotate(house)

        await reseal_all(house.store.terms)

        found = open_file(
            house.files.read(name), Section.METADATA, name, keys=house.store.terms.keys
        )
        assert (found.term, found.plaintext, found.rest) == (2, newer, opened.rest)


async def test_what_is_on_the_newest_term_is_not_written_again():
    async with open_house() as house:
        await furnish(house)
        await rotate_and_move(house)
        before = dict(house.files.files)

        names = await house.store.terms.names()
        await house.store.terms.reseal(names)

        assert len(names) == 6
        assert house.files.files == before


async def test_no_more_than_a_few_files_stand_between_two_requests():
    async with open_house() as house:
        for _ in range(3 * BATCH + 1):
            await house.token()
        await rotate(house)
        before = house.files.syncs

        await reseal_all(house.store.terms)

        assert house.files.syncs - before == 4 + 1  # and the keyring


# When an old key may go


def claims_the_newest(file):
    """As if it had been moved already: its header is in the clear."""
    return file[:11] + b"\2" + file[12:]


@pytest.mark.parametrize("spoil", [spoiled, claims_the_newest, lambda _: b""])
@pytest.mark.parametrize("name", ["plain", "policy"])
async def test_a_damaged_file_is_left_alone_and_keeps_the_old_keys(name, spoil):
    async with open_house() as house:
        tokens = await with_two_keys(house)
        if name == "policy":
            name = policy_record.file_name("mine", KEYS)
        else:
            name = house.accessor(tokens[name])
        good = house.files.files[name]
        house.files.files[name] = bad = spoil(good)

        assert not await reseal_all(house.store.terms)
        assert house.files.files[name] == bad
        assert [*keys_on_disk(house.files).terms] == [1, 2]
        assert set(terms_of_the_others(house.files, name)) == {2}

        house.files.files[name] = good
        assert await reseal_all(house.store.terms)
        async with next_house(house.files) as again:
            await check(again, tokens)


def terms_of_the_others(files, name):
    return [
        term_of(files.read(each)) for each in files.names() if is_accessor(each) and each != name
    ]


async def test_so_does_one_that_the_disk_will_not_read():
    files = FaultyFiles(MemoryFiles())
    async with open_house(files) as house:
        tokens = await with_two_keys(house)
        files.unreadable[house.accessor(tokens["plain"])] = EIO

        assert not await reseal_all(house.store.terms)
        assert [*keys_on_disk(files).terms] == [1, 2]


async def test_so_do_files_that_were_moved_aside(caplog):
    """They are to be put back one day."""
    async with open_house() as house:
        await with_two_keys(house)
        house.files.files["quarantine-20261122T020000Z"] = b""

        assert not await reseal_all(house.store.terms)
        assert [*keys_on_disk(house.files).terms] == [1, 2]
        assert "quarantine-20261122T020000Z" in caplog.text


async def test_a_key_that_came_while_files_were_moved_stays():
    async with open_house() as house:
        await with_two_keys(house)
        names = house.store.terms.names

        async def and_rotate():
            found = await names()
            await rotate(house)
            return found

        house.store.terms.names = and_rotate

        assert await reseal_all(house.store.terms)
        assert [*keys_on_disk(house.files).terms] == [2, 3]
        assert set(terms_of(house.files).values()) == {3}
