"""What is asked of both servers: 5 to 40 requests, in fragments that lead somewhere.

Requests drawn one by one seldom meet: most tokens would never be used, and most policies grant
nothing to anybody. So a sequence is made of fragments, single requests and short stories, whose
references reach over the fragments' borders.
"""

from random import Random

from draw import Draw, among, just, lists, members, one_of
from exchange import NONCE, ROOT, Step
from fragments import (
    A_CHILD,
    A_TOKEN,
    A_WRAPPED_ANSWER,
    CREATE,
    LATEST,
    LISTS,
    MAYBE_WRAPPED,
    OPTIONS,
    UNWRAP,
    WRAP,
    WRAPPED,
    WRITES,
    alone,
    few,
    fields,
    step,
    story,
)
from odd_requests import ODD_REQUESTS
from odd_values import (
    ANY_DATA,
    ANY_KEYS,
    ANY_TTLS,
    ANY_WRAP_TTLS,
    ASKED_PATHS,
    CALLERS,
    DATA,
    KEYS,
    NAMED_ACCESSORS,
    NAMED_TOKENS,
    NAMED_WRAPPINGS,
    ODD,
    POLICY_NAMES,
    RAW_BODIES,
    TRUSTED,
    WRAP_TTLS,
)
from policy_texts import POLICIES
from powers import POWERS

MAX_STEPS = 40

_METHODS = among("POST", "POST", "POST", "POST", "PUT", "GET", "DELETE")
_SELF = among(
    *["auth/token/lookup-self"] * 2, *["auth/token/renew-self"] * 2, "auth/token/revoke-self"
)
_BY_TOKEN = among(
    *["auth/token/lookup"] * 2,
    *["auth/token/renew"] * 2,
    "auth/token/revoke",
    "auth/token/revoke-orphan",
)
_BY_ACCESSOR = among(
    *["auth/token/lookup-accessor"] * 2, "auth/token/renew-accessor", "auth/token/revoke-accessor"
)
_INCREMENTS = fields(increment=ANY_TTLS)
_LIFETIMES = few(fields({"ttl": ANY_TTLS, "period": ANY_TTLS, "explicit_max_ttl": ANY_TTLS}), 2)

TOKENS = [
    alone(
        WRITES,
        among(*[CREATE] * 5, *["auth/token/create-orphan"] * 2, CREATE + "/role"),
        CALLERS,
        OPTIONS,
        wrap_ttl=MAYBE_WRAPPED,
    ),
    story(
        step("POST", CREATE, ROOT, OPTIONS),
        step("GET", "auth/token/lookup-self", LATEST),
    ),
    story(
        step("POST", CREATE, TRUSTED, OPTIONS),
        step("POST", _BY_TOKEN, ROOT, {"token": LATEST}),
    ),
    alone(
        _METHODS,
        _BY_TOKEN,
        CALLERS,
        fields({"token": NAMED_TOKENS}, increment=ANY_TTLS),
        wrap_ttl=MAYBE_WRAPPED,
    ),
    alone(
        _METHODS,
        _BY_ACCESSOR,
        TRUSTED,
        fields({"accessor": NAMED_ACCESSORS}, increment=ANY_TTLS, nope=ODD),
        wrap_ttl=MAYBE_WRAPPED,
    ),
    alone(
        _METHODS,
        _SELF,
        CALLERS,
        fields(increment=ANY_TTLS, token=ODD),
        wrap_ttl=MAYBE_WRAPPED,
    ),
    story(
        A_TOKEN,
        A_CHILD,
        A_CHILD,
        step("POST", _BY_TOKEN, ROOT, among({"token": LATEST})),
        step("POST", "auth/token/lookup", ROOT, {"token": LATEST}),
    ),
    story(
        step("POST", CREATE, ROOT, {"policies": ["default"], "num_uses": 2}),
        step("POST", "cubbyhole/x", LATEST, DATA),
        step("GET", among("cubbyhole/x", "auth/token/lookup-self", "sys/nope"), LATEST),
        step("GET", "cubbyhole/x", LATEST),
    ),
    story(
        step("POST", CREATE, ROOT, {"policies": ["default"], "num_uses": 1}),
        step(WRITES, one_of(_SELF, ASKED_PATHS), LATEST, wrap_ttl=MAYBE_WRAPPED),
        step("GET", "auth/token/lookup-self", LATEST),
    ),
    story(
        step("POST", CREATE, ROOT, _LIFETIMES),
        step("POST", "auth/token/renew", ROOT, fields({"token": just(LATEST)}, increment=ANY_TTLS)),
        step("POST", "auth/token/renew-self", LATEST, _INCREMENTS),
        step("POST", "auth/token/lookup", ROOT, {"token": LATEST}),
    ),
]
ACCESSORS = alone(
    one_of(LISTS, just("GET")), "auth/token/accessors", TRUSTED, wrap_ttl=MAYBE_WRAPPED
)

