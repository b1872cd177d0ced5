"""Unwrapping, rewrapping and looking up: who may, and what it costs.

The rules: a wrapped secret leaves once, by unwrap, by rewrap or through ``cubbyhole/response``; a
lookup costs nothing; a request that is refused spends nothing.
"""

import json
from uuid import UUID

import pytest
import trio

from cubbyd.errors import PermissionDeniedError, WrappingTokenInvalidError

INVALID = (400, "wrapping_token_invalid", ("wrapping token is not valid or does not exist",))
UNWRAP, REWRAP, LOOKUP = "sys/wrapping/unwrap", "sys/wrapping/rewrap", "sys/wrapping/lookup"


def told(refused):
    return refused.status, refused.code, refused.messages


async def is_unspent(house, token, data):
    """Whether the secret is still there: found out by taking it."""
    return (await house.unwrap(token)).data == data


# -- unwrap


@pytest.mark.parametrize("form", ["header", "body", "both"])
async def test_a_secret_is_unwrapped_by_header_or_body(house, form):
    """The same token in both places, which costs the secret in OpenBao, is one in the header."""
    token = await house.wrapped({"k": "s3kr3t"})
    header = {"header": token, "body": await house.token(), "both": token}[form]
    data = None if form == "header" else {"token": token}

    answer = await house.guest.ask("write", UNWRAP, data, token=header)

    assert answer.data == {"k": "s3kr3t"}
    assert answer.wrap_info is None
    assert not house.has_file(token)


@pytest.mark.parametrize("rewraps", [0, 2])
async def test_what_was_wrapped_keeps_the_id_of_its_own_request(house, rewraps):
    """The first of this house, whoever asks for it later."""
    token = await house.wrapped({"k": 1})
    for _ in range(rewraps):
        answer = await house.owner.ask("write", REWRAP, {"token": token})
        token = answer.wrap_info.token.reveal_text()

    answer = await house.unwrap(token)

    assert answer.request_id == str(UUID(int=1))
    assert (await house.guest.ask("read", "sys/health")).request_id != answer.request_id


@pytest.mark.parametrize("door", ["owner", "guest"])
async def test_a_peer_without_a_token_unwraps_by_body(house, door):
    token = await house.wrapped({"k": 1})

    answer = await getattr(house, door).ask("write", UNWRAP, {"token": token})

    assert answer.data == {"k": 1}


@pytest.mark.parametrize("path", [UNWRAP, REWRAP, LOOKUP])
@pytest.mark.parametrize("form", ["header", "body"])
@pytest.mark.parametrize("first", [UNWRAP, REWRAP])
async def test_what_is_spent_is_invalid_for_ever(house, path, form, first):
    token = await house.wrapped({"k": 1})
    await house.owner.ask("write", first, {"token": token})

    for _ in range(2):
        if form == "header":
            refused = await house.guest.refusal("write", path, token=token)
        else:
            refused = await house.owner.refusal("write", path, {"token": token})
        assert told(refused) == INVALID


@pytest.mark.parametrize("path", [UNWRAP, REWRAP, LOOKUP])
async def test_a_wrapping_token_ends_at_its_deadline(house, autojump_clock, path):
    token = await house.wrapped({"k": 1}, ttl=60)
    await trio.sleep(59.999)
    assert (await house.guest.ask("read", LOOKUP, token=token)).data["creation_ttl"] == 60

    await trio.sleep(0.001)

    assert told(await house.owner.refusal("write", path, {"token": token})) == INVALID
    assert not house.has_file(token)


@pytest.mark.parametrize("path", [UNWRAP, REWRAP, LOOKUP])
async def test_a_token_that_wraps_nothing_is_as_invalid_as_one_that_never_was(house, path):
    for token in (await house.token("root"), await house.token(), "cbyw_none", "", "é"):
        refused = await house.owner.refusal("write", path, {"token": token or "x"})
        assert told(refused) == INVALID


@pytest.mark.parametrize("path", [UNWRAP, REWRAP, LOOKUP])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "token is empty"),
        ({"token": None}, "token is empty"),
        ({"token": ""}, "empty token in request body"),
        ({"token": 5}, "could not decode token in request body"),
        ({"token": b"bytes"}, "could not decode token in request body"),
        ({"token": ["list"]}, "could not decode token in request body"),
    ],
)
async def test_no_wrapping_token_at_all_is_a_403(house, path, data, why):
    refused = await house.owner.refusal("write", path, data)

    assert told(refused) == (403, "permission_denied", (f"error validating wrapping token: {why}",))


