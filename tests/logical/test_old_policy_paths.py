"""sys/policy: the same policies by their old path, with the old names, as hvac asks for them.

The rules: one policy, two paths; each path has its own rule in who may; what is refused by one is
refused by the other.
"""

import pytest
from fakes import EPOCH

from cubbyd.clock import rfc3339

OLD, NEW = "sys/policy", "sys/policies/acl"
READS = '{"path": {"cubbyhole/x": {"capabilities": ["read"]}}}'
OTHER = '{"path": {"cubbyhole/y": {"capabilities": ["list"]}}}'
DENIED = "1 error occurred:\n\t* permission denied\n\n"


async def written(house):
    """The policy ``mine`` as the new path tells it."""
    return (await house.owner.ask("read", f"{NEW}/mine")).data


@pytest.mark.parametrize("operation", ["read", "list"])
async def test_the_names_are_told_twice(house, operation):
    await house.owner.ask("write", f"{NEW}/mine", {"policy": READS})

    told = await house.owner.ask(operation, OLD)

    names = ["default", "mine", "root"]
    assert told.data == {"keys": names, "policies": names}


async def test_a_policy_is_read_with_its_text_as_rules(house, autojump_clock):
    await house.owner.ask("write", f"{OLD}/mine", {"policy": READS})

    told = await house.owner.ask("read", f"{OLD}/mine")

    assert told.data == {
        "name": "mine",
        "rules": READS,
        "version": 1,
        "modified": rfc3339(EPOCH),
        "cas_required": False,
        "allow_slashes_in_identity_templates": False,
        "allow_wildcards_in_identity_templates": False,
    }
    assert (await written(house))["policy"] == READS


async def test_policy_root_has_no_rules(house):
    for path, member in ((OLD, "rules"), (NEW, "policy")):
        told = await house.owner.ask("read", f"{path}/root")

        assert (told.data["name"], told.data[member], told.data["version"]) == ("root", "", 0)
        assert "modified" not in told.data


async def test_a_policy_may_be_written_as_rules_at_the_price_of_a_warning(house):
    answer = await house.owner.ask("write", f"{OLD}/mine", {"rules": READS})

    assert answer.warnings == ("'rules' is deprecated, please use 'policy' instead",)
    assert answer.data is None
    assert (await written(house))["policy"] == READS


async def test_of_both_members_policy_is_the_one(house):
    answer = await house.owner.ask("write", f"{OLD}/mine", {"policy": READS, "rules": OTHER})

    assert answer.is_empty
    assert (await written(house))["policy"] == READS


async def test_it_acts_and_it_goes_as_by_the_new_path(house):
    token = await house.token("mine")
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=token)
    await house.owner.ask("write", f"{OLD}/default", {"policy": "{}"})
    refused = await house.guest.refusal("read", "cubbyhole/x", token=token)
    assert refused.messages == (DENIED,)

    await house.owner.ask("write", f"{OLD}/mine", {"policy": READS})
    assert (await house.guest.ask("read", "cubbyhole/x", token=token)).data == {"a": 1}

    await house.owner.ask("delete", f"{OLD}/mine")
    assert await house.owner.refusal("read", f"{NEW}/mine")
    refused = await house.guest.refusal("read", "cubbyhole/x", token=token)
    assert refused.messages == (DENIED,)


@pytest.mark.parametrize(
    ("operation", "name", "data"),
    [
        ("write", "root", {"policy": READS}),
        ("write", "response-wrapping", {"policy": READS}),
        ("write", "mine", None),
        ("write", "mine", {"policy": ""}),
        ("write", "mine", {"policy": "no policy"}),
        ("write", "mine", {"policy": READS, "expiration": "1h"}),
        ("write", "mine", {"policy": READS, "cas": 5}),
        ("write", "MINE", {"policy": READS}),
        ("read", "MINE", None),
        ("read", "nobody-wrote-it", None),
        ("delete", "root", None),
        ("delete", "default", None),
        ("delete", "response-wrapping", None),
    ],
)
async def test_what_one_path_refuses_the_other_refuses(house, operation, name, data):
    refused = [await house.owner.refusal(operation, f"{path}/{name}", data) for path in (OLD, NEW)]

    told = [(each.status, each.messages) for each in refused]
    assert told[0] == told[1]


async def test_rules_are_a_member_of_the_old_path_alone(house):
    refused = await house.owner.refusal("write", f"{NEW}/mine", {"rules": READS})

    assert refused.status == 400


async def test_who_may_by_one_path_may_not_by_the_other(house):
    rule = '{"path": {"sys/policy/*": {"capabilities": ["read"]}}}'
    await house.owner.ask("write", f"{NEW}/mine", {"policy": rule})
    token = await house.token("mine")

    assert (await house.guest.ask("read", f"{OLD}/mine", token=token)).data["rules"] == rule
    for operation, path in (("read", f"{NEW}/mine"), ("write", f"{OLD}/mine"), ("list", OLD)):
        refused = await house.guest.refusal(operation, path, {"policy": rule}, token=token)
        assert refused.messages == (DENIED,)
