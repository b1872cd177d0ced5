"""sys/rotate and sys/key-status: a fresh key for all that is written, and who may have it.

- Rotating wants sudo, as in OpenBao; an owner without a token may. It costs a use like any request.
- What is answered is on the disk. Requests at once add a term each.
- The status has OpenBao's members, and how many files hang on which term.
"""

import json
from dataclasses import replace
from errno import ENOSPC

import pytest
import trio
from fakes import MemoryFiles
from fakes_disk import FaultyFiles
from house import KEYS, open_house
from rotated_house import keys_on_disk, next_house

from cubbyd.errors import StorageFullError
from cubbyd.resealer import reseal_all

DENIED = "1 error occurred:\n\t* permission denied\n\n"


async def status_of(house, **more):
    return (await house.owner.ask("read", "sys/key-status", **more)).data


async def holder(house, path, *words):
    """A token that may do this on a path, and nothing else."""
    policy = json.dumps({"path": {path: {"capabilities": [*words]}}})
    await house.owner.ask("write", "sys/policies/acl/p", {"policy": policy})
    return await house.token("p", num_uses=5)


@pytest.mark.parametrize("path", ["sys/rotate", "sys/rotate/keyring"])
async def test_a_rotation_answers_nothing_and_is_on_the_disk(house, path):
    answer = await house.owner.ask("write", path)

    assert answer.is_empty
    keys = keys_on_disk(house.files)
    assert keys == house.store.terms.keys
    assert [*keys.terms] == [1, 2]
    assert keys.terms[1] != keys.terms[2]


async def test_the_status_is_what_openbao_tells_and_the_files(house, autojump_clock):
    await house.token()
    await trio.sleep(10)
    await house.owner.ask("write", "sys/rotate")
    await house.token()
    await house.owner.ask("write", "sys/policies/acl/p", {"policy": "{}"})

    data = await status_of(house)

    assert data == {
        "term": 2,
        "install_time": "2026-11-22T02:00:10.000000Z",
        "encryptions": 2,
        "files": {"1": 1, "2": 2},
    }


async def test_of_a_key_of_which_it_is_not_known_the_time_is_gos_zero():
    """A keyring of before it was noted; OpenBao's clients want some time."""
    async with open_house(keys=replace(KEYS, installed_at={})) as house:
        assert (await status_of(house))["install_time"] == "0001-01-01T00:00:00Z"


async def test_the_status_can_be_wrapped(house):
    answer = await house.owner.ask("read", "sys/key-status", wrap_ttl="60s")

    unwrapped = await house.unwrap(answer.wrap_info.token.reveal_text())

    assert unwrapped.data["term"] == 1


@pytest.mark.parametrize("path", ["sys/rotate", "sys/rotate/keyring"])
@pytest.mark.parametrize("words", [["update"], ["read", "sudo"]])
async def test_rotating_wants_update_and_sudo(house, path, words):
    token = await holder(house, path, *words)

    refused = await house.guest.refusal("write", path, token=token)

    assert (refused.status, refused.messages) == (403, (DENIED,))
    assert [*house.store.terms.keys.terms] == [1]


async def test_with_both_it_costs_one_use(house):
    token = await holder(house, "sys/rotate", "update", "sudo")

    await house.guest.ask("write", "sys/rotate", token=token)

    found = await house.owner.ask("write", "auth/token/lookup", {"token": token})
    assert found.data["num_uses"] == 4
    assert (await status_of(house))["term"] == 2


async def test_a_guest_may_neither_rotate_nor_ask(house):
    for request in (("write", "sys/rotate"), ("read", "sys/key-status")):
        assert (await house.guest.refusal(*request)).status == 403


async def test_reading_is_enough_for_the_status(house):
    token = await holder(house, "sys/key-status", "read")

    assert (await status_of(house, token=token))["term"] == 1


@pytest.mark.parametrize(
    "request_", [("read", "sys/rotate"), ("delete", "sys/rotate"), ("write", "sys/key-status")]
)
async def test_anything_else_is_no_operation(house, request_):
    assert (await house.owner.refusal(*request_)).status == 405


async def test_rotations_at_once_add_a_term_each(house):
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(house.owner.ask, "write", "sys/rotate")

    assert [*keys_on_disk(house.files).terms] == [1, 2, 3, 4, 5, 6]
    assert keys_on_disk(house.files) == house.store.terms.keys


async def test_a_rotation_that_the_disk_refuses_changes_nothing():
    files = FaultyFiles(MemoryFiles(), fails_at=1, errno=ENOSPC)
    async with open_house(files) as house:
        assert isinstance(await house.owner.refusal("write", "sys/rotate"), StorageFullError)
        token = await house.token()

        assert (await status_of(house))["files"] == {"1": 1}
        assert await house.is_alive(token)
        assert files.read("keyring") is None


async def test_the_next_daemon_has_the_new_key_and_counts_the_same(house):
    token = await house.token()
    await house.guest.ask("write", "cubbyhole/x", {"is": "old"}, token=token)
    await house.owner.ask("write", "sys/rotate")
    newer = await house.token()

    async with next_house(house.files) as again:
        assert (await status_of(again))["files"] == {"1": 1, "2": 1}
        assert (await again.guest.ask("read", "cubbyhole/x", token=token)).data == {"is": "old"}
        assert await again.is_alive(newer)


async def test_whatever_ends_leaves_the_count(house):
    policy = {"policy": "{}"}
    await house.owner.ask("write", "sys/policies/acl/p", policy)
    parent = await house.token("root", ttl="1h")
    await house.token(parent=parent, ttl="1h")
    await house.owner.ask("write", "sys/rotate")
    assert (await status_of(house))["files"] == {"1": 3, "2": 0}

    await house.owner.ask("delete", "sys/policies/acl/p")
    await house.owner.ask("write", "auth/token/revoke-orphan", {"token": parent})

    assert (await status_of(house))["files"] == {"1": 1, "2": 1}


async def test_wrapped_secrets_outlive_the_key_that_sealed_them(house):
    wrapping = await house.wrapped({"password": "xyzzy"})
    await house.owner.ask("write", "sys/rotate")
    assert await reseal_all(house.store.terms)

    assert (await status_of(house))["files"] == {"2": 1}
    assert (await house.unwrap(wrapping)).data == {"password": "xyzzy"}
