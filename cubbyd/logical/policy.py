"""sys/policies/acl: policies are listed, read, written and deleted. sys/capabilities: what for.

sys/policy is the same by its old name, with the old names of members, as Vault's clients use it.
"""

from typing import Final

from cubbyd.clock import rfc3339
from cubbyd.core.outcome import Outcome, PutPolicy, RemovePolicy
from cubbyd.core.policy import DEFAULT, RESPONSE_WRAPPING, ROOT, Acl, Capability, Policy
from cubbyd.core.policy_hcl import parse_policy
from cubbyd.errors import IntegrityError, InvalidRequestError, QuotaExceededError, multierror
from cubbyd.logical.access import find_policy
from cubbyd.logical.context import Context, Route, nothing
from cubbyd.logical.lookup import with_accessor
from cubbyd.logical.tokens import Known
from cubbyd.messages import Operation, Response
from cubbyd.secret import Secret
from cubbyd.value import Map, Value

POLICIES: Final = "sys/policies/acl"
OLD_POLICIES: Final = "sys/policy"

MAX_ASKED_PATHS: Final = 1000
"""In one request for capabilities: each is held against every rule, on the event loop."""

_IMMUTABLE: Final = (ROOT, RESPONSE_WRAPPING)
_NO_RULES: Final = Policy(name=ROOT, text="", rules=(), version=0)
"""How ``root`` is shown, which may do everything and is no list of rules."""


def list_policies(context: Context) -> Outcome[Response | None]:
    """The names of all policies, but for the one that only wrapping tokens have."""
    return context.answer({"keys": _names(context)})


def list_by_old_path(context: Context) -> Outcome[Response | None]:
    """The same names, twice."""
    names = _names(context)
    return context.answer({"keys": names, "policies": [*names]})


def _names(context: Context) -> list[Value]:
    return [*sorted({*context.tokens.records.policy_names(), DEFAULT}), ROOT]


def read_policy(context: Context) -> Outcome[Response | None]:
    """A policy as it was written."""
    name = _name(context)
    is_root = name == ROOT
    policy = _NO_RULES if is_root else find_policy(name, context.tokens.records)
    if policy is None:
        return nothing()
    data: Map = {
        "allow_slashes_in_identity_templates": False,
        "allow_wildcards_in_identity_templates": False,
        "cas_required": False,
        "name": policy.name,
        "policy": policy.text,
        "version": policy.version,
    }
    if not is_root:
        data["modified"] = rfc3339(policy.modified_at)
    return context.answer(data)


def read_by_old_path(context: Context) -> Outcome[Response | None]:
    """The same, with the text in the member ``rules``."""
    outcome = read_policy(context)
    if outcome.reply is None or outcome.reply.data is None:
        return outcome
    data = {("rules" if key == "policy" else key): each for key, each in outcome.reply.data.items()}
    return context.answer(data)


def write_policy(context: Context) -> Outcome[Response | None]:
    """Write a policy; it acts on living tokens from the answer on."""
    _check_members(context, ("policy", "name", "cas"))
    return _write(context, context.fields.text("policy"))


def write_by_old_path(context: Context) -> Outcome[Response | None]:
    """The same; the text may come in the member ``rules``, at the price of a warning."""
    _check_members(context, ("policy", "rules", "name", "cas"))
    text = context.fields.text("policy")
    if text or not context.fields.text("rules"):
        return _write(context, text)
    words = "'rules' is deprecated, please use 'policy' instead"
    outcome = _write(context, context.fields.text("rules"))
    return outcome.saying(Response(warnings=(words,)))


def _check_members(context: Context, known: tuple[str, ...]) -> None:
    if context.fields.unrecognized(known):
        # A policy that was thought to expire, and does not, is worse than none.
        raise InvalidRequestError("a policy has the members 'policy' and 'cas' here, and no others")


def _write(context: Context, text: str) -> Outcome[Response | None]:
    name, fields, records = _name(context), context.fields, context.tokens.records
    if name in _IMMUTABLE:
        raise InvalidRequestError(f'cannot update "{name}" policy')
    if not text:
        raise InvalidRequestError("'policy' parameter not supplied or empty")
    limit = context.rules.max_policy_bytes
    if len(text.encode()) > limit:
        raise QuotaExceededError(f"a policy may have {limit} bytes")
    before = find_policy(name, records)
    version = 0 if before is None else before.version
    if fields.raw("cas") is not None and fields.integer("cas") != version:
        raise InvalidRequestError("check-and-set parameter did not match the current version")
    names = records.policy_names()
    if name not in names and len(names) >= context.rules.max_policies:
        raise QuotaExceededError(f"there are {len(names)} policies, and may not be more")
    policy = Policy(
        name=name,
        text=text,
        rules=parse_policy(text),
        version=version + 1,
        modified_at=context.now,
    )
    return Outcome(reply=None, changes=(PutPolicy(policy=policy),))


