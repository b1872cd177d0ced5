"""auth/token/renew, renew-self and renew-accessor: who may, what comes back, and what is refused.

How much is granted is told in tests/core/test_renewal.py.
"""

import pytest
import trio
from fakes import EPOCH
from house import open_house

from cubbyd.clock import rfc3339
from cubbyd.core.creation import Bounds
from cubbyd.logical.context import Rules

HOUR = 3600
RENEW, SELF, ACCESSOR = "auth/token/renew", "auth/token/renew-self", "auth/token/renew-accessor"
FORMS = [RENEW, SELF, ACCESSOR]


async def renew(house, form, token, **data):
    """A renewal in one of its three forms, by somebody who may."""
    if form == SELF:
        return await house.guest.ask("write", SELF, data, token=token)
    named = {RENEW: {"token": token}, ACCESSOR: {"accessor": house.accessor(token)}}[form]
    return await house.owner.ask("write", form, {**named, **data})


async def why_not(house, path, data=None, *, token=None):
    refused = await house.owner.refusal("write", path, data, token=token)
    return refused.status, *refused.messages


async def looked_up(house, token):
    return (await house.owner.ask("write", "auth/token/lookup", {"token": token})).data


# -- what comes back


@pytest.mark.parametrize("form", FORMS)
async def test_the_answer_is_what_creating_it_said_with_the_new_time(house, autojump_clock, form):
    token = await house.token("default", ttl="1h", num_uses=9, meta={"a": "b"})
    await trio.sleep(60)

    auth = (await renew(house, form, token, increment="30m")).auth

    shown = "" if form == ACCESSOR else token
    assert auth.client_token.reveal_text() == shown
    assert auth.accessor == house.accessor(token)
    assert (auth.policies, auth.metadata) == (("default",), {"a": "b"})
    assert (auth.lease_duration, auth.renewable, auth.orphan) == (1800, True, True)
    assert auth.num_uses == (8 if form == SELF else 9)


@pytest.mark.parametrize("form", FORMS)
async def test_it_lives_until_then_and_no_longer(house, autojump_clock, form):
    token = await house.token(ttl=100)
    await trio.sleep(99)
    await renew(house, form, token, increment=50)

    await trio.sleep(49)
    assert await house.is_alive(token)
    await trio.sleep(1)

    assert not await house.is_alive(token)


async def test_a_lookup_tells_of_the_renewal(house, autojump_clock):
    token = await house.token(ttl="1h")
    assert "last_renewal" not in await looked_up(house, token)
    await trio.sleep(60)

    await renew(house, SELF, token, increment="30m")

    found = await looked_up(house, token)
    assert found["last_renewal"] == rfc3339(EPOCH + 60)
    assert found["last_renewal_time"] == int(EPOCH + 60)
    assert found["expire_time"] == rfc3339(EPOCH + 60 + 1800)
    assert (found["ttl"], found["creation_ttl"]) == (1800, HOUR)
    assert found["issue_time"] == rfc3339(EPOCH)


async def test_what_was_granted_last_is_granted_again(house, autojump_clock):
    token = await house.token(ttl="1h")
    granted = []
    for increment in (None, "30m", None, 0, "2h", "", None):
        await trio.sleep(10)
        answer = await renew(house, SELF, token, increment=increment)
        granted.append(answer.auth.lease_duration)

    assert granted == [3600, 1800, 1800, 1800, 7200, 7200, 7200]


async def test_what_is_cut_is_told_in_a_warning(house, autojump_clock):
    token = await house.token(ttl="1h", explicit_max_ttl="2h")
    await trio.sleep(60)

    answer = await renew(house, SELF, token, increment="5h")

    assert answer.auth.lease_duration == 2 * HOUR - 60
    assert answer.warnings == (
        'TTL of "5h" exceeded the effective max_ttl of "1h59m"; TTL value is capped accordingly',
    )


async def test_at_its_own_limit_no_renewal_helps(house, autojump_clock):
    token = await house.token(ttl=100, explicit_max_ttl=150)
    await trio.sleep(90)
    await renew(house, SELF, token)
    await trio.sleep(59)
    assert (await renew(house, SELF, token)).auth.lease_duration == 1

    await trio.sleep(1)

    assert not await house.is_alive(token)


async def test_a_child_that_was_renewed_still_dies_with_its_parent(house, autojump_clock):
    parent = await house.token("root", ttl=100)
    child = await house.token(parent=parent, ttl=100)

    await trio.sleep(50)
    await renew(house, SELF, child, increment=500)
    await trio.sleep(50)

    assert not await house.is_alive(child)


async def test_a_renewal_holds_in_a_house_that_was_opened_again(house, autojump_clock):
    token = await house.token(ttl=100)
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=token)
    await trio.sleep(50)
    await renew(house, SELF, token, increment=500)

    async with open_house(house.files) as restarted:
        await trio.sleep(400)

        answer = await restarted.guest.ask("read", "cubbyhole/x", token=token)
    assert answer.data == {"a": 1}


async def test_the_member_token_names_nobody_when_one_renews_oneself(house, autojump_clock):
    token, other = await house.token(ttl="1h"), await house.token(ttl="1h")
    await trio.sleep(60)

    answer = await house.guest.ask("write", SELF, {"token": other, "increment": 5}, token=token)

    assert answer.auth.accessor == house.accessor(token)
    assert (await looked_up(house, other))["ttl"] == HOUR - 60