_POLICY_PATH = POLICY_NAMES.map("sys/policies/acl/".__add__)
_ODD_POLICY_PATHS = among(f" {NONCE}-a", f"{NONCE}-A", f"{NONCE}-Ü", f"{NONCE}-a/b", f"{NONCE}-*")
_POLICY_PATHS = one_of(
    *[_POLICY_PATH] * 5,
    POLICY_NAMES.map("sys/policy/".__add__),
    _ODD_POLICY_PATHS.map("sys/policies/acl/".__add__),
    among(f"sys/policies/acl/{NONCE}-a/", "sys/policies/acl/", "sys/policies/acl/ "),
)
_SHARED_PATHS = among("Root", "root", "default", "response-wrapping", "Default", "nope")
_ASKED = fields(paths=lists(ASKED_PATHS, most=3), path=ASKED_PATHS)


def _asked_of(**named) -> Draw:
    return fields(named, paths=lists(ASKED_PATHS, most=3), path=ASKED_PATHS)


def a_policy() -> Draw:
    """A policy is written: under a name from three, so that tokens have it."""
    return step(WRITES, _POLICY_PATH, ROOT, fields({"policy": POLICIES}))


POLICY = [
    story(a_policy()),
    story(
        a_policy(),
        A_TOKEN,
        step(among("GET", "POST", "LIST"), ASKED_PATHS, LATEST, wrap_ttl=MAYBE_WRAPPED),
    ),
    story(
        a_policy(),
        step("POST", CREATE, ROOT, {"policies": [f"{NONCE}-a", f"{NONCE}-b", f"{NONCE}-c"]}),
        step(
            "POST",
            "sys/capabilities-self",
            LATEST,
            {"paths": [f"cubbyhole/{key}" for key in ("x", "dir/x", "dir/", "dir/sub/z", "")]},
        ),
        step(
            among("GET", "POST", "LIST", "DELETE"),
            KEYS.map("cubbyhole/".__add__),
            LATEST,
            DATA,
            wrap_ttl=MAYBE_WRAPPED,
        ),
        step(
            "POST",
            "sys/capabilities-self",
            LATEST,
            members({"paths": lists(ASKED_PATHS, least=1, most=4)}),
        ),
    ),
    alone(
        among("GET", "GET", "POST", "PUT", "DELETE", "LIST"),
        _POLICY_PATHS,
        TRUSTED,
        fields({"policy": POLICIES}, name=POLICY_NAMES, nope=ODD, cas=among(0, 1, 2)),
        wrap_ttl=MAYBE_WRAPPED,
    ),
    # All sequences share these, so nothing is written that would be taken.
    alone(
        among("GET", "DELETE", "POST"),
        one_of(*map(_SHARED_PATHS.map, ("sys/policies/acl/".__add__, "sys/policy/".__add__))),
        TRUSTED,
        {},
    ),
    alone(
        among("LIST", "GET list", "GET"),
        among("sys/policies/acl", "sys/policies/acl/", "sys/policy"),
        TRUSTED,
        wrap_ttl=MAYBE_WRAPPED,
    ),
    alone("POST", "sys/capabilities-self", CALLERS, _ASKED, wrap_ttl=MAYBE_WRAPPED),
    alone("POST", "sys/capabilities", TRUSTED, _asked_of(token=NAMED_TOKENS)),
    alone("POST", "sys/capabilities-accessor", TRUSTED, _asked_of(accessor=NAMED_ACCESSORS)),
]

_HOLE_METHODS = among("GET", "GET", "POST", "PUT", "DELETE", "LIST", "GET list")
_FOLDERS = among("cubbyhole/", "cubbyhole", "cubbyhole/dir", "cubbyhole/dir/", "cubbyhole/a")


def _a_hole(path: str) -> Draw:
    return story(
        step("POST", path, TRUSTED, ANY_DATA),
        step("GET", path, TRUSTED, wrap_ttl=MAYBE_WRAPPED),
        step(LISTS, _FOLDERS, TRUSTED, wrap_ttl=MAYBE_WRAPPED),
        step("DELETE", path, TRUSTED),
    )


CUBBYHOLES = [
    alone(
        _HOLE_METHODS,
        ANY_KEYS.map("cubbyhole/".__add__),
        CALLERS,
        ANY_DATA,
        wrap_ttl=MAYBE_WRAPPED,
    ),
    alone(
        _HOLE_METHODS, KEYS.map("cubbyhole/".__add__), LATEST, DATA, wrap_ttl=MAYBE_WRAPPED
    ),
    ANY_KEYS.map("cubbyhole/".__add__).then(_a_hole),
    story(
        step("POST", "cubbyhole/x", ROOT, text=RAW_BODIES),
        step("GET", "cubbyhole/x", ROOT, wrap_ttl=MAYBE_WRAPPED),
    ),
    alone(_HOLE_METHODS, among("cubbyhole", "cubbyhole/"), CALLERS, DATA),
]  # fmt: skip

