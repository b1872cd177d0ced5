"""Requests of all kinds about a few tokens, each with what the plain model makes of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from house import KEYS
from promises_model import Model, Refused, Token

from cubbyd.logical.context import LOGIN_TTL
from cubbyd.messages import Response
from cubbyd.secret import Secret

TTL = 600
SHORT = 10
"""Seconds: over when the requests come."""


@dataclass(frozen=True)
class Request:
    """What is asked, of the daemon and of the model; tokens go by their names in the cast."""

    operation: str
    path: str
    expect: Callable[[Model, str], object]
    """Asks the model. A token that this makes gets the name that comes with it. Whatever it
    returns, the daemon must have answered."""
    data: dict | None = None
    by: str | None = None
    wrap_ttl: int | None = None
    is_about_all: bool = False

    def is_about(self, name: str) -> bool:
        data = self.data or {}
        return self.is_about_all or name in (self.by, data.get("token"), data.get("accessor"))

    def __str__(self) -> str:
        about = "" if self.data is None else f" {self.data}"
        wrapped = " wrapped" if self.wrap_ttl else ""
        return f"{self.operation} {self.path}{about} by {self.by}{wrapped}"


@dataclass(frozen=True)
class Living:
    """What the model makes of a list of accessors, which may be told between two phases.

    So it is no judge of what changes in more than one: limited tokens and those that wrap.
    """

    listed: frozenset[str]
    unlisted: frozenset[str]

    def __eq__(self, said: object) -> bool:
        found = said.get("keys", ()) if isinstance(said, dict) else ()
        return self.listed.issubset(found) and self.unlisted.isdisjoint(found)

    __hash__ = None


def predicted(request: Request, model: Model, name: str) -> object:
    """What the model answers, or the code with which it refuses."""
    try:
        return request.expect(model, name)
    except Refused as refused:
        return refused.code


def said(answer: Response) -> object:
    """What an answer comes to that is held against the model's."""
    if answer.wrap_info is not None:
        return "wrapped"
    if answer.auth is not None:
        return answer.auth.lease_duration
    return None if answer.data is None else _told_of(answer.data)


def _told_of(data: dict) -> object:
    if "policy" in data:
        return rules(json.loads(data["policy"]))
    if "encryptions" in data:
        return data["term"]
    if "response" in data:
        return json.loads(data["response"])["data"]
    if "creation_ttl" in data:
        return data.get("num_uses", data["creation_ttl"])
    return data


def new_token(answer: Response) -> str | None:
    """The token that an answer brings into the world, if it does."""
    if answer.wrap_info is not None:
        return answer.wrap_info.token.reveal_text()
    return None if answer.auth is None else answer.auth.client_token.reveal_text()


# What the model is asked: whatever makes a token puts it into the model under its name.


def _made(model, by, **options):
    others = {"limit": 0, "uses": 0, "period": 0, "is_renewable": True, "is_orphan": False}
    return model.create(by, **{**others, **options})


def _created(options, by, model, name):
    model.tokens[name] = _made(model, by, **options)
    return model.tokens[name].granted


def _created_wrapped(options, by, model, name):
    model.tokens[f"{name} inside"] = _made(model, by, **options)
    model.tokens[name] = model.wrapping({}, TTL)
    return "wrapped"


def _wrapped(ask, model, name):
    model.tokens[name] = model.wrapping(ask(model), TTL)
    return "wrapped"


def _rewrapped(by, token, model, name):
    model.tokens[name] = model.rewrap(by, token, 0)
    return "wrapped"


def _uses(token, model, name):
    if not model.is_alive(token):
        raise Refused("permission_denied")
    return model.tokens[token].uses


def _living(cast, model, name):
    # Tokens that nobody was told go by names that are none.
    told = {
        each
        for each, token in model.tokens.items()
        if " " not in each and not token.uses and token.wrapped is None
    }
    told |= {cast.texts[each] for each, options in OPTIONS.items() if "uses" not in options}
    alive = frozenset(each for each in told if model.would_answer(each))
    return Living(_accessors(alive), _accessors(told - alive))


def _accessors(texts):
    return frozenset(KEYS.accessor(Secret.from_text(text)) for text in texts)


def _listed(by, model, name):
    return {"keys": model.list(by)}


def _rotated(model, name):
    model.key_term += 1


def _key_term(model, name):
    return model.key_term


def _nothing(model, name):
    pass


def _policy(policy, model, name):
    if policy not in model.policies:
        raise Refused("not_found")
    return model.policies[policy]


def _policies(model, name):
    return {"keys": [*sorted({*model.policies, "default"}), "root"]}


