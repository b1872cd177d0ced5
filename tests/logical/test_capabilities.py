"""sys/capabilities, -self and -accessor: what a token may do on a path, without trying it."""

import json

import pytest

from cubbyd.errors import multierror
from cubbyd.logical.policy import MAX_ASKED_PATHS

TOKEN, SELF, ACCESSOR = "sys/capabilities", "sys/capabilities-self", "sys/capabilities-accessor"
FORMS = [TOKEN, SELF, ACCESSOR]


async def capabilities(house, form, token, **data):
    """Asked in one of the three forms, by somebody who may."""
    if form == SELF:
        return await house.guest.ask("write", SELF, data, token=token)
    named = {TOKEN: {"token": token}, ACCESSOR: {"accessor": house.accessor(token)}}[form]
    return await house.owner.ask("write", form, {**named, **data})


async def define(house, name, **rules):
    paths = {path.replace("__", "/"): {"capabilities": words} for path, words in rules.items()}
    data = {"policy": json.dumps({"path": paths})}
    await house.owner.ask("write", f"sys/policies/acl/{name}", data)


@pytest.mark.parametrize("form", FORMS)
async def test_each_path_has_its_capabilities_sorted(house, form):
    await define(house, "p", secret__x=["update", "create", "sudo"], secret__no=["deny", "read"])
    token = await house.token("p")
    paths = ["cubbyhole/x", "secret/x", "secret/no", "nowhere", "auth/token/lookup-self"]

    answer = await capabilities(house, form, token, paths=paths)

    assert answer.data == {
        "cubbyhole/x": ["create", "delete", "list", "read", "update"],
        "secret/x": ["create", "sudo", "update"],
        "secret/no": ["deny"],
        "nowhere": ["deny"],
        "auth/token/lookup-self": ["read"],
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "data",
    [
        {"paths": ["sys/wrapping/wrap"]},
        {"path": "sys/wrapping/wrap"},
        {"paths": "sys/wrapping/wrap"},
    ],
)
async def test_of_one_path_they_are_told_twice(house, form, data):
    answer = await capabilities(house, form, await house.token(), **data)

    assert answer.data == {"sys/wrapping/wrap": ["update"], "capabilities": ["update"]}


@pytest.mark.parametrize("form", FORMS)
async def test_root_may_do_everything(house, form):
    token = await house.token("root")

    answer = await capabilities(house, form, token, paths=["a", "b"])

    assert answer.data == {"a": ["root"], "b": ["root"]}


@pytest.mark.parametrize("form", [TOKEN, ACCESSOR])
async def test_a_wrapping_token_may_be_unwrapped_and_little_else(house, form):
    token = await house.wrapped({"k": 1})

    paths = ["cubbyhole/response", "sys/wrapping/unwrap", "auth/token/lookup-self"]
    answer = await capabilities(house, form, token, paths=paths)

    assert answer.data == {
        "cubbyhole/response": ["create", "read"],
        "sys/wrapping/unwrap": ["update"],
        "auth/token/lookup-self": ["deny"],
    }
    assert (await house.unwrap(token)).data == {"k": 1}


@pytest.mark.parametrize("form", FORMS)
async def test_what_a_policy_says_now_is_told(house, form):
    token = await house.token("p")
    seen = []
    for words in (["read"], ["list"]):
        await define(house, "p", x=words)
        seen.append((await capabilities(house, form, token, path="x")).data["x"])

    assert seen == [["read"], ["list"]]


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        (TOKEN, None, "no token found"),
        (TOKEN, {"path": "x"}, "no token found"),
        (TOKEN, {"token": "unknown"}, "paths must be supplied"),
        (TOKEN, {"path": "x", "token": "unknown"}, multierror("invalid token")),
        (ACCESSOR, {"path": "x"}, "missing accessor"),
        (ACCESSOR, {"path": "x", "accessor": "unknown"}, multierror("invalid accessor")),
    ],
)
async def test_what_is_asked_about_must_be_said(house, path, data, why):
    refused = await house.owner.refusal("write", path, data)

    assert (refused.status, refused.messages) == (400, (why,))


async def test_paths_may_stand_in_one_text_and_be_written_loosely(house):
    token = await house.token()
    data = {"paths": " /cubbyhole/x ,nowhere"}

    found = (await house.guest.ask("write", SELF, data, token=token)).data

    assert found["/cubbyhole/x"] == ["create", "delete", "list", "read", "update"]
    assert found["nowhere"] == ["deny"]


async def test_no_path_is_no_path(house):
    refused = await house.guest.refusal(
        "write", SELF, {"paths": ["a", ""]}, token=await house.token()
    )

    assert (refused.status, refused.messages) == (400, (multierror("missing path"),))


async def test_so_many_paths_can_be_asked_about(house):
    token, paths = await house.token(), [f"p{number}" for number in range(MAX_ASKED_PATHS)]

    assert len((await house.guest.ask("write", SELF, {"paths": paths}, token=token)).data) == len(
        paths
    )
    refused = await house.guest.refusal("write", SELF, {"paths": [*paths, "x"]}, token=token)
    assert refused.messages == ("at most 1000 paths can be asked about at once",)


@pytest.mark.parametrize("data", [None, {}, {"paths": []}, {"path": ""}])
async def test_about_oneself_too(house, data):
    refused = await house.guest.refusal("write", SELF, data, token=await house.token())

    assert (refused.status, refused.messages) == (400, ("paths must be supplied",))


async def test_policy_default_asks_about_itself_and_nobody_else(house):
    token, other = await house.token(), await house.token()
    data = {"token": other, "accessor": house.accessor(other), "path": "x"}

    assert (await house.guest.ask("write", SELF, data, token=token)).data["x"] == ["deny"]
    for path in (TOKEN, ACCESSOR):
        refused = await house.guest.refusal("write", path, data, token=token)
        assert refused.code == "permission_denied"


async def test_an_owner_without_a_token_has_none_to_ask_about(house):
    assert (await house.owner.refusal("write", SELF, {"path": "x"})).code == "permission_denied"


async def test_asking_about_a_limited_token_costs_it_nothing_and_asking_oneself_one_use(house):
    token = await house.token(num_uses=3)

    for form in FORMS:
        await capabilities(house, form, token, path="x")

    found = await house.owner.ask("write", "auth/token/lookup", {"token": token})
    assert found.data["num_uses"] == 2


async def test_a_folder_has_what_its_exact_name_grants_for_listing(house):
    policy = '{"path": {"cubbyhole/x": {"capabilities": ["list"]}}}'
    await house.owner.ask("write", "sys/policies/acl/lister", {"policy": policy})
    token = await house.token("lister", no_default_policy=True)

    found = await capabilities(house, TOKEN, token, path="cubbyhole/x/")

    assert found.data["cubbyhole/x/"] == ["list"]
