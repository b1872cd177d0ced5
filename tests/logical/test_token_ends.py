"""How tokens end: revoked, expired, or with their parent; and what then is gone.

The rules: from the answer on, nothing that descends from a revoked token works; a token is dead at
its deadline, and one that was seen dead stays so, whatever the clock says later.
"""

from itertools import pairwise

import pytest
import trio
from fakes import EPOCH
from house import House, open_house

from cubbyd.errors import PermissionDeniedError

REVOKE = "auth/token/revoke"


async def family(house: House, **options) -> list[str]:
    """A token, its child, and its child's child."""
    parent = await house.token("root", **options)
    child = await house.token("root", parent=parent, ttl="5h")
    return [parent, child, await house.token(parent=child, ttl="5h")]


async def alive(house, tokens):
    return [await house.is_alive(token) for token in tokens]


# -- revoking


@pytest.mark.parametrize("form", ["token", "self", "accessor"])
async def test_a_revoked_token_takes_its_descendants_along(house, form):
    parent, child, grandchild = await family(house)
    orphan = await house.token("root", parent=child, no_parent=True, ttl="5h")
    requests = {
        "token": (REVOKE, {"token": child}, None),
        "self": ("auth/token/revoke-self", None, child),
        "accessor": ("auth/token/revoke-accessor", {"accessor": house.accessor(child)}, None),
    }

    path, data, token = requests[form]
    answer = await house.owner.ask("write", path, data, token=token)

    assert answer.is_empty
    tokens = [parent, child, grandchild, orphan]
    assert await alive(house, tokens) == [True, False, False, True]


async def test_revoking_is_one_unlink_and_the_rest_goes_when_it_is_met(house):
    tokens = await family(house)

    await house.owner.ask("write", REVOKE, {"token": tokens[0]})
    assert [house.has_file(token) for token in tokens] == [False, True, True]
    assert await alive(house, tokens) == [False, False, False]

    assert [house.has_file(token) for token in tokens] == [False, False, False]


async def test_a_dead_token_looks_like_one_that_never_was(house):
    parent, child, grandchild = await family(house)
    await house.owner.ask("write", REVOKE, {"token": parent})

    refusals = [
        await house.guest.refusal("read", "auth/token/lookup-self", token=token)
        for token in (parent, child, grandchild, "never was", "")
    ]

    for refused, another in pairwise(refusals):
        assert type(refused) is PermissionDeniedError
        assert refused.messages == another.messages == ("permission denied",)


@pytest.mark.parametrize("token", ["unknown", "cbys_x"])
async def test_revoking_what_is_no_token_is_done_already(house, token):
    assert (await house.owner.ask("write", REVOKE, {"token": token})).is_empty


@pytest.mark.parametrize("data", [None, {}, {"token": ""}])
async def test_a_token_to_revoke_must_be_named(house, data):
    refused = await house.owner.refusal("write", REVOKE, data)

    assert (refused.status, refused.messages) == (400, ("missing token ID",))


async def test_policy_default_revokes_itself_and_nobody_else(house):
    token, other = await house.token(), await house.token()

    refused = await house.guest.refusal("write", REVOKE, {"token": other}, token=token)
    await house.guest.ask("write", "auth/token/revoke-self", token=token)

    assert refused.messages == ("1 error occurred:\n\t* permission denied\n\n",)
    assert await alive(house, [token, other]) == [False, True]


# -- expiring


async def test_a_token_lives_up_to_its_deadline(house, autojump_clock):
    token = await house.token(ttl=60)
    await trio.sleep(59.999)
    assert await house.is_alive(token)

    await trio.sleep(0.001)

    assert not await house.is_alive(token)
    assert not house.has_file(token)


async def test_what_descends_from_an_expired_token_is_dead_with_it(house, autojump_clock):
    tokens = await family(house, ttl="1h")
    orphan = await house.token("root", parent=tokens[1], no_parent=True, ttl="5h")

    await trio.sleep(3600)

    assert await alive(house, [*tokens, orphan]) == [False, False, False, True]


async def test_a_clock_that_is_set_back_does_not_revive_what_was_seen_dead():
    now = EPOCH
    async with open_house(clock=lambda: now) as house:
        tokens = await family(house, ttl="1h")
        now += 3600
        assert not await house.is_alive(tokens[2])

        now = EPOCH

        assert await alive(house, tokens) == [False, False, False]


async def test_it_is_gone_from_the_disk_before_anybody_hears_that_it_is_dead():
    now = EPOCH
    async with open_house(clock=lambda: now) as house:
        token = await house.token(ttl=60)
        now += 60
        await house.guest.refusal("read", "auth/token/lookup-self", token=token)

        async with open_house(house.files, clock=lambda: EPOCH) as restarted:
            assert not await restarted.is_alive(token)


async def test_tokens_live_on_in_a_house_that_was_opened_again(house):
    parent, child, _ = await family(house)
    secret = await house.wrapped({"k": 1})
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=child)
    await house.owner.ask("write", REVOKE, {"token": parent})
    keeper = await house.token()
    await house.guest.ask("write", "cubbyhole/x", {"a": 2}, token=keeper)

    async with open_house(house.files) as restarted:
        assert (await restarted.guest.ask("read", "cubbyhole/x", token=keeper)).data == {"a": 2}
        assert (await restarted.unwrap(secret)).data == {"k": 1}
        assert not await restarted.is_alive(child)
