"""cubbyhole/<path>: private to its token, byte-exact in its names, replaced whole.

The rules: no token sees another's; a write replaces and never merges; every printable path that
has no ``.`` or ``..`` segment is a name of its own; what dies with the token is gone.
"""

import pytest
import trio
from house import open_house

from cubbyd.errors import (
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
)
from cubbyd.logical.context import Rules


async def write(house, token, path, data):
    return await house.guest.ask("write", f"cubbyhole/{path}", data, token=token)


async def read(house, token, path):
    return (await house.guest.ask("read", f"cubbyhole/{path}", token=token)).data


async def names(house, token, path=""):
    return (await house.guest.ask("list", f"cubbyhole/{path}", token=token)).data["keys"]


# -- isolation


@pytest.mark.parametrize("policy", ["default", "root"])
async def test_no_token_sees_what_another_keeps(house, policy):
    mine, other = await house.token(), await house.token(policy)
    await write(house, mine, "db/password", {"value": "s3kr3t"})

    assert isinstance(
        await house.guest.refusal("read", "cubbyhole/db/password", token=other), NotFoundError
    )
    assert isinstance(await house.guest.refusal("list", "cubbyhole", token=other), NotFoundError)


async def test_no_token_changes_what_another_keeps(house):
    mine, other = await house.token(), await house.token("root")
    await write(house, mine, "x", {"a": 1})

    await write(house, other, "x", {"a": 2})
    await house.guest.ask("delete", "cubbyhole/x", token=other)

    assert await read(house, mine, "x") == {"a": 1}


async def test_a_child_does_not_inherit_its_parents(house):
    parent = await house.token("root")
    child = await house.token(parent=parent)
    await write(house, parent, "x", {"a": 1})

    assert isinstance(await house.guest.refusal("read", "cubbyhole/x", token=child), NotFoundError)


@pytest.mark.parametrize("operation", ["read", "write", "list", "delete"])
async def test_an_owner_without_a_token_has_none(house, operation):
    refused = await house.owner.refusal(operation, "cubbyhole/x", {"a": 1})

    assert isinstance(refused, PermissionDeniedError)


@pytest.mark.parametrize("operation", ["read", "write", "list", "delete"])
async def test_a_guest_without_a_token_has_none(house, operation):
    refused = await house.guest.refusal(operation, "cubbyhole/x", {"a": 1})

    assert (type(refused), refused.messages) == (PermissionDeniedError, ("permission denied",))


async def test_a_member_called_token_does_not_redirect_a_write(house):
    mine, other = await house.token(), await house.token()
    data = {"token": other, "path": "elsewhere", "ttl": 1, "wrap_info": None, "keys": []}

    await write(house, mine, "x", data)

    assert await read(house, mine, "x") == data
    assert isinstance(await house.guest.refusal("read", "cubbyhole/x", token=other), NotFoundError)


# -- what is kept


@pytest.mark.parametrize(
    "data",
    [
        {"bytes": b"\x00\xff", "empty": b"", "text": "", "null": None},
        {"nested": {"list": [1, [2.5, {"deep": True}]]}},
        {"large": 2**200, "negative": -(2**70), "half": 0.5},
        {"": "a name without a letter"},
        {"error": "boom"},
        {"http_status_code": 500, "http_content_type": "text/plain", "http_raw_body": "x"},
    ],
)
async def test_what_is_read_is_what_was_written(house, data):
    token = await house.token()

    await write(house, token, "x", data)

    assert await read(house, token, "x") == data


async def test_a_write_replaces_and_never_merges(house):
    token = await house.token()
    await write(house, token, "x", {"a": 1, "b": 2})

    await write(house, token, "x", {"b": 3})

    assert await read(house, token, "x") == {"b": 3}


@pytest.mark.parametrize("data", [None, {}])
async def test_a_write_of_nothing_is_refused_and_changes_nothing(house, data):
    token = await house.token()
    await write(house, token, "x", {"a": 1})

    refused = await house.guest.refusal("write", "cubbyhole/x", data, token=token)

    assert (refused.status, refused.code) == (400, "invalid_request")
    assert refused.messages == ("1 error occurred:\n\t* missing data fields\n\n",)
    assert await read(house, token, "x") == {"a": 1}


async def test_a_write_and_a_delete_have_nothing_to_say(house):
    token = await house.token()

    written = await write(house, token, "x", {"a": 1})
    deleted = await house.guest.ask("delete", "cubbyhole/x", token=token)

    assert written.is_empty
    assert deleted.is_empty
    assert isinstance(await house.guest.refusal("read", "cubbyhole/x", token=token), NotFoundError)


async def test_what_is_not_there_is_a_404_without_words(house):
    refused = await house.guest.refusal("read", "cubbyhole/x", token=await house.token())

    assert (type(refused), refused.status, refused.messages) == (NotFoundError, 404, ())


@pytest.mark.parametrize("path", ["missing", "dir", "dir/", "", "/"])
async def test_deleting_what_is_no_object_does_nothing(house, path):
    token = await house.token()
    await write(house, token, "dir/x", {"a": 1})

    await house.guest.ask("delete", f"cubbyhole/{path}", token=token)

    assert await read(house, token, "dir/x") == {"a": 1}


async def test_a_cubbyhole_ends_with_its_token(house, autojump_clock):
    token = await house.token(ttl=60)
    await write(house, token, "x", {"a": 1})

    await trio.sleep(60)

    assert isinstance(
        await house.guest.refusal("read", "cubbyhole/x", token=token), PermissionDeniedError
    )
    assert not house.has_file(token)


# -- names


