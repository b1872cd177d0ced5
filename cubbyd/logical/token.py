"""auth/token/*: tokens are created, looked up and revoked. auth/peer/login stands beside them."""

from collections.abc import Iterable

from cubbyd.clock import rfc3339
from cubbyd.core.creation import Lifetime, child_policies, display_name, lifetime
from cubbyd.core.outcome import Outcome, Put, Remove
from cubbyd.core.policy import BUILT_IN, ROOT
from cubbyd.core.token import MAX_TREE_DEPTH, Accessor, TokenEntry, is_accessor
from cubbyd.core.token_text import Prefix
from cubbyd.errors import InvalidRequestError, PermissionDeniedError, multierror
from cubbyd.logical.access import Caller
from cubbyd.logical.context import Context, Route, nothing
from cubbyd.logical.tokens import Known
from cubbyd.messages import Auth, Operation, Response
from cubbyd.secret import Secret
from cubbyd.value import Map

_WITH_ROLE = "auth/token/create/"

_CREATE_FIELDS = (
    "display_name",
    "entity_alias",
    "explicit_max_ttl",
    "id",
    "lease",
    "meta",
    "no_default_policy",
    "no_parent",
    "num_uses",
    "period",
    "policies",
    "renewable",
    "ttl",
    "type",
)


def create(context: Context) -> Outcome[Response | None]:
    """A child of the caller's token; an orphan when an owner without a token asks."""
    return _create(context, is_orphan=context.fields.flag("no_parent", default=False))


def create_orphan(context: Context) -> Outcome[Response | None]:
    """A token that outlives the caller's."""
    return _create(context, is_orphan=True)


def create_with_role(context: Context) -> Outcome[Response | None]:
    """There are no token roles here, so none is known."""
    raise InvalidRequestError(f"unknown role {context.path.removeprefix(_WITH_ROLE)}")


def _create(context: Context, *, is_orphan: bool) -> Outcome[Response | None]:
    fields, caller = context.fields, context.caller
    has_sudo = caller.has_root or caller.has_sudo(context.path)
    _check_caller(context, has_sudo=has_sudo)
    if not is_orphan:
        _check_depth(caller)
    policies = child_policies(
        fields.texts("policies"),
        caller.policies,
        has_sudo=has_sudo,
        no_default_policy=fields.flag("no_default_policy", default=False),
    )
    life = lifetime(
        ttl=fields.seconds("ttl", "lease"),
        explicit_max_ttl=fields.seconds("explicit_max_ttl"),
        period=fields.seconds("period"),
        is_root=ROOT in policies,
        bounds=context.rules.bounds,
    )
    if not life.ttl and caller.entry is not None and caller.entry.expires_at is not None:
        raise InvalidRequestError("expiring root tokens cannot create non-expiring root tokens")
    num_uses = fields.integer("num_uses")
    if num_uses < 0:
        raise InvalidRequestError("number of uses cannot be negative")
    token, accessor = _mint(context)
    entry = TokenEntry(
        accessor=accessor,
        parent=None if is_orphan or caller.entry is None else caller.entry.accessor,
        policies=policies,
        path=context.path,
        creator=context.creator,
        created_at=context.now,
        issued_at=context.now,
        expires_at=_deadline(context, life),
        ttl=life.ttl,
        explicit_max_ttl=life.explicit_max_ttl,
        period=life.period,
        num_uses=num_uses,
        renewable=bool(life.ttl) and fields.flag("renewable", default=True),
        display_name=display_name(fields.text("display_name")),
        meta=fields.text_map("meta"),
    )
    return _issued(entry, token, life.warnings)


