"""Who may do what without a token: owners, guests, and how they come to one."""

import pytest
import trio
from fakes import GUEST, OWNER, Door
from house import open_house

from cubbyd.errors import PermissionDeniedError, QuotaExceededError
from cubbyd.logical.context import Logins, Rules
from cubbyd.messages import Peer, Role

LOGIN = "auth/peer/login"
LOGINS = Logins(uids={7: ("web", "db")}, gids={70: ("web", "ops"), 71: ("audit",)})


# -- logging in


async def test_a_login_gives_an_orphan_for_an_hour(house, autojump_clock):
    auth = (await house.guest.ask("write", LOGIN)).auth

    assert (auth.policies, auth.lease_duration) == (("default",), 3600)
    assert (auth.orphan, auth.renewable, auth.num_uses) == (True, True, 0)
    token = auth.client_token.reveal_text()
    found = await house.guest.ask("read", "auth/token/lookup-self", token=token)
    assert (found.data["display_name"], found.data["path"]) == ("peer-2000", LOGIN)
    await trio.sleep(3600)
    assert not await house.is_alive(token)


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "policies"),
    [
        (7, 1, (), ("db", "web")),
        (8, 70, (), ("ops", "web")),
        (8, 1, (70, 71), ("audit", "ops", "web")),
        (7, 71, (70,), ("audit", "db", "ops", "web")),
        (8, 1, (2, 3), ("default",)),
    ],
)
async def test_policies_come_by_uid_and_groups_or_else_by_default(uid, gid, groups, policies):
    peer = Peer(uid=uid, gid=gid, pid=1, role=Role.GUEST, groups=groups)
    async with open_house(rules=Rules(logins=LOGINS)) as house:
        answer = await Door(house.router, peer).ask("write", LOGIN)

    assert answer.auth.policies == policies


async def test_default_and_ttl_are_settings():
    logins = Logins(default=("web",), ttl=60)
    async with open_house(rules=Rules(logins=logins)) as house:
        auth = (await house.guest.ask("write", LOGIN)).auth

    assert (auth.policies, auth.lease_duration) == (("web",), 60)


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_login_does_not_look_at_tokens(house, token):
    """Who has a wrong one is the one to log in."""
    assert (await house.guest.ask("write", LOGIN, token=token)).auth


async def test_logins_count_in_the_quota():
    async with open_house(rules=Rules(max_tokens_per_uid=1)) as house:
        await house.guest.ask("write", LOGIN)

        refused = await house.guest.refusal("write", LOGIN)

        assert isinstance(refused, QuotaExceededError)
        assert (await house.owner.ask("write", LOGIN)).auth


# -- owners


@pytest.mark.parametrize(
    ("operation", "path", "data"),
    [
        ("write", "auth/token/create", {"period": "1h", "no_parent": True}),
        ("list", "auth/token/accessors", None),
        ("write", "sys/wrapping/wrap", {"k": 1}),
        ("write", LOGIN, None),
    ],
)
async def test_an_owner_without_a_token_is_root(house, operation, path, data):
    await house.token()

    assert (await house.owner.ask(operation, path, data, wrap_ttl=60)).wrap_info


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_an_owner_with_a_wrong_token_is_nobody(house, token):
    """An unset variable makes an empty token, and that is a wrong one."""
    refused = await house.owner.refusal("list", "auth/token/accessors", token=token)

    assert (type(refused), refused.messages) == (PermissionDeniedError, ("permission denied",))


async def test_an_owner_with_a_token_is_what_the_token_is(house):
    refused = await house.owner.refusal("list", "auth/token/accessors", token=await house.token())

    assert refused.messages == ("1 error occurred:\n\t* permission denied\n\n",)


async def test_an_owner_can_be_told_to_bring_a_token():
    async with open_house() as house:
        root = await house.token("root")
    async with open_house(house.files, rules=Rules(owner_needs_token=True)) as house:
        without = await house.owner.refusal("list", "auth/token/accessors")
        listed = await house.owner.ask("list", "auth/token/accessors", token=root)

    assert isinstance(without, PermissionDeniedError)
    assert len(listed.data["keys"]) == 1


# -- guests


async def test_a_guest_without_a_token_wraps_and_unwraps(house):
    answer = await house.guest.ask("write", "sys/wrapping/wrap", {"k": 1}, wrap_ttl=60)
    data = {"token": answer.wrap_info.token.reveal_text()}
    await house.guest.ask("write", "sys/wrapping/lookup", data)
    answer = await house.guest.ask("write", "sys/wrapping/rewrap", data)
    data = {"token": answer.wrap_info.token.reveal_text()}

    assert (await house.guest.ask("write", "sys/wrapping/unwrap", data)).data == {"k": 1}


@pytest.mark.parametrize("path", ["sys/health", "sys/seal-status"])
@pytest.mark.parametrize("token", [None, "", "wrong"])
async def test_anybody_may_ask_how_the_daemon_is(house, path, token):
    data = (await house.guest.ask("read", path, token=token)).data

    assert (data["initialized"], data["sealed"], data["version"]) == (True, False, "1.2.3")


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("write", "auth/token/create"),
        ("write", "auth/token/lookup"),
        ("read", "auth/token/lookup-self"),
        ("write", "auth/token/revoke-self"),
        ("list", "auth/token/accessors"),
        ("read", "cubbyhole/x"),
        ("read", "nowhere"),
        ("list", "sys/wrapping/lookup"),
    ],
)
async def test_a_guest_without_a_token_may_do_nothing_else(house, operation, path):
    refused = await house.guest.refusal(operation, path)

    assert (refused.status, refused.messages) == (403, ("permission denied",))


async def test_a_tokens_rights_do_not_depend_on_who_sends_it(house):
    root = await house.token("root")

    for peer in (OWNER, GUEST):
        assert await Door(house.router, peer).ask("list", "auth/token/accessors", token=root)
