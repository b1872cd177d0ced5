"""Wrapping: an answer goes under a fresh single-use token, and that token is the answer instead.

The rules: every answer that says something can be wrapped, and nothing else is; what waits is the
answer as it was; what cannot be wrapped, or not be sent, costs nothing.
"""

import pytest
import trio
from fakes import EPOCH, OWNER
from house import open_house

from cubbyd.clock import rfc3339
from cubbyd.codec import encode
from cubbyd.errors import (
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    TooLargeError,
)
from cubbyd.logical.context import Rules
from cubbyd.messages import Operation, Request, Response
from cubbyd.secret import Secret

# -- asking


async def test_wrap_info_tells_everything_but_the_secret(house, autojump_clock):
    answer = await house.owner.ask("write", "sys/wrapping/wrap", {"k": "s3kr3t"}, wrap_ttl="90s")

    info = answer.wrap_info
    assert (info.ttl, info.creation_path) == (90, "sys/wrapping/wrap")
    assert info.creation_time == rfc3339(EPOCH)
    assert info.accessor == house.accessor(info.token.reveal_text())
    assert info.wrapped_accessor is None
    assert info.token.reveal().startswith(b"cbyw_")
    assert b"s3kr3t" not in encode(answer.to_map())


async def test_the_answer_that_wraps_says_nothing_else(house):
    """As in OpenBao it has no request_id: the one of the answer waits inside."""
    answer = await house.owner.ask("write", "sys/wrapping/wrap", {"k": 1}, wrap_ttl=60)

    assert answer.to_map().keys() == {"request_id", "wrap_info"}
    assert answer.request_id == ""
    assert (await house.unwrap(answer.wrap_info.token)).request_id != ""


@pytest.mark.parametrize(
    ("wrap_ttl", "seconds"),
    [
        *((60, 60), ("60", 60), ("15s", 15), ("20m", 1200), ("25h", 90_000), ("1d", 86_400)),
        *(("1500ms", 1.5), (" 5s ", 5), (1, 1)),
    ],
)
async def test_a_wrap_ttl_is_a_duration(house, wrap_ttl, seconds):
    info = await house.wrap({"k": 1}, ttl=wrap_ttl)

    found = await house.guest.ask("read", "sys/wrapping/lookup", token=info.token)
    assert (info.ttl, found.data["creation_ttl"]) == (int(seconds), seconds)


@pytest.mark.parametrize("wrap_ttl", [None, 0, "0", "0s", ""])
async def test_without_a_wrap_ttl_nothing_is_wrapped(house, wrap_ttl):
    token = await house.token()

    answer = await house.guest.ask("read", "auth/token/lookup-self", token=token, wrap_ttl=wrap_ttl)
    refused = await house.owner.refusal("write", "sys/wrapping/wrap", {"k": 1}, wrap_ttl=wrap_ttl)

    assert (answer.wrap_info, answer.data["id"]) == (None, token)
    assert (refused.status, refused.messages) == (
        400,
        ("endpoint requires response wrapping to be used",),
    )


@pytest.mark.parametrize(
    ("wrap_ttl", "why"),
    [
        (-1, "requested wrap ttl cannot be negative"),
        ("-1m", "requested wrap ttl cannot be negative"),
        ("500ms", "requested wrap ttl is below one second"),
        ("769h", "requested wrap ttl exceeds the 2764800s allowed"),
        ("abc", 'time: invalid duration "abc"'),
        ("1.5", 'time: missing unit in duration "1.5"'),
        ("1w", 'time: unknown unit "w" in duration "1w"'),
    ],
)
async def test_a_wrap_ttl_out_of_bounds_is_refused(house, wrap_ttl, why):
    refused = await house.owner.refusal("write", "sys/wrapping/wrap", {"k": 1}, wrap_ttl=wrap_ttl)

    assert refused.status == 400
    assert refused.messages == (f"error parsing X-Vault-Wrap-TTL header: {why}",)


async def test_the_longest_wrap_ttl_is_a_setting():
    async with open_house(rules=Rules(max_wrap_ttl=60)) as house:
        assert (await house.wrap({"k": 1}, ttl=60)).ttl == 60

        refused = await house.owner.refusal("write", "sys/wrapping/wrap", {}, wrap_ttl=61)

    assert refused.messages == (
        "error parsing X-Vault-Wrap-TTL header: requested wrap ttl exceeds the 60s allowed",
    )


# -- what is wrapped


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"bytes": b"\x00\xff", "n": 2**100, "list": [None, {"a": 0.5}]},
        {"token": "t", "path": "p", "wrap_ttl": 5},
        {"token": 5},
        {"error": "boom"},
        {"http_status_code": 500, "http_raw_body": "x"},
    ],
)
async def test_any_data_can_be_wrapped(house, data):
    assert (await house.unwrap(await house.wrapped(data))).data == data


async def test_wrapping_no_data_wraps_an_empty_map(house):
    assert (await house.unwrap(await house.wrapped(None))).data == {}


