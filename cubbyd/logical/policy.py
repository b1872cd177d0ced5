"""sys/policies/acl: policies are listed, read, written and deleted. sys/capabilities: what for."""

from typing import Final

from cubbyd.clock import rfc3339
from cubbyd.core.outcome import Outcome, PutPolicy, RemovePolicy
from cubbyd.core.policy import DEFAULT, RESPONSE_WRAPPING, ROOT, Acl, Capability, Policy
from cubbyd.errors import InvalidRequestError, QuotaExceededError, multierror
from cubbyd.logical.access import find_policy
from cubbyd.logical.context import Context, Route, nothing
from cubbyd.logical.lookup import with_accessor
from cubbyd.messages import Operation, Response
from cubbyd.secret import Secret
from cubbyd.value import Map

POLICIES: Final = "sys/policies/acl"

_IMMUTABLE: Final = (ROOT, RESPONSE_WRAPPING)


def list_policies(context: Context) -> Outcome[Response | None]:
    """The names of all policies, but for the one that only wrapping tokens have."""
    names = {*context.tokens.records.policy_names(), DEFAULT}
    return Outcome(reply=Response(data={"keys": [*sorted(names), ROOT]}))


def read_policy(context: Context) -> Outcome[Response | None]:
    """A policy as it was written."""
    name = _name(context)
    if name == ROOT:
        return Outcome(reply=Response(data={"name": ROOT, "policy": ""}))
    policy = find_policy(name, context.tokens.records)
    if policy is None:
        return nothing()
    data: Map = {
        "allow_slashes_in_identity_templates": False,
        "allow_wildcards_in_identity_templates": False,
        "cas_required": False,
        "modified": rfc3339(policy.modified_at),
        "name": policy.name,
        "policy": policy.text,
        "version": policy.version,
    }
    return Outcome(reply=Response(data=data))


def write_policy(context: Context) -> Outcome[Response | None]:
    """Write a policy; it acts on living tokens from the answer on."""
    name, fields, records = _name(context), context.fields, context.tokens.records
    text = fields.text("policy")
    if name in _IMMUTABLE:
        raise InvalidRequestError(f'cannot update "{name}" policy')
    if not text:
        raise InvalidRequestError("'policy' parameter not supplied or empty")
    if fields.unrecognized(("policy", "name", "cas")):
        # A policy that was thought to expire, and does not, is worse than none.
        raise InvalidRequestError("a policy has the members 'policy' and 'cas' here, and no others")
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
        rules=context.rules.parse_policy(text),
        version=version + 1,
        modified_at=context.now,
    )
    return Outcome(reply=None, changes=(PutPolicy(policy=policy),))


def delete_policy(context: Context) -> Outcome[Response | None]:
    """Delete a policy; whoever has it has nothing by it from the answer on."""
    name = _name(context)
    if name == DEFAULT:
        raise InvalidRequestError("cannot delete default policy")
    if name in _IMMUTABLE:
        raise InvalidRequestError(f'cannot delete "{name}" policy')
    # Also one that cannot be read: deleting it is a way out.
    return Outcome(reply=None, changes=(RemovePolicy(name=name),))


def _name(context: Context) -> str:
    """The policy's name, in its one spelling: the path that was authorized is the one acted on."""
    name = context.path.removeprefix(POLICIES).removeprefix("/")
    if not name or name != name.strip().lower():
        raise InvalidRequestError(
            "a policy's name is in lower case, and neither begins nor ends blank"
        )
    return name


def capabilities(context: Context) -> Outcome[Response | None]:
    """What the named token may do."""
    paths = _paths(context)
    named = context.fields.text("token")
    if not named:
        raise InvalidRequestError("missing token")
    known = context.tokens.by_token(Secret.from_text(named))
    if known is None:
        raise InvalidRequestError("invalid token")
    return _capabilities(context, known.entry.policies, paths)


def capabilities_self(context: Context) -> Outcome[Response | None]:
    """What the caller's token may do."""
    paths = _paths(context)
    _, known = context.caller.require(own="capabilities-self")
    return _capabilities(context, known.entry.policies, paths)


def capabilities_accessor(context: Context) -> Outcome[Response | None]:
    """What the token with this accessor may do."""
    paths = _paths(context)
    known = with_accessor(context)
    if known is None:
        raise InvalidRequestError(multierror("invalid accessor"))
    return _capabilities(context, known.entry.policies, paths)


def _paths(context: Context) -> list[str]:
    paths = context.fields.texts("paths") or context.fields.texts("path")
    if not paths:
        raise InvalidRequestError("paths must be supplied")
    return paths


def _capabilities(
    context: Context, policies: tuple[str, ...], paths: list[str]
) -> Outcome[Response | None]:
    acl = context.acls.of(policies, context.tokens.records)
    is_root = ROOT in policies
    data: Map = {path: [*(["root"] if is_root else _granted(acl, path))] for path in paths}
    if len(paths) == 1:
        data["capabilities"] = data[paths[0]]
    return Outcome(reply=Response(data=data))


def _granted(acl: Acl, path: str) -> list[str]:
    """The capabilities on a path, sorted; ``deny`` where there is none.

    A path that ends in a slash is a folder, which is there to be listed.
    """
    rule = acl.list_rule(path) if path.endswith("/") else acl.rule(path)
    found = rule.capabilities or {Capability.DENY}
    return sorted(capability.value for capability in found)


_READ, _WRITE, _LIST = Operation.READ, Operation.WRITE, Operation.LIST

ROUTES = {
    POLICIES: Route(handlers={_LIST: list_policies}, fields=()),
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
}