async def test_what_it_has_no_use_for_is_ignored_with_a_warning(house):
    token = await house.token(ttl="1h")

    answer = await renew(house, SELF, token, ttl="9h")

    assert answer.auth.lease_duration == HOUR
    assert answer.warnings == ("Endpoint ignored these unrecognized parameters: [ttl]",)


async def test_a_renewal_can_be_wrapped(house):
    token = await house.token(ttl="1h")

    answer = await house.guest.ask("write", SELF, {"increment": 60}, token=token, wrap_ttl=60)

    assert answer.wrap_info.wrapped_accessor == house.accessor(token)
    assert (await house.unwrap(answer.wrap_info.token)).auth.lease_duration == 60


# -- uses


async def test_renewing_costs_a_use_like_all_else(house, autojump_clock):
    token = await house.token(ttl="1h", num_uses=3)

    await renew(house, SELF, token)
    await house.guest.refusal("write", RENEW, {"token": token}, token=token)

    assert (await looked_up(house, token))["num_uses"] == 1


async def test_renewing_with_the_last_use_succeeds_and_is_the_last(house):
    token = await house.token(ttl="1h", num_uses=1)

    answer = await renew(house, SELF, token, increment="2h")

    assert answer.auth.lease_duration == 7200
    assert not house.has_file(token)


@pytest.mark.parametrize("form", [RENEW, ACCESSOR])
async def test_being_renewed_costs_no_use_and_renewing_oneself_by_name_does(house, form):
    token = await house.token("root", ttl="1h", num_uses=5)
    await renew(house, form, token)
    assert (await looked_up(house, token))["num_uses"] == 5

    data = {"token": token, "accessor": house.accessor(token)}
    answer = await house.guest.ask("write", form, data, token=token)

    assert answer.auth.num_uses == (await looked_up(house, token))["num_uses"] == 4


# -- who may


async def test_policy_default_renews_itself_and_nobody_else(house):
    token, other = await house.token(), await house.token()

    assert (await house.guest.ask("write", SELF, token=token)).auth
    denied = (403, "1 error occurred:\n\t* permission denied\n\n")
    assert await why_not(house, RENEW, {"token": other}, token=token) == denied
    accessor = {"accessor": house.accessor(other)}
    assert await why_not(house, ACCESSOR, accessor, token=token) == denied


async def test_an_owner_without_a_token_has_none_to_renew(house):
    refused = await house.owner.refusal("write", SELF)

    assert refused.code == "permission_denied"


# -- what is refused


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        (RENEW, None, "missing token ID"),
        (RENEW, {"token": ""}, "missing token ID"),
        (RENEW, {"token": "unknown"}, "token not found"),
        (ACCESSOR, None, "1 error occurred:\n\t* missing accessor\n\n"),
        (ACCESSOR, {"accessor": "0" * 32}, "1 error occurred:\n\t* invalid accessor\n\n"),
        (ACCESSOR, {"accessor": "../keyring"}, "1 error occurred:\n\t* invalid accessor\n\n"),
    ],
)
async def test_a_token_must_be_named_and_be_there(house, path, data, why):
    assert await why_not(house, path, data) == (400, why)


async def test_a_token_that_is_no_text_is_refused_before_the_caller_is_looked_at(house):
    assert await why_not(house, RENEW, {"token": 5}, token="unknown") == (403, "invalid token")


async def unrenewable(house):
    """Tokens that cannot be renewed."""
    return [
        await house.token("root"),
        await house.token(renewable=False),
        await house.token(period="1h", renewable=False),
        await house.wrapped({"k": 1}),
    ]


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (RENEW, "lease is not renewable"),
        (ACCESSOR, "1 error occurred:\n\t* invalid request\n\n"),
    ],
)
async def test_what_is_not_renewable_is_not_renewed(house, form, why):
    for token in await unrenewable(house):
        before = await looked_up(house, token)

        data = {"token": token, "accessor": house.accessor(token), "increment": "1h"}
        assert await why_not(house, form, data) == (400, why)

        assert await looked_up(house, token) == before


async def test_nor_by_itself(house):
    token = await house.token(renewable=False)

    assert await why_not(house, SELF, token=token) == (400, "lease is not renewable")


@pytest.mark.parametrize(
    ("increment", "why"),
    [
        ("soon", 'time: invalid duration "soon"'),
        (1.5, 'time: missing unit in duration "1.5"'),
        ([1], "not a duration"),
        ("-5", "cannot provide negative value '-5'"),
        (-5, "cannot provide negative value '-5'"),
    ],
)
async def test_an_increment_is_a_duration(house, increment, why):
    token = await house.token(ttl="1h")

    assert await why_not(house, SELF, {"increment": increment}, token=token) == (
        400,
        f'Field validation failed: error converting input for field "increment": {why}',
    )


async def test_a_token_older_than_the_longest_life_that_is_set_now_keeps_what_it_has(
    house, autojump_clock
):
    token = await house.token(ttl="10h")
    rules = Rules(bounds=Bounds(max_ttl=HOUR))
    async with open_house(house.files, rules=rules) as stricter:
        await trio.sleep(2 * HOUR)

        why = await why_not(stricter, SELF, token=token)

        assert why == (400, "past the max TTL, cannot renew")
        assert (await looked_up(stricter, token))["ttl"] == 8 * HOUR
