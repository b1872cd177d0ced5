"""A policy in HCL reads to what OpenBao 2.7.2 reads, or is refused in words.

Nothing in it is evaluated, and nothing is passed over. What each text means was asked of a real
server.
"""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.core.policy import Capability, Rule
from cubbyd.core.policy_hcl import parse_policy
from cubbyd.errors import InvalidRequestError

READ = (Rule(path="a", capabilities=frozenset({Capability.READ})),)
READ_LIST = (Rule(path="a", capabilities=frozenset({Capability.READ, Capability.LIST})),)
WRAPS = (Rule(path="a", capabilities=frozenset({Capability.READ}), min_wrapping_ttl=1),)
DENY = (Rule(path="a", capabilities=frozenset({Capability.DENY})),)


def why_not(text):
    with pytest.raises(InvalidRequestError) as refused:
        parse_policy(text)
    assert refused.value.status == 400
    (message,) = refused.value.messages
    return message


# -- what it says


def test_each_block_is_a_rule():
    rules = parse_policy("""
        # The backup reads all,
        path "cubbyhole/*" {
          capabilities = ["read", "list"]
          min_wrapping_ttl = "1s"
        }

        // and one thing more.
        path "sys/+/x" { /* for now */
          capabilities = [
            "update", # a comma at the end is allowed
          ]
          max_wrapping_ttl = 90
        }
    """)

    assert rules == (
        Rule(
            path="cubbyhole/*",
            capabilities=frozenset({Capability.READ, Capability.LIST}),
            min_wrapping_ttl=1,
        ),
        Rule(path="sys/+/x", capabilities=frozenset({Capability.UPDATE}), max_wrapping_ttl=90),
    )


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ('path "a" { capabilities = ["read"] }', READ),
        ('path "a"\n{ capabilities\n=\n[\n"read"\n]\n}', READ),
        ('# x\r\npath "a" {\r\n capabilities = ["read"]\r\n}\r\n', READ),
        ('path"a"{capabilities=["read"]}', READ),
        ('path "a" { capabilities = ["read",] }', READ),
        ('path "a" { capabilities = ["read"], }', READ),
        ('path "a" { capabilities = ["read"] min_wrapping_ttl = "1s" }', WRAPS),
        ('path "a" { min_wrapping_ttl = 1, capabilities = ["read"] }', WRAPS),
        ('path "a" { comment = "# // /* */ { } [ policy =" capabilities = ["read"] }', READ),
        ('path "a" { capabilities = ["read"], comment = "x" },', READ),
        ('name = "x" path "a" { capabilities = ["read"] }', READ),
        ('path "a" { capabilities = ["read"] }\nname = "x"', READ),
        ('/*/ x */path "a" { capabilities = ["read"] }# "', READ),
        ('// /*\npath "a" { capabilities = ["read"] } # */', READ),
        ('path "/a" { capabilities = ["read"] }', READ),
        ('path "a" { policy = "read" }', READ_LIST),
        ('path "a" { policy = "deny" capabilities = ["read"] }', DENY),
        ('{"path": {"a": {"capabilities": ["read"]}}}', READ),
        ('\n\t {"path": {"a": {"capabilities": ["read"]}}}', READ),
    ],
)
def test_the_forms_that_people_write(text, rules):
    assert parse_policy(text) == rules


@pytest.mark.parametrize("text", [" ", "\n", "# nothing", "# nothing\n", "/* */", "{}", 'name="x"'])
def test_a_policy_may_grant_nothing(text):
    assert parse_policy(text) == ()


def test_a_path_that_is_there_twice_is_two_rules():
    first, second = parse_policy('path "a" { policy = "deny" } path "a" { policy = "sudo" }')

    assert (first.path, second.path) == ("a", "a")


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (r"a\"b", 'a"b'),
        (r"a\\b", "a\\b"),
        (r"a\\\"b", 'a\\"b'),
        (r"a\\", "a\\"),
        ("é/€😀", "é/€😀"),
        ("a#b//c/*d*/", "a#b//c/*d*/"),
        ("$a/$/%{b}", "$a/$/%{b}"),
        ("0", "0"),
    ],
)
def test_a_name_is_taken_as_it_stands(written, path):
    (rule,) = parse_policy(f'path "{written}" {{}}')

    assert rule.path == path


@pytest.mark.parametrize(
    ("body", "lowest", "highest"),
    [
        ("min_wrapping_ttl = 5", 5, None),
        ('min_wrapping_ttl = "5"', 5, None),
        ('min_wrapping_ttl = "1m" max_wrapping_ttl = "1d"', 60, 86400),
        ('min_wrapping_ttl = 0 max_wrapping_ttl = ""', None, None),
    ],
)
def test_a_bound_is_a_duration_and_0_is_none(body, lowest, highest):
    (rule,) = parse_policy(f'path "a" {{ {body} }}')

    assert (rule.min_wrapping_ttl, rule.max_wrapping_ttl) == (lowest, highest)