@pytest.mark.parametrize(
    "name",
    [
        *("a b", " ", " a", "a ", "a//b", "/x", "a/b", "...", "a..b", ".x", "a.", "-", "A"),
        *("*", "+", "%", "?", "#", ":", "@", "\\", "~", "{x}", "%2e%2e", "é", "é", "鍵", "🔑"),
        *("cubbyhole", "cubbyhole/x", "response", "sys/wrapping/wrap"),
    ],
)
async def test_every_printable_name_is_a_name_of_its_own(house, name):
    token = await house.token()
    for each in ("a", "b", "x", "é", "plain"):
        await write(house, token, each, {"is": "another"})

    await write(house, token, name, {"is": name})

    assert await read(house, token, name) == {"is": name}
    assert await read(house, token, "plain") == {"is": "another"}


@pytest.mark.parametrize("name", ["x/", "/", "a//", "dir/x/"])
async def test_nothing_is_written_to_a_folder(house, name):
    refused = await house.guest.refusal(
        "write", f"cubbyhole/{name}", {"a": 1}, token=await house.token()
    )

    assert (refused.status, refused.messages) == (400, ("cannot write to a path ending in '/'",))


async def test_a_folder_is_not_the_object_of_that_name(house):
    token = await house.token()
    await write(house, token, "x", {"a": 1})

    assert isinstance(await house.guest.refusal("read", "cubbyhole/x/", token=token), NotFoundError)


@pytest.mark.parametrize("name", [".", "..", "a/../b", "../x", "a/.", "./x"])
@pytest.mark.parametrize("operation", ["read", "write", "list", "delete"])
async def test_relative_paths_are_refused(house, operation, name):
    refused = await house.guest.refusal(
        operation, f"cubbyhole/{name}", {"a": 1}, token=await house.token()
    )

    assert (refused.status, refused.messages) == (400, ("relative paths not supported",))


@pytest.mark.parametrize(
    "character",
    ["\0", "\t", "\n", "\x7f", "\u00a0", "\u00ad", "\u200b", "\u2028", "\ufeff", "\ue000"],
)
async def test_what_cannot_be_printed_names_nothing(house, character):
    refused = await house.guest.refusal(
        "write", f"cubbyhole/a{character}b", {"a": 1}, token=await house.token()
    )

    assert (type(refused), refused.status) == (InvalidRequestError, 400)
    assert character not in str(refused)


@pytest.mark.parametrize("operation", ["read", "write"])
async def test_the_cubbyhole_itself_is_no_object(house, operation):
    """OpenBao's status for this is 500."""
    refused = await house.guest.refusal(
        operation, "cubbyhole", {"a": 1}, token=await house.token("root")
    )

    assert (refused.status, refused.messages) == (500, ("1 error occurred:\n\t* missing path\n\n",))


async def test_a_path_is_bounded_in_bytes():
    async with open_house(rules=Rules(max_path_bytes=20)) as house:
        token = await house.token()
        await write(house, token, "é" * 5, {"a": 1})

        refused = await house.guest.refusal("write", "cubbyhole/" + "é" * 6, {"a": 1}, token=token)

    assert refused.messages == ("the path is longer than 20 bytes",)


# -- lists


async def test_a_list_names_direct_children_in_the_order_of_their_bytes(house):
    token = await house.token()
    for path in ("dir/x", "dir", "dir-", "b", "é", "Z", "dir/sub/y", "🔑"):
        await write(house, token, path, {"a": 1})

    assert await names(house, token) == ["Z", "b", "dir", "dir-", "dir/", "é", "🔑"]
    assert await names(house, token, "dir") == ["sub/", "x"]
    assert await names(house, token, "dir/") == ["sub/", "x"]


async def test_empty_segments_are_folders(house):
    token = await house.token()
    await write(house, token, "a//b", {"a": 1})

    assert await names(house, token) == ["a/"]
    assert await names(house, token, "a") == ["/"]
    assert await names(house, token, "a//") == ["b"]


@pytest.mark.parametrize("path", ["file", "di", "nothing", "emptied"])
async def test_what_is_no_folder_is_not_listed(house, path):
    token = await house.token()
    for each in ("file", "dir/x", "emptied/x"):
        await write(house, token, each, {"a": 1})
    await house.guest.ask("delete", "cubbyhole/emptied/x", token=token)

    refused = await house.guest.refusal("list", f"cubbyhole/{path}", token=token)

    assert (type(refused), refused.messages) == (NotFoundError, ())


async def test_the_top_is_listed_with_and_without_its_slash(house):
    token = await house.token()
    await write(house, token, "x", {"a": 1})

    for path in ("cubbyhole", "cubbyhole/"):
        assert (await house.guest.ask("list", path, token=token)).data == {"keys": ["x"]}


# -- bounds


async def test_a_cubbyhole_has_a_quota():
    async with open_house(rules=Rules(max_cubbyhole_bytes=1000)) as house:
        token = await house.token()
        await write(house, token, "x", {"a": b"1" * 600})

        refused = await house.guest.refusal("write", "cubbyhole/y", {"a": b"2" * 600}, token=token)

        assert (type(refused), refused.status) == (QuotaExceededError, 429)
        assert await names(house, token) == ["x"]


async def test_what_is_deleted_or_replaced_counts_no_more():
    async with open_house(rules=Rules(max_cubbyhole_bytes=1000)) as house:
        token = await house.token()
        await write(house, token, "x", {"a": b"1" * 600})

        await write(house, token, "x", {"a": b"2" * 600})
        await house.guest.ask("delete", "cubbyhole/x", token=token)
        await write(house, token, "y", {"a": b"3" * 600})

        assert await names(house, token) == ["y"]


async def test_a_member_called_token_is_plain_data_whatever_it_is(house):
    token = await house.token()

    await house.guest.ask("write", "cubbyhole/x", {"token": 5}, token=token)

    assert (await house.guest.ask("read", "cubbyhole/x", token=token)).data == {"token": 5}
