"""What wrapping is for: somebody hands on what they must not see, and can still take it back.

The story of Vault's documents: a trusted party has a token made for a service, wrapped; it keeps
the accessor, and never sees the token. Then wraps in wraps, rewraps in a row, and the quota.
"""

import json

import pytest
import trio
from house import open_house

from cubbyd.errors import QuotaExceededError
from cubbyd.logical.context import Rules

UNWRAP, REWRAP = "sys/wrapping/unwrap", "sys/wrapping/rewrap"


@pytest.fixture
async def party(house):
    """A token that may create tokens for the service, and nothing that they may."""
    rules = {
        "auth/token/create": {"capabilities": ["update", "sudo"], "min_wrapping_ttl": "1s"},
        "auth/token/revoke-accessor": {"capabilities": ["update"]},
        "auth/token/lookup-accessor": {"capabilities": ["update"]},
    }
    text = json.dumps({"path": rules})
    await house.owner.ask("write", "sys/policies/acl/party", {"policy": text})
    return await house.token("party", no_default_policy=True)


async def made_for_the_service(house, party):
    data = {"policies": ["service"], "ttl": "1h", "no_parent": True}
    answer = await house.guest.ask("write", "auth/token/create", data, token=party, wrap_ttl="60s")
    return answer.wrap_info


async def test_the_service_gets_a_token_that_nobody_else_has_seen(house, party):
    info = await made_for_the_service(house, party)
    found = await house.guest.ask("read", "sys/wrapping/lookup", token=info.token)
    assert found.data["creation_path"] == "auth/token/create"

    auth = (await house.unwrap(info.token)).auth

    assert auth.accessor == info.wrapped_accessor
    assert auth.policies == ("default", "service")
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=auth.client_token)


async def test_the_party_must_not_see_it(house, party):
    """Its policy says that the answer must be wrapped."""
    refused = await house.guest.refusal("write", "auth/token/create", token=party)

    assert refused.status == 403


async def test_the_party_takes_it_back_by_its_accessor(house, party):
    info = await made_for_the_service(house, party)
    token = (await house.unwrap(info.token)).auth.client_token
    data = {"accessor": info.wrapped_accessor}
    looked_up = await house.guest.ask("write", "auth/token/lookup-accessor", data, token=party)
    assert (looked_up.data["id"], looked_up.data["orphan"]) == ("", True)

    await house.guest.ask("write", "auth/token/revoke-accessor", data, token=party)

    assert not await house.is_alive(token.reveal_text())


async def test_also_before_anybody_has_unwrapped_it(house, party):
    """The wrapping token then leads to a token that is dead."""
    info = await made_for_the_service(house, party)
    data = {"accessor": info.wrapped_accessor}

    await house.guest.ask("write", "auth/token/revoke-accessor", data, token=party)

    token = (await house.unwrap(info.token)).auth.client_token
    assert not await house.is_alive(token.reveal_text())


async def test_whoever_comes_second_knows_that_somebody_was_there(house, party):
    info = await made_for_the_service(house, party)
    await house.unwrap(info.token)

    refused = await house.guest.refusal("write", UNWRAP, token=info.token)

    assert refused.code == "wrapping_token_invalid"


async def test_the_party_may_move_what_it_cannot_see(house, party):
    """Policy default grants rewrap; the accessor inside stays known."""
    info = await made_for_the_service(house, party)
    courier = await house.token()

    moved = await house.guest.ask(
        "write", REWRAP, {"token": info.token.reveal_text()}, token=courier
    )

    assert moved.wrap_info.wrapped_accessor == info.wrapped_accessor
    assert moved.wrap_info.creation_path == "auth/token/create"
    assert (await house.unwrap(moved.wrap_info.token)).auth.accessor == info.wrapped_accessor


# -- wraps in wraps


async def test_an_unwrapped_answer_can_be_wrapped_again(house):
    """As often as one likes; what is inside stays what it was, with the id of its request."""
    first = await house.guest.ask("write", "auth/peer/login", wrap_ttl=60)
    accessor, token = first.wrap_info.wrapped_accessor, first.wrap_info.token
    for _ in range(5):
        again = await house.unwrap(token, wrap_ttl=60)
        assert again.wrap_info.creation_path == UNWRAP
        assert again.wrap_info.wrapped_accessor == accessor
        assert not house.has_file(token.reveal_text())
        token = again.wrap_info.token

    inside = await house.unwrap(token)

    assert (inside.auth.accessor, bool(inside.request_id)) == (accessor, True)


async def test_a_wrapping_token_can_be_wrapped(house):
    """By itself it is data like any other."""
    inner = await house.wrapped({"k": "s3kr3t"}, ttl=100)
    outer = await house.wrapped({"token": inner}, ttl=10)

    found = (await house.unwrap(outer)).data["token"]

    assert (found, (await house.unwrap(found)).data) == (inner, {"k": "s3kr3t"})


async def test_a_wrapped_reading_of_the_response_is_one_more_wrap(house):
    token = await house.wrapped({"k": 1})

    answer = await house.guest.ask("read", "cubbyhole/response", token=token, wrap_ttl=60)

    inside = await house.unwrap(answer.wrap_info.token)
    assert json.loads(inside.data["response"])["data"] == {"k": 1}
    assert not house.has_file(token)


async def test_a_chain_of_rewraps_keeps_the_life_of_the_first(house, autojump_clock):
    """Each counts anew from its own moment; a shorter wish sticks."""
    info = await house.wrap({"k": 1}, ttl=100)
    token, lives = info.token.reveal_text(), []
    for wish in (None, 500, 30, None, 60):
        await trio.sleep(20)
        answer = await house.owner.ask("write", REWRAP, {"token": token}, wrap_ttl=wish)
        lives.append(answer.wrap_info.ttl)
        assert not house.has_file(token)
        token = answer.wrap_info.token.reveal_text()

    assert lives == [100, 100, 30, 30, 30]
    await trio.sleep(30)
    assert (await house.guest.refusal("write", UNWRAP, token=token)).status == 400


# -- at the quota


@pytest.mark.parametrize("wrap_ttl", [None, 30])
async def test_rewrapping_works_at_the_quota(wrap_ttl):
    """One comes, one goes."""
    async with open_house(rules=Rules(max_tokens_per_uid=1)) as house:
        token = await house.wrapped({"k": 1})

        for _ in range(3):
            answer = await house.owner.ask("write", REWRAP, {"token": token}, wrap_ttl=wrap_ttl)
            token = answer.wrap_info.token.reveal_text()

        assert len(house.files.files) == 1
        assert (await house.unwrap(token)).data == {"k": 1}


async def test_unwrapping_into_a_fresh_wrapping_token_works_at_the_quota():
    async with open_house(rules=Rules(max_tokens_per_uid=1)) as house:
        token = await house.wrapped({"k": 1})

        answer = await house.owner.ask("write", UNWRAP, {"token": token}, wrap_ttl=60)

        assert (await house.unwrap(answer.wrap_info.token.reveal_text())).data == {"k": 1}


async def test_an_answer_that_finds_no_room_to_be_wrapped_is_refused():
    async with open_house(rules=Rules(max_tokens_per_uid=1)) as house:
        token = await house.token()

        refused = await house.owner.refusal(
            "read", "auth/token/lookup-self", token=token, wrap_ttl=9
        )

        assert isinstance(refused, QuotaExceededError)
        assert await house.is_alive(token)