def _check_caller(context: Context, *, has_sudo: bool) -> None:
    """Refuse what the caller may not ask for, and what tokens do not have here.

    Raises:
        InvalidRequestError: In OpenBao's words.
    """
    fields, caller = context.fields, context.caller
    if caller.entry is not None and caller.entry.is_exhausted:
        raise InvalidRequestError("parent token lookup failed: no parent found")
    if caller.entry is not None and caller.entry.is_limited:
        raise InvalidRequestError("restricted use token cannot generate child tokens")
    if fields.text("id"):
        # A guessable id would open to whoever has disk and keys.
        raise InvalidRequestError("custom token IDs are not supported")
    if fields.text("type") not in ("", "service"):
        raise InvalidRequestError("invalid 'token_type' value")
    if fields.text("entity_alias"):
        raise InvalidRequestError("'entity_alias' is only allowed in combination with token role")
    if not has_sudo and fields.flag("no_parent", default=False):
        raise InvalidRequestError("root or sudo privileges required to create orphan token")
    if not has_sudo and fields.seconds("period"):
        raise InvalidRequestError("root or sudo privileges required to create periodic token")


def _check_depth(caller: Caller) -> None:
    if caller.known is not None and caller.known.depth >= MAX_TREE_DEPTH:
        raise InvalidRequestError(
            f"a token can have at most {MAX_TREE_DEPTH - 1} ancestors; create an orphan"
        )


def login(context: Context) -> Outcome[Response | None]:
    """A token for the peer, whom the kernel has named already: no password."""
    peer, logins = context.request.peer, context.rules.logins
    ttl = min(logins.ttl, context.rules.bounds.max_ttl)
    life = Lifetime(ttl=ttl, explicit_max_ttl=0, period=0)
    token, accessor = _mint(context)
    entry = TokenEntry(
        accessor=accessor,
        policies=logins.policies(peer),
        path=context.path,
        creator=context.creator,
        created_at=context.now,
        issued_at=context.now,
        expires_at=_deadline(context, life),
        ttl=ttl,
        renewable=True,
        display_name=f"peer-{peer.uid}",
    )
    return _issued(entry, token, ())


def _mint(context: Context) -> tuple[Secret, Accessor]:
    context.check_token_quota()
    return context.tokens.records.mint(Prefix.SERVICE)


def _deadline(context: Context, life: Lifetime) -> float | None:
    return context.now + life.ttl if life.ttl else None


def _issued(entry: TokenEntry, token: Secret, warnings: Iterable[str]) -> Outcome[Response | None]:
    unknown = [
        f'Policy "{name}" does not exist'
        for name in entry.policies
        if name != ROOT and name not in BUILT_IN
    ]
    auth = Auth(
        client_token=token,
        accessor=entry.accessor,
        policies=entry.policies,
        lease_duration=int(entry.ttl),
        renewable=entry.renewable,
        orphan=entry.parent is None,
        num_uses=entry.num_uses,
        metadata=entry.meta,
    )
    response = Response(auth=auth, warnings=(*warnings, *unknown))
    return Outcome(reply=response, changes=(Put(entry=entry),))


def lookup(context: Context) -> Outcome[Response | None]:
    """What is known of a token: the one named, or the caller's."""
    named = context.fields.text("token")
    if not named:
        return lookup_self(context)
    token = Secret.from_text(named)
    known = context.tokens.by_token(token)
    if known is None:
        raise PermissionDeniedError("bad token")
    if known.entry.accessor == _own_accessor(context):
        return lookup_self(context)
    return _described(context, known, known.entry, token)


def lookup_self(context: Context) -> Outcome[Response | None]:
    """What is known of the caller's token, this use counted."""
    token, known = context.caller.require(own="lookup-self")
    return _described(context, known, context.caller.entry or known.entry, token)


def lookup_accessor(context: Context) -> Outcome[Response | None]:
    """What is known of the token with this accessor, but for the token itself."""
    known = _with_accessor(context)
    if known is None:
        raise InvalidRequestError(multierror("invalid accessor"))
    is_own = known.entry.accessor == _own_accessor(context)
    entry = context.caller.entry if is_own else None
    return _described(context, known, entry or known.entry, Secret(b""))


def _own_accessor(context: Context) -> Accessor | None:
    entry = context.caller.entry
    return None if entry is None else entry.accessor


def _with_accessor(context: Context) -> Known | None:
    text = context.fields.text("accessor")
    if not text:
        raise InvalidRequestError(multierror("missing accessor"))
    # It names a file: what is no accessor must not reach the disk.
    return context.tokens.by_accessor(Accessor(text)) if is_accessor(text) else None


