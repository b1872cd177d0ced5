"""What policies do to those who have them.

The rules: one rule decides for a path; a change acts on living tokens from the answer on, and no
request is decided while one is on its way.
"""

import json

import pytest
import trio
from fakes import MemoryFiles, disk_of
from house import open_house
from trio.testing import wait_all_tasks_blocked

from cubbyd.errors import RefusedError
from cubbyd.store.commit import Commit

ACL = "sys/policies/acl"
DENIED = "1 error occurred:\n\t* permission denied\n\n"
ALL = ["create", "read", "update", "delete", "list"]


async def define(house, name, **paths):
    """A policy: rules by path, in which ``__`` stands for a slash; a list is its capabilities."""
    rules = {
        path.replace("__", "/"): {"capabilities": rule} if isinstance(rule, list) else rule
        for path, rule in paths.items()
    }
    text = json.dumps({"path": rules})
    await house.owner.ask("write", f"{ACL}/{name}", {"policy": text})


async def holder(house, **paths):
    """A token with one policy of these rules, and no other."""
    await define(house, "p", **paths)
    return await house.token("p", no_default_policy=True)


async def may(house, token, operation, path, data=None, **more):
    """Whether policy permits it; what becomes of it then is another matter."""
    outcome = await house.outcome(operation, path, data, token=token, **more)
    if isinstance(outcome, RefusedError) and outcome.code == "permission_denied":
        assert outcome.messages == (DENIED,)
        return False
    return True


# -- one rule decides


async def test_a_token_may_what_its_policies_say_and_nothing_else(house):
    token = await holder(house, cubbyhole__x=["read"], sys__wrapping__wrap=["update"])

    assert await may(house, token, "read", "cubbyhole/x")
    assert await may(house, token, "write", "sys/wrapping/wrap", {}, wrap_ttl=60)
    for operation, path in (
        ("read", "cubbyhole/y"),
        ("read", "cubbyhole/x/y"),
        ("list", "cubbyhole/x"),
        ("delete", "cubbyhole/x"),
        ("read", "auth/token/lookup-self"),
        ("read", "nowhere"),
    ):
        assert not await may(house, token, operation, path), path


@pytest.mark.parametrize(
    ("operation", "word"),
    [
        ("read", "read"),
        ("list", "list"),
        ("delete", "delete"),
        ("write", "create"),
        ("patch", "patch"),
        ("scan", "scan"),
    ],
)
async def test_each_operation_has_its_capability(house, operation, word):
    token = await holder(house, **{"cubbyhole/*": [word]})

    for each in ("read", "list", "delete", "write", "patch", "scan"):
        assert await may(house, token, each, "cubbyhole/x", {"a": 1}) == (each == operation)


@pytest.mark.parametrize("operation", ["list", "scan"])
@pytest.mark.parametrize("path", ["cubbyhole/a", "cubbyhole/a/"])
@pytest.mark.parametrize("written", ["cubbyhole/a", "cubbyhole/a/", "cubbyhole/+", "cubbyhole/+/"])
async def test_a_folder_is_meant_with_or_without_its_slash(house, operation, path, written):
    token = await holder(house, **{written: [operation]})

    assert await may(house, token, operation, path)


@pytest.mark.parametrize(
    ("words", "may_make", "may_change"),
    [
        (["create"], True, False),
        (["update"], False, True),
        (["create", "update"], True, True),
        (["read", "delete", "list", "patch"], False, False),
    ],
)
async def test_a_write_is_create_or_update_by_what_is_there(house, words, may_make, may_change):
    await define(house, "p", **{"cubbyhole/*": ALL})
    token = await house.token("p", no_default_policy=True)
    await house.guest.ask("write", "cubbyhole/old", {"a": 1}, token=token)
    await define(house, "p", **{"cubbyhole/*": words})

    assert await may(house, token, "write", "cubbyhole/new", {"a": 2}) == may_make
    assert await may(house, token, "write", "cubbyhole/old", {"a": 2}) == may_change

    await define(house, "p", **{"cubbyhole/*": ALL})
    listed = await house.guest.ask("list", "cubbyhole", token=token)
    assert ("new" in listed.data["keys"]) == may_make
    found = await house.guest.ask("read", "cubbyhole/old", token=token)
    assert found.data == {"a": 2 if may_change else 1}


