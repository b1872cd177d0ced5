"""A policy's JSON text becomes rules, or is refused in words: nothing in it is passed over."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.core.policy import Capability, Rule
from cubbyd.core.policy_text import parse_json_policy
from cubbyd.errors import InvalidRequestError


def parsed(policy):
    return parse_json_policy(json.dumps(policy))


def words(rule):
    return " ".join(sorted(each.value for each in rule.capabilities))


def one(body, path="p"):
    """The one rule of a policy with this body."""
    (rule,) = parsed({"path": {path: body}})
    return rule


def why_not(text):
    with pytest.raises(InvalidRequestError) as refused:
        parse_json_policy(text)
    assert refused.value.status == 400
    (message,) = refused.value.messages
    return message


# -- what it says


def test_each_path_is_a_rule():
    rules = parsed(
        {
            "path": {
                "cubbyhole/*": {"capabilities": ["read", "list"], "min_wrapping_ttl": "1s"},
                "sys/+/x": {"capabilities": ["update"], "max_wrapping_ttl": 90},
            }
        }
    )

    assert rules == (
        Rule(
            path="cubbyhole/*",
            capabilities=frozenset({Capability.READ, Capability.LIST}),
            min_wrapping_ttl=1,
        ),
        Rule(path="sys/+/x", capabilities=frozenset({Capability.UPDATE}), max_wrapping_ttl=90),
    )


@pytest.mark.parametrize(
    "policy",
    [
        {"path": [{"p": {"capabilities": ["read"]}}]},
        {"path": {"p": [{"capabilities": ["read"]}]}},
        {"path": [{"p": [{"capabilities": ["read"]}]}]},
        {"name": "x", "path": {"p": {"capabilities": ["read"]}}},
        {"path": {"/p": {"capabilities": ["read"]}}},
    ],
)
def test_the_forms_that_hcl_reads_to_say_the_same(policy):
    """Lists of one where HCL allows more; and a leading slash is none of the path."""
    assert parsed(policy) == (Rule(path="p", capabilities=frozenset({Capability.READ})),)


def test_a_path_that_is_there_twice_is_two_rules():
    body = [{"capabilities": ["read"]}, {"capabilities": ["list"]}]

    assert [words(rule) for rule in parsed({"path": {"p": body}})] == ["read", "list"]


@pytest.mark.parametrize("policy", [{}, {"path": {}}, {"name": "x"}])
def test_a_policy_may_grant_nothing(policy):
    assert parsed(policy) == ()


@pytest.mark.parametrize("word", [each.value for each in Capability])
def test_every_capability_has_its_word(word):
    assert words(one({"capabilities": [word]})) == word


@pytest.mark.parametrize("body", [{}, {"capabilities": []}, {"capabilities": None}])
def test_a_rule_may_grant_nothing(body):
    assert words(one(body)) == ""


def test_deny_leaves_nothing_else():
    assert words(one({"capabilities": ["read", "deny", "sudo"]})) == "deny"


@pytest.mark.parametrize(
    ("word", "granted"),
    [
        ("deny", "deny"),
        ("read", "list read"),
        ("write", "create delete list read update"),
        ("sudo", "create delete list read sudo update"),
    ],
)
def test_vaults_old_words_stand_for_several(word, granted):
    assert words(one({"policy": word})) == granted
    assert words(one({"policy": word, "capabilities": ["deny"]})) == "deny"


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), (90, 90), ("1h", 3600), ("90", 90), (0, None), ("", None)]
)
def test_a_bound_is_a_duration_and_0_is_none(written, seconds):
    rule = one({"min_wrapping_ttl": written, "max_wrapping_ttl": written})

    assert (rule.min_wrapping_ttl, rule.max_wrapping_ttl) == (seconds, seconds)


# -- what is refused

PATH = 'failed to parse policy: path "p": '


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "failed to parse policy: it is not JSON"),
        ('path "p" {}', "failed to parse policy: it is not JSON"),
        ("{}}", "failed to parse policy: it is not JSON"),
        ("[" * 100_000, "failed to parse policy: it is not JSON"),
        ("[]", "failed to parse policy: it is not an object"),
        ("null", "failed to parse policy: it is not an object"),
        ('"x"', "failed to parse policy: it is not an object"),
        ('{"paths": {}}', 'failed to parse policy: invalid key "paths"'),
        ('{"b": 1, "a": 2}', 'failed to parse policy: invalid key "a", "b"'),
        ('{"path": 5}', "failed to parse policy: path is not an object"),
        ('{"path": null}', "failed to parse policy: path is not an object"),
        ('{"path": [5]}', "failed to parse policy: path is not an object"),
        ('{"path": {"p": 5}}', 'failed to parse policy: path "p" is not an object'),
        ('{"path": {"p": ["read"]}}', 'failed to parse policy: path "p" is not an object'),
    ],
)
def test_what_is_no_policy_is_refused(text, why):
    assert why_not(text) == why


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"capability": ["read"]}, 'invalid key "capability"'),
        ({"allowed_parameters": {}}, 'invalid key "allowed_parameters"'),
        ({"denied_parameters": {}, "expiration": "x"}, 'invalid key "denied_parameters"'),
        ({"capabilities": "read"}, "capabilities is not a list of words"),
        ({"capabilities": ["read", 5]}, "capabilities is not a list of words"),
        ({"capabilities": {"read": True}}, "capabilities is not a list of words"),
        ({"capabilities": ["read", "Read"]}, 'invalid capability "Read"'),
        ({"capabilities": ["root"]}, 'invalid capability "root"'),
        ({"capabilities": [""]}, 'invalid capability ""'),
        ({"policy": "root"}, 'invalid policy "root"'),
        ({"policy": ["read"]}, 'invalid policy ["read"]'),
        ({"min_wrapping_ttl": "soon"}, 'time: invalid duration "soon"'),
        ({"max_wrapping_ttl": "-1s"}, "a wrapping TTL is negative"),
        ({"min_wrapping_ttl": True}, "a wrapping TTL is neither a number nor a duration"),
        ({"min_wrapping_ttl": 1.5}, "a wrapping TTL is neither a number nor a duration"),
        (
            {"min_wrapping_ttl": "2s", "max_wrapping_ttl": "1s"},
            "max_wrapping_ttl cannot be less than min_wrapping_ttl",
        ),
    ],
)
def test_what_is_no_rule_is_refused_with_its_path(body, why):
    told = why_not(json.dumps({"path": {"ok": {"capabilities": ["read"]}, "p": body}}))

    assert told.startswith(PATH + why)


@pytest.mark.parametrize("path", ["a/+*", "+*", "a/+*/b"])
def test_a_plus_and_a_star_do_not_touch(path):
    told = why_not(json.dumps({"path": {path: {"capabilities": ["read"]}}}))

    assert told.endswith(f"path \"{path}\": invalid use of wildcards ('+*' is forbidden)")


@pytest.mark.parametrize("path", ["a/{{identity.entity.id}}", "a/{{", "}}"])
def test_a_template_is_refused_for_there_are_no_identities(path):
    """A rule that forbids something would forbid it nowhere."""
    told = why_not(json.dumps({"path": {path: {"capabilities": ["deny"]}}}))

    assert told.endswith(f'path "{path}": there are no identities to fill in a template')


@pytest.mark.parametrize(
    "member",
    [
        "allowed_parameters",
        "denied_parameters",
        "required_parameters",
        "expiration",
        "mfa_methods",
        "control_group",
        "pagination_limit",
        "list_scan_response_keys_filter_path",
    ],
)
def test_what_openbao_could_forbid_besides_is_refused_and_not_passed_over(member):
    assert why_not(json.dumps({"path": {"p": {member: 1}}})) == f'{PATH}invalid key "{member}"'


def test_a_comment_is_for_people():
    assert words(one({"comment": "for the backup", "capabilities": ["read"]})) == "read"


def test_a_member_that_is_there_twice_is_refused():
    """Which of the two was meant, nobody can tell."""
    told = why_not('{"path": {"p": {"capabilities": ["deny"]}, "p": {"capabilities": ["sudo"]}}}')

    assert told == 'failed to parse policy: "p" is there twice'


@given(
    st.text(max_size=30)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["path", "name", "p", "capabilities", "policy", "min_wrapping_ttl"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ).map(json.dumps)
)
def test_any_text_is_read_or_refused(text):
    try:
        rules = parse_json_policy(text)
    except InvalidRequestError:
        return
    assert all(isinstance(rule, Rule) for rule in rules)
