"""auth/token/lookup and its kin: what is told of a token, and to whom."""

import pytest
import trio
from fakes import EPOCH

from cubbyd.clock import rfc3339

LOOKUP, SELF, BY_ACCESSOR = (
    "auth/token/lookup",
    "auth/token/lookup-self",
    "auth/token/lookup-accessor",
)


async def test_everything_is_told_but_the_parent(house, autojump_clock):
    parent = await house.token("root")
    token = await house.token(
        parent=parent, ttl="1h", explicit_max_ttl="2h", num_uses=5, display_name="db", meta={"a": 1}
    )
    await trio.sleep(60)

    found = await house.owner.ask("write", LOOKUP, {"token": token})

    assert found.data == {
        "id": token,
        "accessor": house.accessor(token),
        "policies": ["default"],
        "path": "auth/token/create",
        "meta": {"a": "1"},
        "display_name": "token-db",
        "num_uses": 5,
        "orphan": False,
        "creation_time": int(EPOCH),
        "creation_ttl": 3600,
        "expire_time": rfc3339(EPOCH + 3600),
        "ttl": 3540,
        "explicit_max_ttl": 7200,
        "entity_id": "",
        "type": "service",
        "issue_time": rfc3339(EPOCH),
        "renewable": True,
    }


async def test_a_token_that_never_expires_has_no_expire_time(house):
    found = await house.guest.ask("read", SELF, token=await house.token("root"))

    assert (found.data["expire_time"], found.data["ttl"]) == (None, 0)


async def test_a_periodic_token_tells_its_period(house):
    found = await house.guest.ask("read", SELF, token=await house.token(period="1h"))

    assert found.data["period"] == 3600


async def test_all_forms_tell_the_same(house):
    """By accessor everything but the token itself is told."""
    token = await house.token()
    named, accessor = {"token": token}, {"accessor": house.accessor(token)}

    own = (await house.guest.ask("read", SELF, token=token)).data

    assert (await house.owner.ask("write", LOOKUP, named)).data == own
    assert (await house.owner.ask("read", LOOKUP, named)).data == own
    assert (await house.owner.ask("write", BY_ACCESSOR, accessor)).data == {**own, "id": ""}


@pytest.mark.parametrize("data", [None, {"token": ""}])
async def test_a_lookup_without_a_name_is_of_the_caller(house, data):
    token = await house.token("root")

    assert (await house.guest.ask("write", LOOKUP, data, token=token)).data["id"] == token


async def test_lookup_self_ignores_who_else_is_named(house):
    token, other = await house.token("root"), await house.token()

    found = await house.guest.ask("write", SELF, {"token": other}, token=token)

    assert found.data["id"] == token


@pytest.mark.parametrize("path", [LOOKUP, SELF])
async def test_an_owner_without_a_token_has_no_self(house, path):
    refused = await house.owner.refusal("write", path)

    assert refused.messages == ("permission denied: lookup-self needs a token",)


async def test_policy_default_reads_itself_and_nobody_else(house):
    token, other = await house.token(), await house.token()

    assert (await house.guest.ask("read", SELF, token=token)).data["id"] == token
    for path, data in (
        (SELF, None),
        (LOOKUP, {"token": other}),
        (BY_ACCESSOR, {"accessor": house.accessor(other)}),
    ):
        refused = await house.guest.refusal("write", path, data, token=token)
        assert refused.messages == ("1 error occurred:\n\t* permission denied\n\n",)


@pytest.mark.parametrize("token", ["unknown", "cbys_x", "é"])
async def test_a_token_that_is_none_is_a_bad_token(house, token):
    refused = await house.owner.refusal("write", LOOKUP, {"token": token})

    assert (refused.status, refused.messages) == (403, ("bad token",))


@pytest.mark.parametrize("token", [5, ["list"], b"bytes", {"a": 1}])
async def test_a_token_that_is_no_text_is_invalid(house, token):
    for path in (LOOKUP, "auth/token/revoke"):
        refused = await house.owner.refusal("write", path, {"token": token})
        assert (refused.status, refused.messages) == (403, ("invalid token",))


@pytest.mark.parametrize(
    "accessor",
    ["unknown", "keyring", "../outside", "a\0b", "0" * 31, "A" * 32, "0" * 32, "x" * 9999],
)
async def test_what_is_no_accessor_never_reaches_the_disk(house, accessor):
    """An accessor is a file's name; no other name in the store, or outside it, is looked at."""
    asked = []
    house.files.files["keyring"] = b"not a token's"
    house.files.read = asked.append  # and finds nothing

    refused = await house.owner.refusal("write", BY_ACCESSOR, {"accessor": accessor})
    revoked = await house.owner.ask("write", "auth/token/revoke-accessor", {"accessor": accessor})

    assert (refused.status, refused.messages) == (
        400,
        ("1 error occurred:\n\t* invalid accessor\n\n",),
    )
    assert revoked.warnings == ("No token found with this accessor",)
    assert set(asked) <= {"0" * 32}


@pytest.mark.parametrize("path", [BY_ACCESSOR, "auth/token/revoke-accessor"])
@pytest.mark.parametrize("data", [None, {"accessor": ""}])
async def test_an_accessor_must_be_named(house, path, data):
    refused = await house.owner.refusal("write", path, data)

    assert (refused.status, refused.messages) == (
        400,
        ("1 error occurred:\n\t* missing accessor\n\n",),
    )


async def test_accessors_of_all_tokens_are_listed_for_the_root_alone(house):
    default, root = await house.token(), await house.token("root")
    info = await house.wrap({"k": 1})

    listed = await house.guest.ask("list", "auth/token/accessors", token=root)

    assert set(listed.data["keys"]) == {
        house.accessor(default),
        house.accessor(root),
        info.accessor,
    }
    refused = await house.guest.refusal("list", "auth/token/accessors", token=default)
    assert refused.status == 403


async def test_where_there_is_no_token_there_is_nothing_to_list(house):
    assert (await house.owner.refusal("list", "auth/token/accessors/")).status == 404


async def test_a_token_that_is_dead_is_not_listed_before_the_reaper_came(house, autojump_clock):
    """Neither what expired, nor what descends from what was revoked; what is alive is."""
    parent = await house.token("root")
    child = await house.token("root", parent=parent)
    await house.token(parent=child)
    await house.token(ttl="1s")
    living = await house.token(ttl="1h")
    await house.owner.ask("write", "auth/token/revoke", {"token": parent})
    await trio.sleep(1)

    listed = await house.owner.ask("list", "auth/token/accessors")

    assert listed.data["keys"] == [house.accessor(living)]
