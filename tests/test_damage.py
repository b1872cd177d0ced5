"""Whatever becomes of the bytes of a file, it costs those who depend on it, and nobody else.

- They are refused with ``integrity``; nobody is told anything else than before; nothing is mended.
- fsck, which has no tokens, finds all but what lies within a sealed cubbyhole, and changes nothing.

What one file's decoding does with such bytes is in store/test_record.py; here it is the daemon,
over all files of one store. The quick test takes some bytes, the slow one takes every byte.
"""

import pytest
from damaged_store import (
    NOW,
    POLICY_FILE,
    SCENE,
    answers,
    harmed,
    restarted,
)
from house import KEYS

from cubbyd.fsck.fates import End, fates
from cubbyd.fsck.survey import Reason, survey

HEADER_BYTES = 16
FEW = 23
"""A step that meets header, nonce, ciphertext and tag of either section."""


def metadata_end(file):
    return HEADER_BYTES + int.from_bytes(file[12:16], "big")


def flips(file, step):
    for position in range(0, len(file), step):
        yield position, file[:position] + bytes([file[position] ^ 0x01]) + file[position + 1 :]


def cuts(file, step):
    for end in range(0, len(file), step):
        yield end, file[:end]


async def check(who, damage, step):
    """Go through all versions of one file; returns how many there were."""
    files, name = SCENE.in_memory(), SCENE.names[who]
    whole = files.files[name]
    versions = list(damage(whole, step))
    async with restarted(files) as living:
        for position, damaged in versions:
            files.files = {**SCENE.files, name: damaged}
            if who is POLICY_FILE:  # it is read at the start only
                async with restarted(files) as house:
                    told = harmed(await answers(house))
            else:
                told = harmed(await answers(living))
            in_cubbyhole = is_in_cubbyhole(who, position - (damage is cuts))
            hit = {who} if in_cubbyhole else SCENE.sufferers(who)
            if in_cubbyhole and who == "wrapping":  # all else is known without opening it
                assert not told, position
                told = {who: (await living.outcome(*unwrapping())).code}
            assert told == dict.fromkeys(hit, "integrity"), position
            files.files[LIMITED] = damaged if who == "limited" else SCENE.files[LIMITED]  # counted
            assert files.files == {**SCENE.files, name: damaged}, position
            is_hidden = in_cubbyhole and damage is flips
            check_what_fsck_says(files, who, None if is_hidden else position, hit)
            assert files.files == {**SCENE.files, name: damaged}, position
    return len(versions)


def is_in_cubbyhole(who, position):
    file = SCENE.files[SCENE.names[who]]
    return who is not POLICY_FILE and position >= metadata_end(file)


def unwrapping():
    return "write", "sys/wrapping/unwrap", {"token": SCENE.tokens["wrapping"]}


def check_what_fsck_says(files, who, position, hit):
    """Of damage at a position in what opens without a token; None for what does not."""
    found = survey(files, KEYS)
    if position is None:
        assert not found.damaged
        return
    ((name, damage),) = found.damaged.items()
    assert (name, damage.reason) == (SCENE.names[who], Reason.DAMAGED), position
    below = {SCENE.names[each] for each in hit} - {name}
    ends = {each: (fate.end, fate.cause) for each, fate in fates(found, KEYS, NOW).items()}
    assert ends == dict.fromkeys(below, (End.REFUSED, name)), position


LIMITED = SCENE.names["limited"]
EACH_KIND = ["parent", "stub", "governed", "limited", "wrapping", POLICY_FILE]


@pytest.mark.parametrize("damage", [flips, cuts])
@pytest.mark.parametrize("who", SCENE.names, ids=lambda who: who[:6])
async def test_a_file_with_damage_costs_those_who_depend_on_it(who, damage):
    assert await check(who, damage, FEW) > 10


@pytest.mark.slow
@pytest.mark.parametrize("damage", [flips, cuts])
@pytest.mark.parametrize("who", EACH_KIND, ids=lambda who: who[:6])
async def test_so_does_a_file_with_any_damage(who, damage):
    assert await check(who, damage, 1) == len(SCENE.files[SCENE.names[who]])