# -- what is refused


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("\ufeff{}", 1, "unexpected U+FEFF"),
        ('path "a" {}\n\n;', 3, 'unexpected ";"'),
        ("path 'a' {}", 1, 'unexpected "\'"'),
        ('path "a', 1, "unexpected string"),
        ('path "a\nb" {}', 1, "unexpected string"),
        ('path "a\\x41" {}', 1, "unexpected string"),
        ('path "a\\\n" {}', 1, "unexpected string"),
        ('\n\npath "a${b}" {}', 3, "a string has ${"),
        ('path "a$${b}" {}', 1, "a string has ${"),
        ("# x\n/* y\n\n", 2, 'unexpected "/"'),
        ('#\rpath "a" {}', 1, "a carriage return without a line feed"),
        ('path "a" {}\n#\n\n#\rx', 4, "a carriage return without a line feed"),
        ("a = <<E\nx\nE\n", 1, 'unexpected "<"'),
        ('path "a" {\n min_wrapping_ttl = 010\n}', 2, "unexpected number"),
        ('path "a" {\n min_wrapping_ttl = 0x10\n}', 2, "unexpected number"),
        ('path "a" { min_wrapping_ttl = 1.5 }', 1, "unexpected number"),
        ('path "a" { min_wrapping_ttl = 5s }', 1, "unexpected number"),
        ('path "a" { min_wrapping_ttl = -1 }', 1, 'unexpected "-"'),
        ('path "a" { capabilities: ["read"] }', 1, 'unexpected ":"'),
        ("path a.b {}", 1, 'unexpected "a"'),
        ('path "a" {\n}\n}', 3, "} stands where word is wanted"),
        ('path "a" { capabilities = ["read"} ]', 1, "} stands where ] is wanted"),
        (', path "a" {}', 1, ", stands where word is wanted"),
        ('path "a" {},\n, path "b" {}', 2, ", stands where word is wanted"),
        ('path "a", {}', 1, ", stands where { is wanted"),
        ('path "a" { , }', 1, ", stands where word is wanted"),
        ("[", 1, "[ stands where word is wanted"),
        ("{a" * 5, None, "it is not JSON"),
        ("path", 1, 'a path is written path "..." { ... }'),
        ('path "a" {', 1, "end stands where word is wanted"),
        ('# x\npath "a" {\n  capabilities = ["read"\n  "list"]\n}', 4, "string stands where ]"),
        ('path "a" { "capabilities" = ["read"] }', 1, "string stands where word is wanted"),
        ('path "a" { capabilities = [,"read"] }', 1, ", stands where string is wanted"),
        ('path "a" { capabilities ["read"] }', 1, "[ stands where = is wanted"),
        ('path "a", "b" {}', 1, ", stands where { is wanted"),
        ('path "a" = {}', 1, "= stands where { is wanted"),
        ('path "a" [{}]', 1, "[ stands where { is wanted"),
        ("\nbogus {}", 2, 'a block is path "..." { ... }'),
        ('Path "a" {}', 1, 'a block is path "..." { ... }'),
        ("path {}", 1, 'a path is written path "..." { ... }'),
        ("path a {}", 1, 'a path is written path "..." { ... }'),
        ("path = 5", 1, 'a path is written path "..." { ... }'),
        ('path "a" "b" {}', 1, "string stands where { is wanted"),
        ('path "a" {\n capabilities {}\n}', 2, "{ stands where = is wanted"),
        ('path "a" { path "b" {} }', 1, "string stands where = is wanted"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_line(text, line, why):
    where = "" if line is None else f"line {line}: "

    assert why_not(text).startswith(f"failed to parse policy: {where}{why}")


@pytest.mark.parametrize("value", ["read", "true", "null", "{}", "{ x = 1 }", "x[0]"])
@pytest.mark.parametrize("name", ["capabilities", "min_wrapping_ttl", "allowed_parameters"])
def test_a_value_is_text_a_number_or_a_list_of_texts(name, value):
    """Not what an expression comes to."""
    told = why_not(f'path "a" {{\n{name} = {value}\n}}')

    words = "is neither text nor a whole number nor a list of texts, as all that is kept here"
    assert told == f'failed to parse policy: line 2: "{name}" {words}'


@pytest.mark.parametrize("value", ["[1]", "[read]", '[["read"]]', '["a"][0]', '"a" + "b"', "1 2"])
def test_nothing_is_put_together_or_taken_apart(value):
    assert "line 1: " in why_not(f'path "a" {{ capabilities = {value} }}')


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('capability = ["read"]', 'invalid key "capability"'),
        ('Capabilities = ["read"]', 'invalid key "Capabilities"'),
        ('expiration = "2099-01-01T00:00:00Z"', 'invalid key "expiration"'),
        ('required_parameters = ["x"]', 'invalid key "required_parameters"'),
        ('capabilities = ["Read"]', 'invalid capability "Read"'),
        ('capabilities = "read"', "capabilities is not a list of words"),
        ('policy = ["read"]', 'invalid policy ["read"]'),
        ('min_wrapping_ttl = "2s" max_wrapping_ttl = 1', "max_wrapping_ttl cannot be less than"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_path(body, why):
    assert why_not(f'path "a" {{ {body} }}').startswith(f'failed to parse policy: path "a": {why}')


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('path "a" { capabilities = ["deny"]\n capabilities = ["sudo"] }', "capabilities"),
        ('path "a" { min_wrapping_ttl = 9,\n min_wrapping_ttl = 1 }', "min_wrapping_ttl"),
        ('name = "x"\nname = "y"', "name"),
    ],
)
def test_an_attribute_that_is_there_twice_is_refused(text, name):
    """OpenBao joins lists and takes the last of the others."""
    assert why_not(text) == f'failed to parse policy: line 2: "{name}" is there twice'


