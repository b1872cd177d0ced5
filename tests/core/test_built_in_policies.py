"""The policies that are built in mean what OpenBao's mean."""

import pytest

from cubbyd.core.policy import BUILT_IN, Acl, Capability, RootAcl

EVERY_PATH = [
    "auth/peer/login",
    "auth/token/accessors",
    "auth/token/create",
    "auth/token/create-orphan",
    "auth/token/lookup",
    "auth/token/lookup-accessor",
    "auth/token/lookup-self",
    "auth/token/renew",
    "auth/token/renew-self",
    "auth/token/revoke",
    "auth/token/revoke-orphan",
    "auth/token/revoke-self",
    "cubbyhole",
    "cubbyhole/",
    "cubbyhole/a",
    "cubbyhole/a/b",
    "cubbyhole/response",
    "sys/capabilities",
    "sys/capabilities-self",
    "sys/policies/acl",
    "sys/policies/acl/default",
    "sys/tools/hash",
    "sys/tools/hash/sha2-256",
    "sys/tools/random",
    "sys/wrapping/lookup",
    "sys/wrapping/rewrap",
    "sys/wrapping/unwrap",
    "sys/wrapping/wrap",
    "",
]


def granted(policy):
    """What a policy grants on every path: a table to read."""
    rules = RootAcl() if policy == "root" else Acl(BUILT_IN[policy].rules)
    found = {
        path: " ".join(sorted(each.value for each in rules.rule(path).capabilities))
        for path in EVERY_PATH
    }
    return {path: words for path, words in found.items() if words}


def test_default():
    everything = "create delete list read update"
    assert granted("default") == {
        "auth/token/lookup-self": "read",
        "auth/token/renew-self": "update",
        "auth/token/revoke-self": "update",
        "cubbyhole/": everything,
        "cubbyhole/a": everything,
        "cubbyhole/a/b": everything,
        "cubbyhole/response": everything,
        "sys/capabilities-self": "update",
        "sys/tools/hash": "update",
        "sys/tools/hash/sha2-256": "update",
        "sys/wrapping/lookup": "update",
        "sys/wrapping/rewrap": "update",  # ours: who could unwrap may also rewrap
        "sys/wrapping/unwrap": "update",
        "sys/wrapping/wrap": "update",
    }


def test_default_lists_the_cubbyhole_itself():
    assert Capability.LIST in Acl(BUILT_IN["default"].rules).list_rule("cubbyhole").capabilities


def test_response_wrapping_grants_what_a_wrapping_token_needs_and_no_more():
    assert granted("response-wrapping") == {
        "auth/token/revoke-self": "update",
        "cubbyhole/response": "create read",
        "sys/wrapping/unwrap": "update",
    }


def test_root_is_granted_everything():
    assert set(granted("root")) == set(EVERY_PATH)


def test_the_text_of_a_built_in_policy_is_as_people_write_it():
    assert (
        BUILT_IN["response-wrapping"].text
        == """
path "cubbyhole/response" {
    capabilities = ["create", "read"]
}

path "sys/wrapping/unwrap" {
    capabilities = ["update"]
}

path "auth/token/revoke-self" {
    capabilities = ["update"]
}
"""
    )


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_no_built_in_policy_grants_sudo(name):
    assert all(Capability.SUDO not in rule.capabilities for rule in BUILT_IN[name].rules)
