"""Policies as people write them: in HCL and in JSON, and as nobody should."""

import json

from draw import among, each_of, just, lists, mapped, one_of
from odd_values import RULE_PATHS

_BOUNDS = among(None, None, None, None, "1s", "60s", "1m", "2m", "1h", 60, "0s")
_ODD_BOUNDS = among("abc", "-1s", "1d", 1.5, "", "500ms", "1w", "9999h")
_BOUND = one_of(*[_BOUNDS] * 9, _ODD_BOUNDS)
_ALL = ["create", "read", "update", "delete", "list"]
_SOUND = one_of(
    among(["read"], _ALL, ["update"], ["create"], ["deny"], ["read", "list"], ["read", "deny"]),
    just([*_ALL, "sudo"]),
    lists(among(*_ALL, "sudo", "deny"), most=4),
)
_ODD = among(["write"], ["nope"], [], ["READ"], ["read", "read"], ["root"], [""], "read", None)
_CAPABILITIES = one_of(*[_SOUND] * 9, _ODD)


def _rule(drawn: list) -> dict:
    """One rule's members, without those that are not set."""
    names = ("capabilities", "min_wrapping_ttl", "max_wrapping_ttl")
    return {name: value for name, value in zip(names, drawn, strict=True) if value is not None}


def as_hcl(policy: dict[str, dict]) -> str:
    """A policy in HCL."""
    return "\n".join(
        f"path {json.dumps(path, ensure_ascii=False)} {{\n"
        + "".join(f"  {name} = {json.dumps(value)}\n" for name, value in members.items())
        + "}"
        for path, members in policy.items()
    )


def as_json(policy: dict[str, dict]) -> str:
    """A policy in JSON."""
    return json.dumps({"path": policy})


_RULES = each_of([_CAPABILITIES, _BOUND, _BOUND]).map(_rule)
WELL_FORMED = each_of(
    [among(as_hcl, as_hcl, as_json), mapped(RULE_PATHS, _RULES, least=1, most=3)]
).map(lambda drawn: drawn[0](drawn[1]))

_X = 'path "cubbyhole/x" { capabilities = ["read"] }'
NOT_READ = (
    # A brace too few, and a name too many.
    "{",
    'path "x" "y" { capabilities = ["read"] }',
    '{"path": {"x": {"capabilities": ["read"]}, "x": {"capabilities": ["list"]}}}',
    # HCL that nobody needs, and that others read otherwise.
    _X.replace("x", "\\u0078"),
    _X.replace("x", "a\\nb"),
    _X.replace("x", "${x}"),
    # Base64 around the whole.
    "cGF0aCAieCIgeyBjYXBhYmlsaXRpZXMgPSBbInJlYWQiXSB9",
    # What would be a limit there, and cannot be kept here.
    _X.replace("x", "{{identity.entity.id}}"),
    _X.replace("]", ']\n allowed_parameters = { "*" = [] }\n'),
    _X.replace("]", ']\n denied_parameters = { "a" = ["b"] }\n'),
    _X.replace("]", ']\n required_parameters = ["a"]\n'),
    _X.replace("]", ']\n expiration = "2099-01-01T00:00:00Z"\n'),
)
"""What OpenBao takes, and cubbyd refuses on purpose."""
ODD_TEXTS = among(
    *NOT_READ,
    "",
    " ",
    "# only a remark",
    "{}",
    '{"path": {}}',
    '{"path": []}',
    '{"name": "other", "path": {"cubbyhole/x": {"capabilities": ["read"]}}}',
    '{"path": [{"x": {"capabilities": ["read"]}}, {"y": {"capabilities": ["read"]}}]}',
    '{"path": {"x": {"capabilities": ["read"], "nope": 1}}}',
    '{"path": {"cubbyhole/x": {"policy": "read"}}}',
    '{"path": {"cubbyhole/x": {"policy": "sudo"}}}',
    '{"path": {"cubbyhole/x": {}}}',
    '{"rules": {}}',
    "null",
    "[]",
    "5",
    "nonsense",
    "path",
    'path "x" {',
    'path "x" { capabilities = ["read" }',
    'path "x" { capabilities = read }',
    'path "cubbyhole/x" { policy = "write" }',
    'path "cubbyhole/x" { policy = "deny" }',
    'path "cubbyhole/x" { policy = "nope" }',
    'path cubbyhole/x { capabilities = ["read"] }',
    'path "cubbyhole/x" { capabilities = ["read",] } // remark\n# remark\n/* remark */',
    "path 'cubbyhole/x' { capabilities = ['read'] }",
    'path = "x"',
    'paths "x" { capabilities = ["read"] }',
    'name = "other"\n' + _X,
    _X + _X,
    _X + '\npath "cubbyhole/x" { capabilities = ["list"] }',
    _X.replace("]", "] nope = 1"),
    _X.replace("]", "]\n nope = 1\n"),
    _X.replace("read", "rëad"),
    _X.replace('"read"', '"read", "read", "list"'),
    _X.replace("]", ']\n comment = "why"\n'),
    _X.replace("{", "{\n").replace("}", "\n}"),
    _X.replace("=", ":"),
    _X.replace('["read"]', "<<EOF\nread\nEOF\n"),
    _X.replace("]", ']\n min_wrapping_ttl = "2m"\n max_wrapping_ttl = "1m"\n'),
)
POLICIES = one_of(*[WELL_FORMED] * 7, ODD_TEXTS)