def delete_policy(context: Context) -> Outcome[Response | None]:
    """Delete a policy; whoever has it has nothing by it from the answer on."""
    name = _name(context)
    if name in _IMMUTABLE:
        raise InvalidRequestError(f'cannot delete "{name}" policy')
    # One that cannot be read can be deleted: that is the way out, and of ``default`` too, which is
    # then again as it is built in.
    if name == DEFAULT and _can_be_read(name, context):
        raise InvalidRequestError("cannot delete default policy")
    return Outcome(reply=None, changes=(RemovePolicy(name=name),))


def _can_be_read(name: str, context: Context) -> bool:
    try:
        find_policy(name, context.tokens.records)
    except IntegrityError:
        return False
    return True


def _name(context: Context) -> str:
    """The policy's name, in its one spelling: the path that was authorized is the one acted on."""
    folder = POLICIES if context.path.startswith(POLICIES) else OLD_POLICIES
    name = context.path.removeprefix(folder).removeprefix("/")
    if not name or name != name.strip().lower():
        raise InvalidRequestError(
            "a policy's name is in lower case, and neither begins nor ends blank"
        )
    return name


def capabilities(context: Context) -> Outcome[Response | None]:
    """What the named token may do."""
    named = context.fields.text("token")
    if not named:
        raise InvalidRequestError("no token found")
    known = context.tokens.by_token(Secret.from_text(named))
    return _capabilities(context, known, "invalid token")


def capabilities_self(context: Context) -> Outcome[Response | None]:
    """What the caller's token may do."""
    _, known = context.caller.require(own="capabilities-self")
    return _capabilities(context, known, "")


def capabilities_accessor(context: Context) -> Outcome[Response | None]:
    """What the token with this accessor may do."""
    if not context.fields.text("accessor"):
        raise InvalidRequestError("missing accessor")
    return _capabilities(context, with_accessor(context), "invalid accessor")


def _capabilities(
    context: Context, known: Known | None, otherwise: str
) -> Outcome[Response | None]:
    paths = context.fields.listed("paths") or context.fields.listed("path")
    if not paths:
        raise InvalidRequestError("paths must be supplied")
    if len(paths) > MAX_ASKED_PATHS:
        raise InvalidRequestError(f"at most {MAX_ASKED_PATHS} paths can be asked about at once")
    if known is None:
        raise InvalidRequestError(multierror(otherwise))
    if "" in paths:
        raise InvalidRequestError(multierror("missing path"))
    policies = known.entry.policies
    acl = context.acls.of(policies, context.tokens.records)
    is_root = ROOT in policies
    data: Map = {path: [*(["root"] if is_root else _granted(acl, path))] for path in paths}
    if len(paths) == 1:
        data["capabilities"] = data[paths[0]]
    return context.answer(data)


def _granted(acl: Acl, asked: str) -> list[str]:
    """The capabilities on a path, sorted; ``deny`` where there is none.

    A path that ends in a slash is a folder, which is there to be listed. One that begins with a
    slash is what people mean by it.
    """
    path = asked.removeprefix("/")
    rule = acl.list_rule(path) if path.endswith("/") else acl.rule(path)
    found = rule.capabilities or {Capability.DENY}
    return sorted(capability.value for capability in found)


_READ, _WRITE, _LIST = Operation.READ, Operation.WRITE, Operation.LIST

ROUTES = {
    POLICIES: Route(handlers={_LIST: list_policies}, fields=()),
    OLD_POLICIES: Route(handlers={_LIST: list_by_old_path, _READ: list_by_old_path}, fields=()),
    "sys/capabilities": Route(handlers={_WRITE: capabilities}, fields=("path", "paths", "token")),
    "sys/capabilities-self": Route(
        handlers={_WRITE: capabilities_self}, fields=("path", "paths", "token")
    ),
    "sys/capabilities-accessor": Route(
        handlers={_WRITE: capabilities_accessor}, fields=("accessor", "path", "paths")
    ),
}
FOLDERS = {
    f"{POLICIES}/": Route(
        handlers={_READ: read_policy, _WRITE: write_policy, Operation.DELETE: delete_policy}
    ),
    f"{OLD_POLICIES}/": Route(
        handlers={
            _READ: read_by_old_path,
            _WRITE: write_by_old_path,
            Operation.DELETE: delete_policy,
        }
    ),
}
