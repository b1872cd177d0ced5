"""Secrets and clients that vanish, on the HTTP door.

The rules: a request is carried out whole or not begun; a client that vanishes has at worst lost its
own secret; and however many try, a secret leaves at most once.
"""

import json

import pytest
import trio
from fakes import OWNER, MemoryFiles, disk_of
from house import open_house
from http_session import everything, exchange, serve
from http_talk import GET, get, read_answers, sized
from trio.testing import memory_stream_pair

from cubbyd.errors import WrappingTokenInvalidError
from cubbyd.store.commit import Commit


@pytest.fixture
async def house(autojump_clock):
    async with open_house() as house:
        yield house


def an_unwrap(token):
    return sized(b"", b"X-Vault-Token: " + token.encode(), path=b"/v1/sys/wrapping/unwrap")


async def unwrapped(house, token):
    """What is under the token; None when it is gone."""
    try:
        return (await house.unwrap(token)).data
    except WrappingTokenInvalidError:
        return None


async def vanish_after(house, sent):
    """A client that sends this much and is gone before it reads anything."""
    client, server = memory_stream_pair()
    await client.send_all(sent)
    await client.aclose()
    await serve(server, house.router.answer, OWNER)


async def test_a_client_that_vanishes_before_its_request_is_whole_has_lost_nothing(house):
    token = await house.wrapped({"password": "hunter2"})
    whole = an_unwrap(token)

    for size in range(len(whole)):
        await vanish_after(house, whole[:size])

    assert await unwrapped(house, token) == {"password": "hunter2"}


async def test_a_client_that_vanishes_after_its_request_has_lost_its_own_secret(house):
    """Nobody gets it any more, which is what single use means; others are as they were."""
    mine = await house.wrapped({"mine": 1})
    others = [await house.wrapped({"other": n}) for n in range(3)]

    await vanish_after(house, an_unwrap(mine))

    assert await unwrapped(house, mine) is None
    assert [await unwrapped(house, each) for each in others] == [{"other": n} for n in range(3)]


async def test_a_client_that_vanishes_while_it_is_committed_takes_nobody_along(autojump_clock):
    """The deletion is carried out all the same, and so is what others wait for."""
    client, server = memory_stream_pair()

    async def vanish_first(sync_fn):
        if is_armed:
            await client.aclose()
        return sync_fn()

    files, is_armed = MemoryFiles(), False
    async with open_house(files, commit=Commit(disk_of(files, vanish_first))) as house:
        mine, other = await house.wrapped({"mine": 1}), await house.wrapped({"other": 1})
        is_armed = True
        await client.send_all(an_unwrap(mine) + GET)

        await serve(server, house.router.answer, OWNER)

        assert not house.has_file(mine)
        assert await unwrapped(house, mine) is None
        assert await unwrapped(house, other) == {"other": 1}


async def test_many_that_unwrap_and_vanish_or_stay_share_a_secret_at_most_once(house):
    token = await house.wrapped({"password": "hunter2"})
    found = []

    async def stay():
        client, server = memory_stream_pair()
        await client.send_all(an_unwrap(token))
        await client.send_eof()
        await serve(server, house.router.answer, OWNER)
        found.extend(read_answers(await everything(client)))

    async with trio.open_nursery() as nursery:
        for n in range(20):
            nursery.start_soon(*((stay,) if n % 2 else (vanish_after, house, an_unwrap(token))))

    assert sorted({each.status for each in found}) in ([400], [200, 400])
    assert sum(each.status == 200 for each in found) <= 1
    assert not house.has_file(token)


async def test_an_unwrap_answers_with_what_was_wrapped(house):
    """The way that everything goes well."""
    token = await house.wrapped({"password": "hunter2"})

    first, second = await exchange(
        memory_stream_pair(), an_unwrap(token) * 2, answer=house.router.answer
    )

    assert first.json["data"] == {"password": "hunter2"}
    assert first.headers["cache-control"] == "no-store"
    assert (second.status, second.errors) == (
        400,
        ["wrapping token is not valid or does not exist"],
    )


async def test_an_owner_without_a_token_has_no_rights(house):
    wrap = sized(
        json.dumps({"a": 1}).encode(), b"X-Vault-Wrap-TTL: 60", path=b"/v1/sys/wrapping/wrap"
    )

    answers = await exchange(
        memory_stream_pair(), wrap + get(path=b"/v1/cubbyhole/x") + GET, answer=house.router.answer
    )

    assert [each.status for each in answers] == [403, 403, 200]