_WRAPPING_PATHS = among(UNWRAP, UNWRAP, UNWRAP, "sys/wrapping/lookup", "sys/wrapping/rewrap")
_IN_HEADER = step(WRITES, _WRAPPING_PATHS, WRAPPED, wrap_ttl=MAYBE_WRAPPED)
_NAMED = members({"token": NAMED_WRAPPINGS})
_IN_BODY = step(WRITES, _WRAPPING_PATHS, TRUSTED, _NAMED, wrap_ttl=MAYBE_WRAPPED)
_HELD = one_of(_IN_HEADER, _IN_BODY)
_LOOKUP = "sys/wrapping/lookup"
WRAPPING = [
    alone(WRITES, WRAP, CALLERS, ANY_DATA, wrap_ttl=ANY_WRAP_TTLS),
    alone(
        _METHODS,
        _WRAPPING_PATHS,
        CALLERS,
        fields({"token": NAMED_WRAPPINGS}, nope=ODD),
        wrap_ttl=MAYBE_WRAPPED,
    ),
    story(A_WRAPPED_ANSWER, step("POST", _LOOKUP, CALLERS, {"token": WRAPPED}), _HELD, _HELD),
    story(
        A_WRAPPED_ANSWER,
        step("POST", "sys/wrapping/rewrap", ROOT, {"token": WRAPPED}, wrap_ttl=MAYBE_WRAPPED),
        _IN_BODY,
        _IN_HEADER,
    ),
    story(
        A_WRAPPED_ANSWER,
        step("GET", "cubbyhole/response", WRAPPED, wrap_ttl=MAYBE_WRAPPED),
        _IN_HEADER,
    ),
    story(
        A_WRAPPED_ANSWER,
        step("POST", UNWRAP, WRAPPED, wrap_ttl=WRAP_TTLS),
        step("POST", UNWRAP, WRAPPED),
    ),
    story(
        A_WRAPPED_ANSWER,
        step(_HOLE_METHODS, one_of(_SELF, ASKED_PATHS), WRAPPED, DATA),
        step("POST", UNWRAP, WRAPPED),
    ),
    story(
        A_WRAPPED_ANSWER,
        step("POST", UNWRAP, WRAPPED, members({"token": NAMED_WRAPPINGS})),
        _IN_HEADER,
    ),
    story(
        A_WRAPPED_ANSWER,
        step("GET", _LOOKUP, WRAPPED),
        step("GET", _LOOKUP, None, query="token=nope"),
    ),
    story(
        A_WRAPPED_ANSWER,
        step("POST", _BY_TOKEN, ROOT, {"token": WRAPPED}),
        _IN_HEADER,
    ),
    story(A_WRAPPED_ANSWER, step("POST", "auth/token/revoke-self", WRAPPED), _IN_BODY),
]

_TOOL_FIELDS = fields(
    input=among("", "AAAA", "YWJj", "not base64", "YWJ", "YWJj\n"),
    algorithm=among("sha2-224", "sha2-256", "sha2-384", "sha2-512", "sha3-256", "md5"),
    format=among("hex", "base64", "HEX", "x", ""),
    bytes=among(1, 16, 32, "8", 0, -1, "x", 1.5, 131072, 131073, None),
    urlbytes=4,
    source=among("platform", "seal", "all", "x", ""),
)
_TOOL_PATHS = among(
    *["random", "random/16", "random/platform", "random/platform/16", "random/x", "random/0"],
    *["hash", "hash", "hash/sha2-256", "hash/sha3-512", "hash/md5", "random/all/4", ""],
).map("sys/tools/".__add__)
TOOLS = alone(WRITES, _TOOL_PATHS, CALLERS, _TOOL_FIELDS, wrap_ttl=MAYBE_WRAPPED)
STATUS = alone(among("GET", "GET", "POST", "HEAD"), among("sys/health", "sys/seal-status"), CALLERS)

_FRAGMENTS = one_of(
    *TOKENS * 4, *POLICY * 3, *CUBBYHOLES * 6, *WRAPPING * 4, *[TOOLS] * 5, *[ACCESSORS] * 3,
    *POWERS * 6, *ODD_REQUESTS * 3, STATUS,
)  # fmt: skip
_BEGINNINGS = one_of(
    story(A_TOKEN),
    story(a_policy(), A_TOKEN),
    story(A_TOKEN, A_CHILD),
    story(a_policy(), a_policy(), A_TOKEN, A_TOKEN),
)
_SEQUENCES = _BEGINNINGS.then(
    lambda beginning: lists(_FRAGMENTS, least=4, most=14).map(
        lambda fragments: [each for fragment in (beginning, *fragments) for each in fragment]
    )
)


def sequence(seed: int, number: int) -> list[Step]:
    """The sequence with that number of those that a seed stands for."""
    return _SEQUENCES.draw(Random(f"{seed}/{number}"))[:MAX_STEPS]  # noqa: S311 - no secret
