"""A policy's min_wrapping_ttl and max_wrapping_ttl: how answers on a path must be wrapped.

Either of them means that they must be wrapped at all, and holds for every kind of request, also
for one whose answer says nothing.
"""

import json

import pytest

ACL = "sys/policies/acl"
DENIED = "1 error occurred:\n\t* permission denied\n\n"
ALL = ["create", "read", "update", "delete", "list"]
BOUNDED = {"capabilities": [*ALL, "sudo"], "min_wrapping_ttl": "10s", "max_wrapping_ttl": "20s"}
KINDS = [
    ("read", "cubbyhole/x", None),
    ("list", "cubbyhole", None),
    ("write", "cubbyhole/x", {"a": 2}),
    ("delete", "cubbyhole/x", None),
    ("write", "auth/token/create", None),
    ("write", "auth/token/create-orphan", None),
    ("read", "auth/token/lookup-self", None),
    ("write", "auth/token/renew-self", None),
    ("list", "auth/token/accessors", None),
    ("write", "auth/token/tidy", None),
    ("write", "sys/wrapping/wrap", {"k": 1}),
    ("write", "sys/capabilities-self", {"path": "x"}),
    ("read", f"{ACL}/p", None),
    ("list", ACL, None),
    ("write", f"{ACL}/q", {"policy": "{}"}),
    ("write", "sys/tools/random", None),
    ("write", "auth/token/revoke-self", None),
]


async def holder(house, path, rule):
    """A token with one policy of this rule, and no other."""
    text = json.dumps({"path": {path: rule}})
    await house.owner.ask("write", f"{ACL}/p", {"policy": text})
    return await house.token("p", no_default_policy=True)


async def may(house, token, operation, path, data=None, **more):
    """Whether policy permits it."""
    outcome = await house.outcome(operation, path, data, token=token, **more)
    return getattr(outcome, "messages", None) != (DENIED,)


@pytest.mark.parametrize(("operation", "path", "data"), KINDS)
async def test_a_bound_holds_for_every_kind_of_request(house, operation, path, data):
    """Also for those whose answer says nothing and is not wrapped."""
    token = await holder(house, "*", BOUNDED)
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=token, wrap_ttl=10)

    for wrap_ttl in (None, 0, 9, "9999ms", 21, "20001ms"):
        assert not await may(house, token, operation, path, data, wrap_ttl=wrap_ttl), wrap_ttl
    assert await may(house, token, operation, path, data, wrap_ttl=10)


@pytest.mark.parametrize("path", ["sys/wrapping/unwrap", "sys/wrapping/rewrap"])
async def test_a_bound_holds_for_moving_a_secret_and_spends_nothing(house, path):
    token = await holder(house, "*", BOUNDED)
    secret = await house.wrapped({"k": 1}, ttl=60)

    assert not await may(house, token, "write", path, {"token": secret})
    assert not await may(house, token, "write", path, {"token": secret}, wrap_ttl=60)
    answer = await house.guest.ask("write", path, {"token": secret}, token=token, wrap_ttl=15)

    assert answer.wrap_info.ttl == 15
    assert (await house.unwrap(answer.wrap_info.token)).data == {"k": 1}


async def test_must_wrap_is_a_bound_of_one_second(house):
    token = await holder(house, "cubbyhole/x", {"capabilities": ALL, "min_wrapping_ttl": "1s"})

    assert not await may(house, token, "write", "cubbyhole/x", {"a": 1})
    assert await may(house, token, "write", "cubbyhole/x", {"a": 1}, wrap_ttl=1)
    assert not await may(house, token, "read", "cubbyhole/x")
    answer = await house.guest.ask("read", "cubbyhole/x", token=token, wrap_ttl="5h")

    assert (await house.unwrap(answer.wrap_info.token)).data == {"a": 1}
