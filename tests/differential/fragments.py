"""Steps, and how they are put together into short stories."""

# ruff: noqa: FBT003 - true and false are among what is drawn

from draw import Draw, among, as_draw, each_of, just, lists, members, one_of
from exchange import NONCE, ROOT, Saved, Step
from odd_values import (
    ANY_TTLS,
    ANY_WRAP_TTLS,
    COUNTS,
    DATA,
    FLAGS,
    METAS,
    NAMES,
    ODD,
    POLICY_LISTS,
    POLICY_NAMES,
    TRUSTED,
    TTLS,
    WRAP_TTLS,
)

LATEST = Saved("token")
WRAPPED = Saved("wrapping")

WRITES = among("POST", "POST", "PUT")
LISTS = among("LIST", "LIST", "GET list")
MAYBE_WRAPPED = one_of(*[just(None)] * 5, ANY_WRAP_TTLS)


def step(method, path, token, body=None, **others) -> Draw:
    """A step of which everything may be drawn. ``GET list`` is a list in the other spelling."""

    def build(drawn: list) -> Step:
        method, *rest, others = drawn
        if method == "GET list":
            return Step("GET", *rest, **others, query="list=true")
        return Step(method, *rest, **others)

    return each_of([method, path, token, body, members(others)]).map(build)


def alone(*given, **others) -> Draw:
    """A story of one step."""
    return story(step(*given, **others))


def story(*steps) -> Draw:
    """Steps that belong together."""
    return each_of(steps)


def fields(always=None, **perhaps) -> Draw:
    """A body with these members, and now and then one with an odd value."""

    def now_and_then_odd(value) -> Draw:
        return one_of(*[as_draw(value)] * 14, ODD)

    return members(
        {name: now_and_then_odd(value) for name, value in (always or {}).items()},
        **{name: now_and_then_odd(value) for name, value in perhaps.items()},
    )


def few(body: Draw, most: int = 3) -> Draw:
    """No more than so many members of a body: each error hides those after it."""

    def choose(found: dict) -> Draw:
        names = lists(among(*found), most=most) if found else just([])
        return names.map(lambda names: {name: found[name] for name in names})

    return body.then(choose)


CREATE = "auth/token/create"
OPTIONS = few(
    fields(
        {
            "policies": POLICY_LISTS,
            "ttl": ANY_TTLS,
            "explicit_max_ttl": ANY_TTLS,
            "period": ANY_TTLS,
            "num_uses": COUNTS,
            "renewable": FLAGS,
            "display_name": NAMES,
            "meta": METAS,
            "no_parent": FLAGS,
            "no_default_policy": FLAGS,
            "lease": TTLS,
            "type": among("", "service", "service", "Service", "default", None),
            "entity_alias": among("", "x", None),
            "id": among("", "", None, f"{NONCE}-mine"),
            "nope": ODD,
        }
    )
)
"""Of a token, as they are asked for."""
SOUND_OPTIONS = members(
    {"policies": lists(POLICY_NAMES, most=2).map(lambda names: [*names, "default"])},
    ttl=among("1h", "30m", 600),
    num_uses=among(2, 3, 5, 5),
    period="1h",
    explicit_max_ttl="2h",
    no_parent=among(True, False),
)
"""With which there is a token for what follows."""
A_TOKEN = step(WRITES, CREATE, ROOT, SOUND_OPTIONS)
A_CHILD = step(WRITES, CREATE, LATEST, one_of(just({"policies": ["default"]}), SOUND_OPTIONS))

WRAP, UNWRAP = "sys/wrapping/wrap", "sys/wrapping/unwrap"
A_WRAP = step(WRITES, WRAP, TRUSTED, DATA, wrap_ttl=WRAP_TTLS)
A_WRAPPED_ANSWER = one_of(
    A_WRAP,
    A_WRAP,
    step("POST", CREATE, TRUSTED, SOUND_OPTIONS, wrap_ttl=WRAP_TTLS),
    step("GET", "auth/token/lookup-self", TRUSTED, wrap_ttl=WRAP_TTLS),
    step("POST", "sys/tools/random", ROOT, {}, wrap_ttl=WRAP_TTLS),
    step("POST", UNWRAP, WRAPPED, wrap_ttl=WRAP_TTLS),
)
