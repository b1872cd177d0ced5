"""A policy whose file cannot be read refuses whoever depends on it, and there is a way out.

The rules: nobody else is concerned; it is never overwritten, for it is not absent; deleting it is
how somebody says that it may go.
"""

import json

from house import KEYS, open_house

from cubbyd.errors import IntegrityError
from cubbyd.messages import Response
from cubbyd.store.policy_record import file_name

ACL = "sys/policies/acl"


async def define(house, name, words):
    """A policy with these capabilities on cubbyhole/x."""
    text = json.dumps({"path": {"cubbyhole/x": {"capabilities": words}}})
    await house.owner.ask("write", f"{ACL}/{name}", {"policy": text})


def damage(house, name):
    """Shorten the file of a policy; its name is answered."""
    file = file_name(name, KEYS)
    house.files.files[file] = house.files.files[file][:-1]
    return file


async def test_it_refuses_those_who_have_it_and_nobody_else(house):
    await define(house, "hit", ["read"])
    await define(house, "spared", ["read"])
    hit = await house.token("hit", "spared")
    spared = await house.token("spared")
    root = await house.token("root", "hit")
    damage(house, "hit")

    async with open_house(house.files) as restarted:
        for operation, path in (("read", "cubbyhole/x"), ("read", "auth/token/lookup-self")):
            refused = await restarted.guest.refusal(operation, path, token=hit)
            assert isinstance(refused, IntegrityError)
            assert 'policy "hit"' in str(refused)
        for token in (spared, root):
            outcome = await restarted.outcome("read", "auth/token/lookup-self", token=token)
            assert isinstance(outcome, Response)


async def test_it_is_not_overwritten_and_can_be_deleted(house):
    await define(house, "hit", ["read"])
    await define(house, "spared", ["read"])
    hit = await house.token("hit", "spared")
    file = damage(house, "hit")

    async with open_house(house.files) as restarted:
        for path in (f"{ACL}/hit", "sys/policy/hit"):
            told = await restarted.owner.refusal("write", path, {"policy": "{}"})
            assert isinstance(told, IntegrityError)
        assert file in house.files.files

        await restarted.owner.ask("delete", f"{ACL}/hit")

        refused = await restarted.guest.refusal("read", "cubbyhole/x", token=hit)
        assert refused.status == 404  # by the policy that was spared


async def test_default_can_then_be_deleted_and_is_as_built_in(house):
    """Else nobody could help those who have it, and that is nearly everybody."""
    token = await house.token()
    await define(house, "default", ["read"])
    file = damage(house, "default")

    async with open_house(house.files) as restarted:
        told = await restarted.owner.refusal("write", f"{ACL}/default", {"policy": "{}"})
        assert isinstance(told, IntegrityError)
        assert file in house.files.files

        await restarted.owner.ask("delete", f"{ACL}/default")

        assert file not in house.files.files
        found = await restarted.guest.ask("read", "auth/token/lookup-self", token=token)
        assert found.data["policies"] == ["default"]
        told = await restarted.owner.refusal("delete", f"{ACL}/default")
        assert told.messages == ("cannot delete default policy",)


async def test_once_its_file_is_right_again_it_holds_again(house):
    """Nobody has to restart the daemon for a descriptor that was missing when it started."""
    await define(house, "hit", ["read"])
    token = await house.token("hit")
    right = house.files.files[file_name("hit", KEYS)]
    file = damage(house, "hit")

    async with open_house(house.files) as restarted:
        told = await restarted.guest.refusal("read", "cubbyhole/x", token=token)
        assert isinstance(told, IntegrityError)

        house.files.files[file] = right

        refused = await restarted.guest.refusal("read", "cubbyhole/x", token=token)
        assert refused.status == 404
        assert (await restarted.owner.ask("read", f"{ACL}/hit")).data["version"] == 1