@pytest.mark.parametrize("text", ['path = "a"', "path = []", 'path = { "a" = {} }', "path = 5"])
def test_a_path_is_a_block(text):
    assert why_not(text).startswith("failed to parse policy: ")


@pytest.mark.parametrize(
    "text",
    [
        "a = <<A\n" + "\n" * 60_000,
        "/*" * 30_000,
        '"' + '\\"' * 30_000,
        "[" * 60_000,
        "a = " + "(" * 60_000,
        "a = 1" + "+1" * 30_000,
        "a {" * 20_000,
        "a=1\n" * 15_000,
        "a." * 30_000,
        '""' * 30_000,
        "\n" * 60_000 + "!",
    ],
    ids=lambda text: text[:8],
)
def test_a_bomb_is_refused_soon(text):
    """None keeps the daemon's event loop for long."""
    began = time.process_time()

    why_not(text)

    assert time.process_time() - began < 0.5


# -- for all policies

paths = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=12
).filter(lambda path: not any(bad in path for bad in ("+*", "{{", "}}", "${")))
bounds = st.none() | st.integers(0, 99) | st.sampled_from(["1s", "90", "1h30m", ""])
bodies = st.fixed_dictionaries(
    {"capabilities": st.lists(st.sampled_from([each.value for each in Capability]), max_size=4)},
    optional={
        "policy": st.sampled_from(["read", "write", "sudo", "deny"]),
        "comment": paths,
        "min_wrapping_ttl": bounds.filter(lambda bound: bound is not None),
    },
)
blanks = st.sampled_from([" ", "\n", "\r\n", "\t", "# {\n", '// "\n', "/* [ */"])


@st.composite
def hcl(draw, policy):
    """A policy as somebody might have written it, with blanks and comments wherever they may be."""
    pieces = []
    for path, body in policy.items():
        pieces += ["path", quoted(path), "{"]
        for name, value in body.items():
            pieces += [name, "=", *value_pieces(value)]
            if draw(st.booleans()):
                pieces.append(",")
        pieces.append("}")
    return "".join(piece + draw(blanks) for piece in pieces)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def value_pieces(value):
    if isinstance(value, list):
        return ["[", *(piece for each in value for piece in (quoted(each), ",")), "]"]
    return [quoted(value) if isinstance(value, str) else str(value)]


@given(st.data(), st.dictionaries(paths, bodies, max_size=4))
def test_a_policy_says_the_same_in_hcl_and_in_json(data, policy):
    text = data.draw(hcl(policy))

    assert parse_policy(text) == parse_policy(json.dumps({"path": policy}))


@given(
    st.text(max_size=30)
    | st.lists(
        st.sampled_from(
            [
                *'{}[]=,"\\$%#/*\n\r .-+(<:',
                *("path", '"a"', '"read"', "capabilities", "policy", "min_wrapping_ttl", "name"),
                *("5", "true", "null", "for", "if", "in", " = ", " {"),
            ]
        ),
        max_size=14,
    ).map("".join)
)
def test_any_text_is_read_or_refused(text):
    try:
        rules = parse_policy(text)
    except InvalidRequestError:
        return
    assert all(isinstance(rule, Rule) for rule in rules)
