"""sys/policies/acl: policies are listed, read, written and deleted, by who may."""

import json

import pytest
import trio
from fakes import EPOCH
from house import open_house

from cubbyd.clock import rfc3339
from cubbyd.errors import NotFoundError, QuotaExceededError
from cubbyd.logical.context import Rules
from cubbyd.messages import Response

ACL = "sys/policies/acl"
DENIED = (403, "1 error occurred:\n\t* permission denied\n\n")


def text_of(**paths):
    """A policy's text: capabilities by path, in which ``__`` stands for a slash."""
    rules = {path.replace("__", "/"): {"capabilities": words} for path, words in paths.items()}
    return json.dumps({"path": rules})


READS = text_of(cubbyhole__x=["read"])


async def write(house, name, text=READS, *, token=None, **more):
    data = {"policy": text, **more}
    return await house.owner.ask("write", f"{ACL}/{name}", data, token=token)


async def read(house, name):
    return (await house.owner.ask("read", f"{ACL}/{name}")).data


async def names(house):
    return (await house.owner.ask("list", ACL)).data["keys"]


async def why_not(house, operation, path, data=None, *, token=None):
    refused = await house.owner.refusal(operation, path, data, token=token)
    return refused.status, *refused.messages


# -- written, read, listed, deleted


async def test_a_policy_is_read_as_it_was_written(house, autojump_clock):
    text = '{\n  "path": {"cubbyhole/*": {"capabilities": ["read"]}}\n}\n'

    answer = await write(house, "mine", text)

    assert answer.is_empty
    assert await read(house, "mine") == {
        "name": "mine",
        "policy": text,
        "version": 1,
        "modified": rfc3339(EPOCH),
        "cas_required": False,
        "allow_slashes_in_identity_templates": False,
        "allow_wildcards_in_identity_templates": False,
    }


async def test_writing_it_again_replaces_it(house):
    await write(house, "mine")

    await write(house, "mine", text_of(a=["list"]))

    found = await read(house, "mine")
    assert (found["policy"], found["version"]) == (text_of(a=["list"]), 2)


@pytest.mark.parametrize("name", [" mine", "mine ", "MINE", " "])
async def test_a_name_has_one_spelling_so_that_no_other_evades_a_rule(house, name):
    await write(house, "mine")

    for operation, data in (("read", None), ("write", {"policy": "{}"}), ("delete", None)):
        refused = await house.owner.refusal(operation, f"{ACL}/{name}", data)
        assert "lower case" in refused.messages[0]
    assert await names(house) == ["default", "mine", "root"]


@pytest.mark.parametrize("path", [ACL, f"{ACL}/"])
async def test_the_list_has_all_but_the_wrapping_tokens_policy(house, path):
    for name in ("b", "a"):
        await write(house, name)

    listed = await house.owner.ask("list", path)

    assert listed.data == {"keys": ["a", "b", "default", "root"]}


async def test_a_policy_that_was_deleted_is_gone(house):
    await write(house, "mine")

    answer = await house.owner.ask("delete", f"{ACL}/mine")

    assert answer.is_empty
    assert type(await house.owner.refusal("read", f"{ACL}/mine")) is NotFoundError
    assert await names(house) == ["default", "root"]
    assert (await house.owner.ask("delete", f"{ACL}/mine")).is_empty


async def test_policies_are_there_in_a_house_that_was_opened_again(house):
    await write(house, "kept")
    await write(house, "gone")
    await house.owner.ask("delete", f"{ACL}/gone")

    async with open_house(house.files) as restarted:
        assert await names(restarted) == ["default", "kept", "root"]
        assert (await read(restarted, "kept"))["policy"] == READS


async def test_what_a_policy_says_can_be_wrapped(house):
    await write(house, "mine")

    answer = await house.owner.ask("read", f"{ACL}/mine", wrap_ttl=60)

    assert (await house.unwrap(answer.wrap_info.token)).data["policy"] == READS


# -- the built-in ones


async def test_root_has_no_text(house):
    assert await read(house, "root") == {
        "name": "root",
        "policy": "",
        "version": 0,
        "cas_required": False,
        "allow_slashes_in_identity_templates": False,
        "allow_wildcards_in_identity_templates": False,
    }


@pytest.mark.parametrize("name", ["default", "response-wrapping"])
async def test_the_others_can_be_read(house, name):
    found = await read(house, name)

    assert found["name"] == name
    assert 'path "sys/wrapping/unwrap"' in found["policy"]


@pytest.mark.parametrize("name", ["root", "response-wrapping"])
async def test_two_of_them_never_change(house, name):
    told = f'cannot update "{name.lower()}" policy'
    assert await why_not(house, "write", f"{ACL}/{name}", {"policy": READS}) == (400, told)
    told = f'cannot delete "{name.lower()}" policy'
    assert await why_not(house, "delete", f"{ACL}/{name}") == (400, told)


async def test_default_can_be_written_and_not_deleted(house):
    token = await house.token()

    await write(house, "default", text_of(cubbyhole__x=["create"]))

    assert (await read(house, "default"))["version"] == 2
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=token)
    assert await why_not(house, "read", "auth/token/lookup-self", token=token) == DENIED
    assert await why_not(house, "delete", f"{ACL}/default") == (400, "cannot delete default policy")