@pytest.mark.parametrize("path", [UNWRAP, REWRAP])
async def test_who_may_not_unwrap_does_not_spend(house, path):
    """A wrong token in the header, an empty one, and one whose policies do not grant it."""
    token = await house.wrapped({"k": 1})
    powerless = await house.token("nothing", no_default_policy=True)

    wrong = await house.owner.refusal("write", path, {"token": token}, token="wrong")
    empty = await house.owner.refusal("write", path, {"token": token}, token="")
    denied = await house.guest.refusal("write", path, {"token": token}, token=powerless)

    assert told(wrong) == told(empty) == (403, "permission_denied", ("permission denied",))
    assert denied.messages == ("1 error occurred:\n\t* permission denied\n\n",)
    assert await is_unspent(house, token, {"k": 1})


async def test_a_wrapping_token_that_unwraps_another_is_spent_with_it(house):
    """It is the key that this unwrapping was done with."""
    own, other = await house.wrapped({"k": "own"}), await house.wrapped({"k": "other"})

    answer = await house.guest.ask("write", UNWRAP, {"token": other}, token=own)

    assert answer.data == {"k": "other"}
    for token in (own, other):
        assert told(await house.guest.refusal("write", UNWRAP, token=token)) == INVALID


async def test_unwrapping_can_wrap_again(house):
    token = await house.wrapped({"k": 1}, ttl=30)

    answer = await house.guest.ask("write", UNWRAP, token=token, wrap_ttl=90)

    assert (answer.data, answer.wrap_info.ttl) == (None, 90)
    assert answer.wrap_info.creation_path == "sys/wrapping/unwrap"
    assert told(await house.guest.refusal("write", UNWRAP, token=token)) == INVALID
    assert await is_unspent(house, answer.wrap_info.token, {"k": 1})


# -- lookup


@pytest.mark.parametrize("operation", ["read", "write"])
async def test_a_lookup_tells_how_it_was_wrapped_and_never_consumes(
    house, autojump_clock, operation
):
    info = await house.wrap({"k": 1}, ttl=90)
    await trio.sleep(30)

    for _ in range(3):
        found = await house.guest.ask(operation, LOOKUP, token=info.token)

    assert found.data == {
        "creation_path": "sys/wrapping/wrap",
        "creation_time": info.creation_time,
        "creation_ttl": 90,
    }
    assert await is_unspent(house, info.token, {"k": 1})


@pytest.mark.parametrize("header", [None, "", "wrong", "powerless"])
async def test_anybody_may_look_up(house, header):
    token = await house.wrapped({"k": 1})
    if header == "powerless":
        header = await house.token("nothing", no_default_policy=True)

    found = await house.guest.ask("write", LOOKUP, {"token": token}, token=header)

    assert found.data["creation_ttl"] == 60


async def test_a_lookup_says_what_it_ignored(house):
    token = await house.wrapped({"k": 1})

    found = await house.guest.ask("write", LOOKUP, {"token": token, "z": 1, "a": 2})

    assert found.warnings == ("Endpoint ignored these unrecognized parameters: [a z]",)


# -- rewrap


async def test_rewrap_keeps_path_ttl_and_what_is_inside(house, autojump_clock):
    answer = await house.owner.ask("write", "auth/token/create", wrap_ttl=90)
    old = answer.wrap_info
    await trio.sleep(60)

    new = (await house.owner.ask("write", REWRAP, {"token": old.token.reveal_text()})).wrap_info
    await trio.sleep(60)

    assert new.token != old.token
    assert new.ttl == 90
    assert new.creation_path == "auth/token/create"
    assert new.wrapped_accessor == old.wrapped_accessor
    assert (await house.unwrap(new.token)).auth.accessor == old.wrapped_accessor


async def test_a_chain_of_rewraps_does_not_nest(house):
    first = await house.owner.ask("write", "sys/wrapping/wrap", {"k": 1}, wrap_ttl=90)
    token = first.wrap_info.token.reveal_text()

    for _ in range(3):
        answer = await house.owner.ask("write", REWRAP, {"token": token})
        token = answer.wrap_info.token.reveal_text()

    assert answer.wrap_info.creation_path == "sys/wrapping/wrap"
    assert (await house.unwrap(token)).data == {"k": 1}