def _uses_by_accessor(token, model, name):
    if not model.is_alive(token):
        raise Refused("invalid_request")
    return model.tokens[token].uses


def _defined(policy, rules, model, name):
    model.policies[policy] = rules


def _undefined(policy, model, name):
    model.policies.pop(policy, None)


def _may(token, path, model, name):
    found = model.capabilities(token, path)
    return {path: found, "capabilities": found}


def _asked(method, *given):
    """A request that makes no token, by a method of the model."""
    return lambda model, _name: getattr(model, method)(*given)


# The cast


@dataclass
class Cast:
    """The tokens that the requests are about, by what they are called here."""

    texts: dict[str, str] = field(default_factory=dict)

    def text(self, name: str | None) -> str | None:
        return None if name is None else self.texts[name]

    def data(self, data: dict | None) -> dict | None:
        if data is not None and "token" in data:
            return {**data, "token": self.texts[data["token"]]}
        if data is not None and "accessor" in data:
            [accessor] = _accessors([self.texts[data["accessor"]]])
            return {**data, "accessor": accessor}
        return data

    def __contains__(self, name: str) -> bool:
        return name in self.texts


OPTIONS = {
    "root": {"policies": ("root",), "ttl": TTL},
    "child": {"policies": ("root",), "ttl": TTL, "parent": "root"},
    "grandchild": {"policies": ("default",), "ttl": TTL, "parent": "child"},
    "plain": {"policies": ("default",), "ttl": TTL},
    "limited": {"policies": ("default",), "ttl": TTL, "uses": 3},
    "last": {"policies": ("default",), "ttl": TTL, "uses": 1},
    "governed": {"policies": ("p",), "ttl": TTL},
    "expired": {"policies": ("root",), "ttl": SHORT},
    "heir": {"policies": ("default",), "ttl": TTL, "parent": "expired"},
}
WRAPPED = {"wrapping": {"secret": 1}, "another": {"secret": 2}}
ALL = {"path": {"cubbyhole/*": {"capabilities": ["create", "read", "update"]}}}
NONE = {"path": {"cubbyhole/*": {"capabilities": ["deny"]}}}


def rules(policy: dict) -> dict[str, set[str]]:
    """A policy as the model has it."""
    return {path: set(rule["capabilities"]) for path, rule in policy["path"].items()}


def of_the_cast(cast: Cast) -> Iterator[Request]:
    """All kinds of requests."""
    yield from _in_cubbyholes(cast)
    yield from _about_tokens(cast)
    yield from _by_accessor(cast)
    yield from _about_wrapping(cast)
    yield from _about_policies(cast)
    yield from _about_all(cast)


def _in_cubbyholes(cast: Cast) -> Iterator[Request]:
    for name in ("plain", "limited", "last", "governed", "grandchild", "heir"):
        by = cast.text(name)
        for number in (1, 2):
            data = {"by": f"{name} {number}"}
            expect = _asked("write", by, "x", data)
            yield Request("write", "cubbyhole/x", expect, data, by=name)
        yield Request("read", "cubbyhole/x", _asked("read", by, "x"), by=name)
        yield Request("list", "cubbyhole", partial(_listed, by), by=name)
    plain = cast.text("plain")
    yield Request("delete", "cubbyhole/x", _asked("delete", plain, "x"), by="plain")
    expect = partial(_wrapped, lambda model: model.read(plain, "x"))
    yield Request("read", "cubbyhole/x", expect, by="plain", wrap_ttl=TTL)