@pytest.mark.parametrize(
    ("operation", "path", "data", "creation_path"),
    [
        ("read", "cubbyhole/dir/x", None, "cubbyhole/dir/x"),
        ("list", "cubbyhole/dir", None, "cubbyhole/dir/"),
        ("list", "cubbyhole/dir/", None, "cubbyhole/dir/"),
        ("list", "auth/token/accessors", None, "auth/token/accessors/"),
        ("read", "auth/token/lookup-self", None, "auth/token/lookup-self"),
    ],
)
async def test_what_is_read_or_listed_can_be_wrapped(house, operation, path, data, creation_path):
    token = await house.token("root")
    await house.guest.ask("write", "cubbyhole/dir/x", {"a": b"1"}, token=token)
    plain = await house.guest.ask(operation, path, data, token=token)

    wrapped = await house.guest.ask(operation, path, data, token=token, wrap_ttl=60)

    assert wrapped.wrap_info.creation_path == creation_path
    assert (await house.unwrap(wrapped.wrap_info.token)).data == plain.data


async def test_a_new_token_can_be_wrapped(house):
    """The trusted party of Vault's documents: it makes a token that it never sees, and keeps a
    way to revoke it."""
    answer = await house.owner.ask(
        "write", "auth/token/create", {"policies": ["default", "unknown"]}, wrap_ttl=60
    )

    remembered = house.store.record(answer.wrap_info.accessor).entry.wrapped_accessor
    inside = await house.unwrap(answer.wrap_info.token)
    assert (answer.auth, answer.warnings) == (None, ())
    assert remembered == inside.auth.accessor
    assert answer.wrap_info.wrapped_accessor == inside.auth.accessor
    assert inside.warnings == ('Policy "unknown" does not exist',)
    assert await house.is_alive(inside.auth.client_token.reveal_text())


async def test_a_login_can_be_wrapped(house):
    answer = await house.guest.ask("write", "auth/peer/login", wrap_ttl=60)

    inside = await house.unwrap(answer.wrap_info.token)
    assert answer.wrap_info.wrapped_accessor == inside.auth.accessor


async def test_an_answer_of_warnings_alone_can_be_wrapped(house):
    answer = await house.owner.ask(
        "write", "auth/token/revoke-accessor", {"accessor": "none such"}, wrap_ttl=60
    )

    inside = await house.unwrap(answer.wrap_info.token)
    assert inside.warnings == ("No token found with this accessor",)


async def test_a_lookup_of_a_wrapping_token_can_be_wrapped(house):
    token = await house.wrapped({"k": 1}, ttl=30)

    answer = await house.guest.ask("write", "sys/wrapping/lookup", token=token, wrap_ttl=60)

    assert (await house.unwrap(answer.wrap_info.token)).data["creation_ttl"] == 30
    assert (await house.unwrap(token)).data == {"k": 1}


@pytest.mark.parametrize(
    ("operation", "path", "data", "left"),
    [
        ("write", "cubbyhole/x", {"a": 2}, {"a": 2}),
        ("delete", "cubbyhole/x", None, NotFoundError),
        ("write", "auth/token/revoke-self", None, PermissionDeniedError),
    ],
)
async def test_what_has_nothing_to_say_is_done_and_not_wrapped(house, operation, path, data, left):
    token = await house.token()
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=token)

    answer = await house.guest.ask(operation, path, data, token=token, wrap_ttl=60)

    found = await house.outcome("read", "cubbyhole/x", token=token)
    assert answer.is_empty
    assert left in (getattr(found, "data", None), type(found))


@pytest.mark.parametrize(
    ("operation", "path", "status"),
    [
        ("read", "cubbyhole/missing", 404),
        ("list", "cubbyhole", 404),
        ("list", "auth/token/accessors", 403),
        ("read", "nowhere/x", 403),
        ("write", "cubbyhole/x", 400),
    ],
)
async def test_a_refusal_is_not_wrapped(house, operation, path, status):
    token = await house.token()
    files = dict(house.files.files)

    refused = await house.guest.refusal(operation, path, token=token, wrap_ttl=60)

    assert refused.status == status
    assert house.files.files == files


@pytest.mark.parametrize("path", ["sys/health", "sys/seal-status"])
async def test_the_daemons_own_state_is_never_wrapped(house, path):
    answer = await house.guest.ask("read", path, wrap_ttl=60)

    assert answer.wrap_info is None
    assert answer.data["sealed"] is False


# -- the wrapping token


async def test_a_wrapping_token_is_a_token(house):
    maker = await house.token("root", display_name="maker")
    info = await house.wrap({"k": 1}, ttl=90, token=maker)

    data = {"token": info.token.reveal_text()}
    found = (await house.owner.ask("write", "auth/token/lookup", data)).data

    expected = {
        "policies": ["response-wrapping"],
        "path": "sys/wrapping/wrap",
        "display_name": "token-maker",
        "num_uses": 1,
        "orphan": True,
        "creation_ttl": 90,
        "explicit_max_ttl": 90,
        "renewable": False,
        "type": "service",
    }
    assert {key: found[key] for key in expected} == expected
    listed = await house.owner.ask("list", "auth/token/accessors")
    assert info.accessor in listed.data["keys"]