async def test_what_was_made_with_create_alone_is_never_changed_and_can_be_made_again(house):
    """After it was deleted it is not there."""
    token = await holder(house, **{"cubbyhole/*": ["create", "delete"]})

    tries = [
        await may(house, token, "write", "cubbyhole/x", {"a": 1}),
        await may(house, token, "write", "cubbyhole/x", {"a": 2}),
        await may(house, token, "delete", "cubbyhole/x"),
        await may(house, token, "write", "cubbyhole/x", {"a": 3}),
    ]

    assert tries == [True, False, True, True]


async def test_on_other_paths_a_write_is_update(house):
    token = await holder(house, **{"sys/wrapping/*": ["create"], "sys/tools/*": ["update"]})

    assert not await may(house, token, "write", "sys/wrapping/wrap", {}, wrap_ttl=60)
    assert await may(house, token, "write", "sys/tools/random")


async def test_where_nothing_is_a_write_is_update_too(house):
    """Whether it is permitted is told before whether there is anything."""
    token = await holder(house, nowhere=["create"], nowhere__else=["update"])

    assert not await may(house, token, "write", "nowhere")
    refused = await house.guest.refusal("write", "nowhere/else", token=token)
    assert refused.code == "unsupported_path"


async def test_the_more_specific_rule_replaces_the_other(house):
    token = await holder(
        house,
        **{
            "cubbyhole/*": ALL,
            "cubbyhole/a*": ["read"],
            "cubbyhole/ab": ["list"],
            "cubbyhole/+/c": ["delete"],
        },
    )

    for path, words in (
        ("cubbyhole/z", {"read", "list", "delete"}),
        ("cubbyhole/az", {"read"}),
        ("cubbyhole/ab", {"list"}),
        ("cubbyhole/z/c", {"delete"}),
    ):
        granted = {each for each in ("read", "delete") if await may(house, token, each, path)}
        assert granted == words - {"list"}, path


async def test_several_policies_add_up_and_deny_wins(house):
    await define(house, "reads", **{"cubbyhole/*": ["read"], "cubbyhole/x": ["read"]})
    await define(house, "deletes", **{"cubbyhole/*": ["delete"]})
    await define(house, "denies", cubbyhole__x=["deny"])
    both = await house.token("reads", "deletes", no_default_policy=True)
    three = await house.token("reads", "deletes", "denies", no_default_policy=True)

    assert await may(house, both, "read", "cubbyhole/y")
    assert await may(house, both, "delete", "cubbyhole/y")
    assert await may(house, both, "read", "cubbyhole/x")
    assert not await may(house, three, "read", "cubbyhole/x")
    assert await may(house, three, "read", "cubbyhole/y")


async def test_deny_holds_beside_default(house):
    await define(house, "no-unwrapping", sys__wrapping__unwrap=["deny"])
    token = await house.token("no-unwrapping")
    secret = await house.wrapped({"k": 1})

    data = {"token": secret}
    assert not await may(house, token, "write", "sys/wrapping/unwrap", data)
    assert not await may(house, token, "read", "sys/wrapping/unwrap", data)

    assert (await house.unwrap(secret)).data == {"k": 1}


async def test_nothing_denies_root(house):
    await define(house, "denies", **{"*": ["deny"]})
    token = await house.token("root", "denies")

    assert await may(house, token, "write", f"{ACL}/x", {"policy": "{}"})


async def test_a_name_that_nobody_defined_grants_nothing(house):
    token = await house.token("nobody", no_default_policy=True)

    assert not await may(house, token, "read", "cubbyhole/x")


# -- sudo


async def test_sudo_is_needed_to_see_all_accessors(house):
    plain = await holder(house, auth__token__accessors=["list"])
    assert not await may(house, plain, "list", "auth/token/accessors")

    await define(house, "p", auth__token__accessors=["sudo"])
    assert not await may(house, plain, "list", "auth/token/accessors")

    await define(house, "p", auth__token__accessors=["list", "sudo"])
    assert await may(house, plain, "list", "auth/token/accessors")


async def test_create_orphan_needs_no_sudo_and_creating_an_orphan_does(house):
    both = {"auth/token/create": ["update"], "auth/token/create-orphan": ["update"]}
    token = await holder(house, **both)

    answer = await house.guest.ask("write", "auth/token/create-orphan", token=token)
    refused = await house.guest.refusal(
        "write", "auth/token/create", {"no_parent": True}, token=token
    )

    assert (answer.auth.orphan, answer.auth.policies) == (True, ("p",))
    assert (refused.status, refused.messages) == (
        400,
        ("root or sudo privileges required to create orphan token",),
    )