async def test_a_wrap_ttl_shortens_a_rewrap_for_good_and_never_lengthens_it(house):
    token = await house.wrapped({"k": 1}, ttl=90)
    granted = []
    for wrap_ttl in ("5m", "30s", None, "90s"):
        answer = await house.owner.ask("write", REWRAP, {"token": token}, wrap_ttl=wrap_ttl)
        token = answer.wrap_info.token.reveal_text()
        granted.append(answer.wrap_info.ttl)

    assert granted == [90, 30, 30, 30]


async def test_policy_default_may_rewrap(house):
    """Not so in OpenBao; but who could unwrap the secret can surely move it."""
    token = await house.wrapped({"k": 1})

    answer = await house.guest.ask("write", REWRAP, {"token": token}, token=await house.token())

    assert await is_unspent(house, answer.wrap_info.token, {"k": 1})


# -- cubbyhole/response


async def test_a_wrapping_token_finds_its_secret_in_cubbyhole_response(house):
    """As in Vault before 0.7: the answer as JSON text, in which bytes are base64url."""
    token = await house.wrapped({"k": "é", "b": b"\xff\xfe"})

    answer = await house.guest.ask("read", "cubbyhole/response", token=token)

    envelope = json.loads(answer.data["response"])
    assert envelope["data"] == {"k": "é", "b": "__4"}
    assert envelope["request_id"] != ""
    assert answer.warnings[0].startswith("Reading from 'cubbyhole/response' is deprecated.")
    assert not house.has_file(token)
    refused = await house.guest.refusal("read", "cubbyhole/response", token=token)
    assert told(refused) == (403, "permission_denied", ("permission denied",))


async def test_cubbyhole_response_can_be_wrapped(house):
    token = await house.wrapped({"k": 1})

    answer = await house.guest.ask("read", "cubbyhole/response", token=token, wrap_ttl=60)

    assert answer.wrap_info.creation_path == "cubbyhole/response"
    inside = await house.unwrap(answer.wrap_info.token)
    assert json.loads(inside.data["response"])["data"] == {"k": 1}


async def test_for_any_other_token_it_is_a_path_like_others(house):
    token = await house.token()
    await house.guest.ask("write", "cubbyhole/response", {"a": 1}, token=token)

    for _ in range(2):
        answer = await house.guest.ask("read", "cubbyhole/response", token=token)
        assert (answer.data, answer.warnings) == ({"a": 1}, ())


# -- a wrapping token as a token


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("write", "cubbyhole/response"),
        ("delete", "cubbyhole/response"),
        ("list", "cubbyhole"),
        ("list", "cubbyhole/response"),
        ("read", "cubbyhole/response/"),
        ("write", "cubbyhole/x"),
        ("read", "cubbyhole/x"),
        ("read", "auth/token/lookup-self"),
        ("write", "auth/token/create"),
        ("write", "auth/token/renew-self"),
        ("list", "auth/token/accessors"),
        ("write", "sys/wrapping/wrap"),
        ("write", "sys/wrapping/rewrap"),
        ("read", "sys/wrapping/unwrap"),
        ("delete", "sys/wrapping/unwrap"),
        ("read", "nowhere"),
    ],
)
async def test_what_a_wrapping_token_may_not_do_is_refused_and_does_not_spend_it(
    house, operation, path
):
    """In OpenBao each of these would burn the secret."""
    token = await house.wrapped({"k": 1})

    refused = await house.guest.refusal(operation, path, {"a": 1}, token=token, wrap_ttl=60)

    assert isinstance(refused, PermissionDeniedError)
    assert await is_unspent(house, token, {"k": 1})


async def test_a_wrapping_token_can_revoke_itself(house):
    token = await house.wrapped({"k": 1})

    await house.guest.ask("write", "auth/token/revoke-self", token=token)

    with pytest.raises(WrappingTokenInvalidError):
        await house.unwrap(token)


async def test_what_is_unwrapped_keeps_the_id_of_the_request_that_made_it(house):
    """So that a log of requests and what was unwrapped later can be matched."""
    token = await house.wrapped({"k": 1})
    lookup = await house.guest.ask("write", LOOKUP, {"token": token})

    unwrapped = await house.guest.ask("write", UNWRAP, token=token)

    assert unwrapped.request_id
    assert int(unwrapped.request_id.replace("-", ""), 16) < int(
        lookup.request_id.replace("-", ""), 16
    )