# -- what is refused


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "'policy' parameter not supplied or empty"),
        ({"policy": ""}, "'policy' parameter not supplied or empty"),
        ({"policy": "{path}"}, "failed to parse policy: it is not JSON"),
        (
            {"policy": "path {}"},
            'failed to parse policy: line 1: a path is written path "..." { ... }',
        ),
        (
            {"policy": r'{"path": {"\ud800": {}}}'},
            "failed to parse policy: a path is not Unicode text",
        ),
        (
            {"policy": '{"path": {"p": {"capabilities": ["fly"]}}}'},
            'failed to parse policy: path "p": invalid capability "fly"',
        ),
        (
            {"policy": READS, "expiration": "1h"},
            "a policy has the members 'policy' and 'cas' here, and no others",
        ),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_the_old_one_stays(house, data, why):
    await write(house, "mine")

    assert await why_not(house, "write", f"{ACL}/mine", data) == (400, why)

    assert (await read(house, "mine"))["version"] == 1


async def test_the_folder_of_policies_is_listed_and_not_read(house):
    refused = await house.owner.refusal("read", f"{ACL}/")

    assert (refused.status, refused.code) == (405, "unsupported_operation")


async def test_a_name_may_have_slashes(house):
    await write(house, "team/app")

    assert "team/app" in await names(house)
    assert (await read(house, "team/app"))["policy"] == READS
    await house.owner.ask("delete", f"{ACL}/team/app")
    assert "team/app" not in await names(house)


async def test_what_is_built_in_can_be_written_back_as_it_is_read(house):
    text = (await read(house, "default"))["policy"]

    await write(house, "default", text)

    assert (await read(house, "default"))["policy"] == text


async def test_many_at_once_are_all_carried_out(house):
    """Each waits for the one before, whoever asks: a root ACL asks no policy."""
    for number in range(20):
        await write(house, f"p{number}")

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(house.owner.ask, "delete", f"{ACL}/p{number}")
            nursery.start_soon(write, house, f"q{number}")

    written = {f"q{number}" for number in range(20)}
    assert set(await names(house)) == {"default", "root", *written}


@pytest.mark.parametrize(
    ("cas", "told"),
    [
        (1, None),
        ("1", None),
        (None, None),
        (0, "check-and-set parameter did not match the current version"),
        (2, "check-and-set parameter did not match the current version"),
    ],
)
async def test_a_write_may_ask_for_the_version_that_it_replaces(house, cas, told):
    await write(house, "mine")

    root = await house.token("root")
    data = {"policy": READS, "cas": cas}
    outcome = await house.outcome("write", f"{ACL}/mine", data, token=root)

    assert getattr(outcome, "messages", None) == (told and (told,))
    assert (await read(house, "mine"))["version"] == (1 if told else 2)


async def test_version_0_is_one_that_is_not_there(house):
    await write(house, "mine", cas=0)

    refused = await house.owner.refusal("write", f"{ACL}/other", {"policy": READS, "cas": 1})

    assert refused.status == 400
    assert await names(house) == ["default", "mine", "root"]


async def test_there_is_a_quota_of_policies():
    async with open_house(rules=Rules(max_policies=2)) as house:
        await write(house, "a")
        await write(house, "b")

        refused = await house.owner.refusal("write", f"{ACL}/c", {"policy": READS})
        await write(house, "a", text_of(a=["list"]))

        assert (type(refused), refused.status) == (QuotaExceededError, 429)
        assert "there are 2 policies" in str(refused)
        await house.owner.ask("delete", f"{ACL}/b")
        await write(house, "c")


async def test_there_is_a_quota_of_a_policys_text():
    """In bytes of UTF-8."""
    text = json.dumps({"name": "é" * 30}, ensure_ascii=False)
    size = len(text.encode())
    async with open_house(rules=Rules(max_policy_bytes=size)) as house:
        await write(house, "a", text)

        refused = await house.owner.refusal("write", f"{ACL}/a", {"policy": text + " "})

    assert isinstance(refused, QuotaExceededError)
    assert f"a policy may have {size} bytes" in str(refused)


# -- who may


async def test_nobody_else_may(house):
    token = await house.token()
    await write(house, "mine")

    for operation, path in (
        ("list", ACL),
        *((each, f"{ACL}/mine") for each in ("read", "write", "delete")),
    ):
        assert await why_not(house, operation, path, {"policy": READS}, token=token) == DENIED
        refused = await house.guest.refusal(operation, path, {"policy": READS})
        assert (refused.status, refused.messages) == (403, ("permission denied",))

    assert await names(house) == ["default", "mine", "root"]
    assert (await read(house, "mine"))["version"] == 1


@pytest.mark.parametrize(
    ("words", "may_write"), [(["create"], False), (["update"], True), (["create", "update"], True)]
)
async def test_writing_a_policy_is_update_whether_or_not_it_is_there(house, words, may_write):
    """Create and update are told apart in cubbyholes alone, as in OpenBao."""
    await write(house, "old")
    await write(house, "writer", text_of(**{f"{ACL}/*": words}))
    token = await house.token("writer")

    for name in ("new", "old"):
        answer = await house.outcome("write", f"{ACL}/{name}", {"policy": READS}, token=token)
        assert isinstance(answer, Response) == may_write

    assert ("new" in await names(house)) == may_write
    assert (await read(house, "old"))["version"] == 1 + may_write


@pytest.mark.parametrize("num_uses", [1, 2])
async def test_a_limited_token_pays_a_use_for_each_change_and_the_last_one_counts(house, num_uses):
    """Its own file and the policy's change in one request."""
    token = await house.token("root", num_uses=num_uses)

    await write(house, "mine", token=token)

    assert (await read(house, "mine"))["version"] == 1
    assert await house.is_alive(token) == (num_uses == 2)
    if num_uses == 2:
        await house.owner.ask("delete", f"{ACL}/mine", token=token)
        assert await names(house) == ["default", "root"]
        assert not house.has_file(token)