async def test_sudo_on_the_path_lets_a_token_give_more_than_it_has(house):
    words = {"auth/token/create": ["update", "sudo"]}
    token = await holder(house, **words)
    ask = {"policies": ["other"], "period": "1h", "no_parent": True}

    answer = await house.guest.ask("write", "auth/token/create", ask, token=token)
    refused = await house.guest.refusal(
        "write", "auth/token/create", {"policies": ["root"]}, token=token
    )

    assert (answer.auth.policies, answer.auth.orphan) == (("default", "other"), True)
    assert refused.messages == ("root tokens may not be created without parent token being root",)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"policies": ["other"]}, "child policies must be subset of parent"),
        ({"policies": ["default"]}, "child policies must be subset of parent"),
        ({"policies": ["root"]}, "child policies must be subset of parent"),
        ({"period": "1h"}, "root or sudo privileges required to create periodic token"),
        ({"no_parent": True}, "root or sudo privileges required to create orphan token"),
        ({"policies": ["response-wrapping"]}, "child policies must be subset of parent"),
    ],
)
async def test_without_it_no_token_gives_more_than_it_has(house, data, why):
    token = await holder(house, auth__token__create=["update"])
    files = set(house.files.files)

    refused = await house.guest.refusal("write", "auth/token/create", data, token=token)

    assert (refused.status, refused.messages) == (400, (why,))
    assert set(house.files.files) == files


async def test_a_child_of_a_plain_token_has_all_or_some_of_its_policies(house):
    await define(house, "maker", auth__token__create=["update"])
    maker = await house.token("maker", "a", no_default_policy=True)

    heir = await house.guest.ask("write", "auth/token/create", token=maker)
    other = await house.guest.ask("write", "auth/token/create", {"policies": ["A "]}, token=maker)

    assert heir.auth.policies == ("a", "maker")
    assert other.auth.policies == ("a",)
    assert other.warnings == ('Policy "a" does not exist',)


# -- at once


async def test_a_change_acts_on_living_tokens_from_the_answer_on(house):
    token = await holder(house, cubbyhole__x=["read"])
    assert await may(house, token, "read", "cubbyhole/x")

    await define(house, "p", cubbyhole__y=["read"])
    assert not await may(house, token, "read", "cubbyhole/x")
    assert await may(house, token, "read", "cubbyhole/y")

    await house.owner.ask("delete", f"{ACL}/p")
    assert not await may(house, token, "read", "cubbyhole/y")


async def test_a_name_that_is_defined_later_counts_from_then_on(house):
    token = await house.token("later", no_default_policy=True)
    assert not await may(house, token, "read", "cubbyhole/x")

    await define(house, "later", cubbyhole__x=["read"])

    assert await may(house, token, "read", "cubbyhole/x")


@pytest.mark.parametrize("change", ["write", "delete"])
async def test_no_request_is_decided_while_a_change_is_on_its_way(change):
    """What it asks for is refused by the new policy, though it came before that was durable."""
    files, gate = MemoryFiles(), trio.Event()
    gate.set()

    async def when_open(sync_fn):
        await gate.wait()
        return sync_fn()

    commit = Commit(disk_of(files, when_open))
    outcomes = []
    async with open_house(files, commit=commit) as house, trio.open_nursery() as nursery:
        token = await holder(house, cubbyhole__x=["read"])
        root = await house.token("root")
        gate = trio.Event()

        async def ask(token):
            outcomes.append(await house.outcome("read", "cubbyhole/x", token=token))

        data = {"policy": "{}"} if change == "write" else None
        nursery.start_soon(house.owner.ask, change, f"{ACL}/p", data)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, token)
        await wait_all_tasks_blocked()
        assert outcomes == []
        await ask(root)  # is bound to nothing that any policy says
        assert outcomes.pop().code == "not_found"
        gate.set()

    (outcome,) = outcomes
    assert outcome.code == "permission_denied"


async def test_a_change_that_the_disk_refused_changes_nothing(house):
    token = await holder(house, cubbyhole__x=["read"])

    def refuse(_data):
        raise OSError(28, "no space")

    stage, house.files.stage = house.files.stage, refuse
    refused = await house.owner.refusal("write", f"{ACL}/p", {"policy": "{}"})
    house.files.stage = stage

    assert refused.code == "storage_full"
    assert await may(house, token, "read", "cubbyhole/x")