def _about_tokens(cast: Cast) -> Iterator[Request]:
    options = {"policies": ("default",), "ttl": 60}
    data = {"policies": ["default"], "ttl": 60}
    for name in ("root", "child", "plain", "expired"):
        expect = partial(_created, options, cast.text(name))
        yield Request("write", "auth/token/create", expect, data, by=name)
    expect = partial(_created_wrapped, options, cast.text("child"))
    yield Request("write", "auth/token/create", expect, data, by="child", wrap_ttl=TTL)
    expect = partial(_created, {**options, "is_orphan": True}, cast.text("child"))
    yield Request("write", "auth/token/create-orphan", expect, data, by="child")
    expect = partial(_created, {"policies": ("default",), "ttl": LOGIN_TTL}, None)
    yield Request("write", "auth/peer/login", expect)
    for name in ("root", "child", "plain", "limited", "wrapping"):
        expect = _asked("revoke", cast.text(name))
        yield Request("write", "auth/token/revoke", expect, {"token": name})
    for name in ("child", "limited", "last"):
        expect = _asked("revoke_self", cast.text(name))
        yield Request("write", "auth/token/revoke-self", expect, by=name)
    for name in ("root", "child", "plain"):
        expect = _asked("revoke_orphan", cast.text(name))
        yield Request("write", "auth/token/revoke-orphan", expect, {"token": name})
    for name in ("grandchild", "plain", "limited", "expired", "wrapping"):
        data = {"token": name, "increment": 90}
        yield Request("write", "auth/token/renew", _asked("renew", cast.text(name), 90), data)
    for name in ("limited", "last", "child"):
        expect = _asked("renew_self", cast.text(name), 80)
        yield Request("write", "auth/token/renew-self", expect, {"increment": 80}, by=name)
    for name in ("limited", "last", "grandchild", "expired", "heir"):
        expect = partial(_uses, cast.text(name))
        yield Request("write", "auth/token/lookup", expect, {"token": name})

    for name in ("limited", "last", "grandchild", "heir"):
        expect = _asked("lookup_self", cast.text(name))
        yield Request("read", "auth/token/lookup-self", expect, by=name)


def _by_accessor(cast: Cast) -> Iterator[Request]:
    for name in ("root", "plain", "limited"):
        text, data = cast.text(name), {"accessor": name}
        revoke, look = _asked("revoke", text), partial(_uses_by_accessor, text)
        yield Request("write", "auth/token/revoke-accessor", revoke, data)
        yield Request("write", "auth/token/lookup-accessor", look, data)
        renew = _asked("renew", text, 70)
        yield Request("write", "auth/token/renew-accessor", renew, {**data, "increment": 70})


def _about_wrapping(cast: Cast) -> Iterator[Request]:
    wrapping, another = cast.text("wrapping"), cast.text("another")
    for name in (None, "limited", "last", "plain"):
        by = cast.text(name)
        secret = {"secret": f"of {name}"}
        expect = partial(_wrapped, lambda model, by=by, data=secret: _wrapping(model, by, data))
        yield Request("write", "sys/wrapping/wrap", expect, secret, by=name, wrap_ttl=TTL)
        named, unwrap = {"token": "wrapping"}, _asked("unwrap", by, wrapping)
        yield Request("write", "sys/wrapping/unwrap", unwrap, named, by=name)
        expect = partial(_rewrapped, by, wrapping)
        yield Request("write", "sys/wrapping/rewrap", expect, named, by=name)
        expect = partial(_wrapped, lambda model, by=by: model.unwrap(by, wrapping))
        yield Request("write", "sys/wrapping/unwrap", expect, named, by=name, wrap_ttl=TTL)
    itself = _asked("unwrap", wrapping, wrapping)
    yield Request("write", "sys/wrapping/unwrap", itself, by="wrapping")
    both = _asked("unwrap", wrapping, another)
    yield Request("write", "sys/wrapping/unwrap", both, {"token": "another"}, by="wrapping")
    expect = _asked("read_response", wrapping)
    yield Request("read", "cubbyhole/response", expect, by="wrapping")
    named = {"token": "wrapping"}
    yield Request("write", "sys/wrapping/lookup", _asked("lookup", wrapping), named)


def _wrapping(model: Model, by: str | None, data: dict) -> dict:
    return model.wrap(by, data, TTL).wrapped


def _about_policies(cast: Cast) -> Iterator[Request]:
    path = "sys/policies/acl/p"
    for policy in (ALL, NONE):
        expect = partial(_defined, "p", rules(policy))
        yield Request("write", path, expect, {"policy": json.dumps(policy)})
    yield Request("delete", path, partial(_undefined, "p"))
    data = {"token": "governed", "path": "cubbyhole/x"}
    expect = partial(_may, cast.text("governed"), "cubbyhole/x")
    yield Request("write", "sys/capabilities", expect, data)
    yield Request("read", path, partial(_policy, "p"))
    yield Request("list", "sys/policies/acl", _policies)


def _about_all(cast: Cast) -> Iterator[Request]:
    living = partial(_living, cast)
    yield Request("list", "auth/token/accessors", living, is_about_all=True)
    yield Request("read", "sys/key-status", _key_term, is_about_all=True)
    for _ in range(2):
        yield Request("write", "sys/rotate", _rotated, is_about_all=True)
    yield Request("write", "auth/token/tidy", _nothing, is_about_all=True)


def founded(model: Model, cast: Cast, name: str) -> Token:
    """What a token of the cast is when all begins."""
    options = dict(OPTIONS[name])
    return _made(model, cast.text(options.pop("parent", None)), **options)
