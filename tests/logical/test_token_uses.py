"""Tokens with a number of uses: what counts, what is free, and what the last use is good for.

The rules: once the caller is known, every request costs one use, whatever becomes of it; what is
refused before, and what needs no caller, is free; the last use takes the token with it.
"""

import pytest

from cubbyd.errors import PermissionDeniedError

LIMIT = 5


@pytest.fixture
async def limited(house):
    """A token with policy default and five uses."""
    return await house.token(num_uses=LIMIT)


async def uses_left(house, token):
    found = await house.owner.ask("write", "auth/token/lookup", {"token": token})
    return found.data["num_uses"]


# -- what counts


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("write", "cubbyhole/x"),
        ("read", "cubbyhole/missing"),
        ("list", "cubbyhole"),
        ("delete", "cubbyhole/x"),
        ("read", "auth/token/lookup-self"),
        ("write", "auth/token/lookup"),
        ("list", "auth/token/accessors"),
        ("write", "sys/wrapping/wrap"),
        ("read", "sys/wrapping/wrap"),
        ("patch", "cubbyhole/x"),
        ("scan", "cubbyhole/"),
        ("read", "nowhere"),
        ("write", "auth/token/create/role"),
    ],
)
async def test_a_request_costs_a_use_whatever_becomes_of_it(house, limited, operation, path):
    """Also a 403 by policy, a 404, a 405 and a 400 of the handler."""
    for wrap_ttl in (None, 60):
        await house.outcome(operation, path, {"a": 1}, token=limited, wrap_ttl=wrap_ttl)

    assert await uses_left(house, limited) == LIMIT - 2


async def test_unwrapping_costs_who_unwraps_a_use(house, limited):
    token = await house.wrapped({"k": 1})

    await house.guest.ask("write", "sys/wrapping/unwrap", {"token": token}, token=limited)

    assert await uses_left(house, limited) == LIMIT - 1


# -- what is free


@pytest.mark.parametrize(
    ("operation", "path", "data"),
    [
        ("read", "cubbyhole/a\0b", None),
        ("read", "cubbyhole/../x", None),
        ("write", "cubbyhole/x/", {"a": 1}),
        ("write", "sys/wrapping/unwrap", None),
        ("write", "sys/wrapping/unwrap", {"token": "spent"}),
        ("write", "sys/wrapping/rewrap", {"token": 5}),
        ("write", "sys/wrapping/lookup", {"token": ""}),
        ("write", "auth/token/lookup", {"token": 5}),
        ("write", "auth/token/revoke", {"token": ["x"]}),
    ],
)
async def test_what_is_refused_before_the_caller_is_known_is_free(
    house, limited, operation, path, data
):
    await house.guest.refusal(operation, path, data, token=limited)

    assert await uses_left(house, limited) == LIMIT


@pytest.mark.parametrize("wrap_ttl", ["-1s", "soon", "1ms", "9999h"])
async def test_a_wrong_wrap_ttl_is_free(house, limited, wrap_ttl):
    await house.guest.refusal("read", "cubbyhole/x", token=limited, wrap_ttl=wrap_ttl)

    assert await uses_left(house, limited) == LIMIT


async def test_what_needs_no_caller_is_free(house, limited):
    token = await house.wrapped({"k": 1})

    await house.guest.ask("read", "sys/health", token=limited)
    await house.guest.ask("read", "sys/seal-status", token=limited)
    await house.guest.ask("write", "auth/peer/login", token=limited)
    await house.guest.ask("write", "sys/wrapping/lookup", {"token": token}, token=limited)
    await house.guest.ask(
        "write", "sys/wrapping/lookup", {"token": token}, token=limited, wrap_ttl=60
    )

    assert await uses_left(house, limited) == LIMIT


async def test_being_looked_up_is_free(house, limited):
    data = {"accessor": house.accessor(limited)}

    for _ in range(LIMIT + 1):
        await house.owner.ask("write", "auth/token/lookup-accessor", data)

    assert await uses_left(house, limited) == LIMIT


# -- the last use


async def test_lookup_self_counts_itself(house):
    token = await house.token(num_uses=3)

    seen = [
        (await house.guest.ask("read", "auth/token/lookup-self", token=token)).data["num_uses"]
        for _ in range(3)
    ]

    assert seen == [2, 1, -1]
    refused = await house.guest.refusal("read", "auth/token/lookup-self", token=token)
    assert type(refused) is PermissionDeniedError
    assert not house.has_file(token)


async def test_every_other_form_of_looking_at_oneself_counts_too(house):
    token = await house.token("root", num_uses=2)
    data = {"token": token, "accessor": house.accessor(token)}

    named = await house.guest.ask("write", "auth/token/lookup", data, token=token)
    last = await house.guest.ask("write", "auth/token/lookup-accessor", data, token=token)

    assert (named.data["num_uses"], last.data["num_uses"]) == (1, -1)


async def test_the_last_use_is_served(house):
    """What it wraps outlives it."""
    token = await house.token(num_uses=1)

    wrapping_token = await house.wrapped({"k": 1}, token=token)

    assert not await house.is_alive(token)
    assert (await house.unwrap(wrapping_token)).data == {"k": 1}


@pytest.mark.parametrize(
    ("operation", "path", "data"),
    [
        ("write", "cubbyhole/x", {"a": 1}),
        ("delete", "cubbyhole/x", None),
        ("write", "auth/token/revoke-self", None),
        ("write", "auth/token/lookup", None),
        ("read", "nowhere", None),
    ],
)
async def test_the_last_use_takes_the_token_and_its_cubbyhole_along(house, operation, path, data):
    token = await house.token(num_uses=2)
    await house.guest.ask("write", "cubbyhole/x", {"a": 0}, token=token)

    await house.outcome(operation, path, data, token=token)

    assert house.files.files == {}


async def test_a_write_keeps_its_cubbyhole_while_uses_are_left(house):
    token = await house.token(num_uses=3)

    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=token)

    assert (await house.guest.ask("read", "cubbyhole/x", token=token)).data == {"a": 1}
    assert await uses_left(house, token) == 1


async def test_the_only_use_of_a_wrapping_token_is_not_counted_by_requests(house):
    info = await house.wrap({"k": 1})
    for _ in range(3):
        await house.guest.refusal("read", "auth/token/lookup-self", token=info.token)

    assert await uses_left(house, info.token.reveal_text()) == 1


async def test_a_limited_token_writes_a_policy_and_is_counted(house):
    token = await house.token("root", num_uses=2)

    await house.guest.ask("write", "sys/policies/acl/p", {"policy": "{}"}, token=token)
    await house.guest.ask("delete", "sys/policies/acl/p", token=token)

    assert not await house.is_alive(token)


@pytest.mark.parametrize("num_uses", [2**63, str(2**63), -(2**70)])
async def test_uses_beyond_64_bits_are_refused(house, num_uses):
    refused = await house.owner.refusal("write", "auth/token/create", {"num_uses": num_uses})

    assert refused.status == 400
