"""Stories of tokens that may a little: what neither root nor the default policy shows."""

from draw import Draw, among, each_of, just, lists, members, one_of
from exchange import NONCE, ROOT
from fragments import CREATE, LATEST, OPTIONS, SOUND_OPTIONS, step, story
from odd_values import FLAGS, KEYS, POLICY_NAMES, WRAP_TTLS
from policy_texts import as_hcl

_FEW = [f"{NONCE}-{letter}" for letter in "abc"]
_CAPABILITIES = among(["create", "update"], ["create", "update", "sudo"], ["update"], ["create"])
_BOUNDS = members(min_wrapping_ttl=among("1m", "90s", "1h"), max_wrapping_ttl=among("1h", "2h"))
_RIGHTS = among(["read", "create", "update"], ["read", "list"], ["deny"], ["create"], ["update"])


def _policy(letter: str, rules: Draw) -> Draw:
    body = rules.map(lambda found: {"policy": as_hcl(found)})
    return step("POST", f"sys/policies/acl/{NONCE}-{letter}", ROOT, body)


def _rule(drawn: list) -> dict:
    rights, bounds = drawn
    return {"capabilities": rights, **bounds}


_MAKERS = members(
    {"auth/token/create": members({"capabilities": _CAPABILITIES})},
    **{
        "auth/token/create-orphan": members({"capabilities": _CAPABILITIES}),
        "auth/token/*": members({"capabilities": _CAPABILITIES}),
    },
)
_SUBSETS = members(
    {"policies": lists(one_of(POLICY_NAMES, among("default", "default", "root", "other")), most=3)},
    no_default_policy=FLAGS,
    no_parent=FLAGS,
    period=among("1h", 0),
    ttl="30m",
)
_MAKER = members({"policies": among(_FEW[:1], _FEW[:2], [*_FEW, "default"])})
_SAME_PATH = members({"cubbyhole/x": each_of([_RIGHTS, _BOUNDS]).map(_rule)})
_HOLES = KEYS.map("cubbyhole/".__add__)

POWERS = [
    story(
        _policy("a", _MAKERS),
        step("POST", CREATE, ROOT, _MAKER),
        step("POST", among(CREATE, "auth/token/create-orphan"), LATEST, one_of(_SUBSETS, OPTIONS)),
        step("POST", among(CREATE, "auth/token/create-orphan"), LATEST, _SUBSETS),
        step("POST", "auth/token/lookup", ROOT, just({"token": LATEST})),
    ),
    story(
        step("POST", CREATE, ROOT, _SUBSETS),
        step("POST", "auth/token/lookup", ROOT, just({"token": LATEST})),
    ),
    story(
        _policy("a", _SAME_PATH),
        _policy("b", _SAME_PATH),
        step("POST", CREATE, ROOT, {"policies": _FEW[:2]}),
        step("POST", "cubbyhole/x", LATEST, {"k": "v"}, wrap_ttl=WRAP_TTLS),
        step("GET", "cubbyhole/x", LATEST, wrap_ttl=WRAP_TTLS),
        step("GET", _HOLES, LATEST),
        step("POST", CREATE, LATEST, SOUND_OPTIONS),
    ),
]