async def test_a_wrapping_token_outlives_its_maker(house):
    maker = await house.token("root")
    token = await house.wrapped({"k": 1}, token=maker)

    await house.guest.ask("write", "auth/token/revoke-self", token=maker)

    assert (await house.unwrap(token)).data == {"k": 1}


async def test_a_wrapped_child_dies_with_its_parent_and_is_still_unwrapped(house):
    parent = await house.token("root")
    answer = await house.guest.ask("write", "auth/token/create", token=parent, wrap_ttl=60)
    await house.guest.ask("write", "auth/token/revoke-self", token=parent)

    inside = await house.unwrap(answer.wrap_info.token)

    assert not await house.is_alive(inside.auth.client_token.reveal_text())


async def test_what_is_wrapped_lives_on_when_nobody_unwraps_it(house, autojump_clock):
    answer = await house.owner.ask("write", "auth/token/create", {"ttl": "1h"}, wrap_ttl=60)

    await trio.sleep(60)

    data = {"accessor": answer.wrap_info.wrapped_accessor}
    assert (await house.owner.ask("write", "auth/token/lookup-accessor", data)).data["ttl"] == 3540


@pytest.mark.parametrize("way", ["token", "accessor"])
async def test_a_wrapping_token_can_be_revoked(house, way):
    info = await house.wrap({"k": 1})
    path, data = {
        "token": ("auth/token/revoke", {"token": info.token.reveal_text()}),
        "accessor": ("auth/token/revoke-accessor", {"accessor": info.accessor}),
    }[way]

    await house.owner.ask("write", path, data)

    refused = await house.guest.refusal("write", "sys/wrapping/unwrap", token=info.token)
    assert refused.code == "wrapping_token_invalid"


# -- bounds


async def test_an_answer_that_fits_no_cubbyhole_is_not_wrapped():
    async with open_house(rules=Rules(max_cubbyhole_bytes=1000)) as house:
        files = dict(house.files.files)

        refused = await house.owner.refusal(
            "write", "sys/wrapping/wrap", {"k": b"1" * 1000}, wrap_ttl=60
        )

        assert (type(refused), refused.status) == (TooLargeError, 413)
        assert house.files.files == files


async def test_an_answer_that_just_fits_is_wrapped(house):
    """To the byte: one more, and it is not."""
    token = await house.wrapped({"k": b"1" * 1000})
    known = house.store.record(house.accessor(token))
    size = len(known.open(Secret.from_text(token)))

    for limit, is_kept in ((size, True), (size - 1, False)):
        async with open_house(rules=Rules(max_cubbyhole_bytes=limit)) as strict:
            outcome = await strict.outcome(
                "write", "sys/wrapping/wrap", {"k": b"1" * 1000}, wrap_ttl=60
            )
            assert isinstance(outcome, Response) == is_kept


async def test_a_secret_is_not_spent_on_an_answer_that_cannot_be_wrapped(house):
    """The answer is JSON text here, in which three bytes take four letters."""
    token = await house.wrapped({"k": b"\x00" * 800_000})

    refused = await house.guest.refusal("read", "cubbyhole/response", token=token, wrap_ttl=60)

    assert isinstance(refused, TooLargeError)
    assert len((await house.unwrap(token)).data["k"]) == 800_000


@pytest.mark.parametrize("path", ["sys/wrapping/unwrap", "sys/wrapping/rewrap"])
async def test_a_secret_is_not_spent_on_an_answer_that_cannot_be_sent(house, path):
    token = await house.wrapped({"k": 1})
    request = Request(
        operation=Operation.WRITE, path=path, peer=OWNER, data={"token": token}, wrap_ttl=60
    )

    with pytest.raises(TooLargeError):
        await house.router.answer(request, refuse_to_encode)

    assert (await house.unwrap(token)).data == {"k": 1}
    assert house.files.files == {}


def refuse_to_encode(_response):
    raise TooLargeError


async def test_wrapping_tokens_count_in_the_quota_of_their_maker():
    async with open_house(rules=Rules(max_tokens_per_uid=2)) as house:
        await house.wrap({"k": 1})
        await house.wrap({"k": 2})

        refused = await house.owner.refusal("write", "sys/wrapping/wrap", {"k": 3}, wrap_ttl=60)

        assert isinstance(refused, QuotaExceededError)
        assert (await house.guest.ask("write", "sys/wrapping/wrap", wrap_ttl=60)).wrap_info


async def test_so_do_those_that_come_by_rewrapping():
    """Moving one's own takes no room; moving another's does."""
    async with open_house(rules=Rules(max_tokens_per_uid=2)) as house:
        own, more = await house.wrapped({"k": 1}), await house.wrapped({"k": 2})
        answer = await house.guest.ask("write", "sys/wrapping/wrap", {"k": 3}, wrap_ttl=60)
        others = {"token": answer.wrap_info.token.reveal_text()}

        refused = await house.owner.refusal("write", "sys/wrapping/rewrap", others)
        moved = await house.owner.ask("write", "sys/wrapping/rewrap", {"token": own})

        assert isinstance(refused, QuotaExceededError)
        assert moved.wrap_info
        assert await house.is_alive(others["token"])
        assert await house.is_alive(more)