def _described(
    context: Context, known: Known, entry: TokenEntry, token: Secret
) -> Outcome[Response | None]:
    data: Map = {
        "id": token.reveal_text(),
        "accessor": entry.accessor,
        "policies": [*entry.policies],
        "path": entry.path,
        "meta": None if entry.meta is None else {**entry.meta},
        "display_name": entry.display_name,
        "num_uses": entry.num_uses,
        "orphan": known.is_orphan,
        "creation_time": int(entry.created_at),
        "creation_ttl": int(entry.ttl),
        "expire_time": None if entry.expires_at is None else rfc3339(entry.expires_at),
        "ttl": round(entry.remaining(context.now)),
        "explicit_max_ttl": int(entry.explicit_max_ttl),
        "entity_id": "",
        "type": entry.type.value,
        "issue_time": rfc3339(entry.issued_at),
        "renewable": entry.renewable,
    }
    if entry.period:
        data["period"] = int(entry.period)
    if entry.renewed_at is not None:
        data["last_renewal"] = rfc3339(entry.renewed_at)
        data["last_renewal_time"] = int(entry.renewed_at)
    return Outcome(reply=Response(data=data))


def revoke(context: Context) -> Outcome[Response | None]:
    """Destroy a token and, with its file, all that descend from it. Unknown tokens are no error."""
    named = context.fields.text("token")
    if not named:
        raise InvalidRequestError("missing token ID")
    return _revoked(context.tokens.by_token(Secret.from_text(named)))


def revoke_self(context: Context) -> Outcome[Response | None]:
    """Destroy the caller's token."""
    _, known = context.caller.require(own="revoke-self")
    return _revoked(known)


def revoke_accessor(context: Context) -> Outcome[Response | None]:
    """Destroy the token with this accessor, without ever having seen it."""
    known = _with_accessor(context)
    if known is None:
        return Outcome(reply=Response(warnings=("No token found with this accessor",)))
    return _revoked(known)


def _revoked(known: Known | None) -> Outcome[Response | None]:
    if known is None:
        return nothing()
    return Outcome(reply=None, changes=(Remove(accessor=known.entry.accessor),))


def accessors(context: Context) -> Outcome[Response | None]:
    """The accessors of all tokens whose files are there, in no order."""
    keys = list(context.tokens.records.accessors())
    return Outcome(reply=Response(data={"keys": [*keys]})) if keys else nothing()


def find(path: str) -> Route | None:
    """The route of a path, when it is one of these."""
    if path.startswith(_WITH_ROLE) and "/" not in path.removeprefix(_WITH_ROLE):
        return Route(handlers={_WRITE: create_with_role})
    return ROUTES.get(path)


_WRITE, _READ, _LIST = Operation.WRITE, Operation.READ, Operation.LIST

ROUTES = {
    "auth/token/create": Route(handlers={_WRITE: create}, fields=_CREATE_FIELDS),
    "auth/token/create-orphan": Route(handlers={_WRITE: create_orphan}, fields=_CREATE_FIELDS),
    "auth/token/lookup": Route(handlers={_WRITE: lookup, _READ: lookup}, fields=("token",)),
    "auth/token/lookup-self": Route(
        handlers={_WRITE: lookup_self, _READ: lookup_self}, fields=("token",)
    ),
    "auth/token/lookup-accessor": Route(handlers={_WRITE: lookup_accessor}, fields=("accessor",)),
    "auth/token/revoke": Route(handlers={_WRITE: revoke}, fields=("token",)),
    "auth/token/revoke-self": Route(handlers={_WRITE: revoke_self}, fields=()),
    "auth/token/revoke-accessor": Route(handlers={_WRITE: revoke_accessor}, fields=("accessor",)),
    "auth/token/accessors": Route(handlers={_LIST: accessors}, fields=(), needs_sudo=True),
    "auth/peer/login": Route(handlers={_WRITE: login}, fields=(), needs_caller=False),
}
