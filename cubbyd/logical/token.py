"""auth/token/*: tokens are created, looked up and revoked. auth/peer/login stands beside them."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from cubbyd import codec
from cubbyd.core.creation import Lifetime, child_policies, display_name, lifetime
from cubbyd.core.outcome import Outcome, Put
from cubbyd.core.policy import ROOT
from cubbyd.core.token import MAX_TREE_DEPTH, Accessor, TokenEntry
from cubbyd.core.token_text import Prefix
from cubbyd.errors import InvalidRequestError, PermissionDeniedError
from cubbyd.logical.access import Caller, find_policy
from cubbyd.logical.auth import auth_of
from cubbyd.logical.context import MAX_METADATA_BYTES, Context, Route
from cubbyd.logical.fields import Fields
from cubbyd.messages import Operation, Response, Role
from cubbyd.secret import Secret

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
    return _create(context, is_orphan=False)


def create_orphan(context: Context) -> Outcome[Response | None]:
    """A token that outlives the caller's."""
    return _create(context, is_orphan=True)


def create_with_role(context: Context) -> Outcome[Response | None]:
    """There are no token roles here, so none is known."""
    raise InvalidRequestError(f"unknown role {context.path.removeprefix(_WITH_ROLE)}")


class _Wish(NamedTuple):
    """What a request says of the token it wants, but for the times.

    Those are read when their turn has come: the first thing that is wrong is what OpenBao tells.
    """

    policies: list[str]
    no_default_policy: bool
    no_parent: bool
    renewable: bool
    num_uses: int
    display_name: str
    meta: dict[str, str] | None

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises InvalidRequestError for a member of a wrong type."""
        return cls(
            policies=[""] if fields.raw("policies") == "" else fields.texts("policies"),
            no_default_policy=fields.flag("no_default_policy", default=False),
            no_parent=fields.flag("no_parent", default=False),
            renewable=fields.flag("renewable", default=True),
            num_uses=fields.integer("num_uses"),
            display_name=display_name(fields.text("display_name")),
            meta=fields.text_map("meta"),
        )


def _create(context: Context, *, is_orphan: bool) -> Outcome[Response | None]:
    fields, caller = context.fields, context.caller
    wish = _Wish.read(fields)
    _check_caller(caller)
    _check_supported(fields, wish)
    has_sudo = caller.has_sudo(context.path)
    policies = child_policies(
        wish.policies,
        caller.policies,
        has_sudo=has_sudo,
        no_default_policy=wish.no_default_policy,
    )
    if wish.no_parent and not has_sudo:
        raise InvalidRequestError("root or sudo privileges required to create orphan token")
    is_orphan = is_orphan or wish.no_parent or caller.entry is None
    life = _life(context, is_root=ROOT in policies, has_sudo=has_sudo)
    if not is_orphan:
        _check_depth(caller)
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
        num_uses=wish.num_uses,
        renewable=bool(life.ttl) and wish.renewable,
        display_name=wish.display_name,
        meta=wish.meta,
    )
    _check_size(entry)
    return _issued(context, entry, token, life.warnings)


def _check_caller(caller: Caller) -> None:
    """Refuse a caller who may not have children. Raises InvalidRequestError."""
    if caller.entry is not None and caller.entry.is_exhausted:
        raise InvalidRequestError("parent token lookup failed: no parent found")
    if caller.entry is not None and caller.entry.is_limited:
        raise InvalidRequestError("restricted use token cannot generate child tokens")


def _check_supported(fields: Fields, wish: _Wish) -> None:
    """Refuse what tokens do not have here. Raises InvalidRequestError, in OpenBao's words."""
    if fields.text("type") not in ("", "service"):
        raise InvalidRequestError("invalid 'token_type' value")
    if wish.num_uses < 0:
        raise InvalidRequestError("number of uses cannot be negative")
    if fields.text("entity_alias"):
        raise InvalidRequestError("'entity_alias' is only allowed in combination with token role")
    if fields.text("id"):
        # A guessable id would open to whoever has disk and keys.
        raise InvalidRequestError("custom token IDs are not supported")


def _life(context: Context, *, is_root: bool, has_sudo: bool) -> Lifetime:
    """How long the token lives. Raises InvalidRequestError."""
    fields, caller = context.fields, context.caller
    explicit_max_ttl = _positive(fields, "explicit_max_ttl")
    period = _positive(fields, "period")
    if period and not has_sudo:
        raise InvalidRequestError("root or sudo privileges required to create periodic token")
    life = lifetime(
        ttl=_positive(fields, "lease" if fields.raw("ttl") in (None, "") else "ttl"),
        explicit_max_ttl=explicit_max_ttl,
        period=period,
        is_root=is_root,
        bounds=context.rules.bounds,
    )
    if not life.ttl and caller.entry is not None and caller.entry.expires_at is not None:
        raise InvalidRequestError("expiring root tokens cannot create non-expiring root tokens")
    return life


def _positive(fields: Fields, name: str) -> float:
    seconds = fields.seconds(name)
    if seconds < 0:
        raise InvalidRequestError(f"{name} must be positive")
    return seconds


def _check_size(entry: TokenEntry) -> None:
    size = len(codec.encode([entry.display_name, [*entry.policies], {**(entry.meta or {})}]))
    if size > MAX_METADATA_BYTES:
        raise InvalidRequestError(
            f"display_name, policies and meta have {size} bytes together, and may have "
            f"{MAX_METADATA_BYTES}"
        )


def _check_depth(caller: Caller) -> None:
    if caller.known is not None and caller.known.depth >= MAX_TREE_DEPTH:
        raise InvalidRequestError(
            f"a token can have at most {MAX_TREE_DEPTH - 1} ancestors; create an orphan"
        )


def login(context: Context) -> Outcome[Response | None]:
    """A token for the peer, whom the kernel has named already: no password."""
    peer, logins = context.request.peer, context.rules.logins
    if peer.role is Role.BEARER:
        raise PermissionDeniedError("permission denied: log in at the CBOR socket")
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
    return _issued(context, entry, token)


def _mint(context: Context) -> tuple[Secret, Accessor]:
    context.check_token_quota()
    return context.tokens.records.mint(Prefix.SERVICE)


def _deadline(context: Context, life: Lifetime) -> float | None:
    return context.now + life.ttl if life.ttl else None


def _issued(
    context: Context, entry: TokenEntry, token: Secret, warnings: Iterable[str] = ()
) -> Outcome[Response | None]:
    records = context.tokens.records
    unknown = [
        f'Policy "{name}" does not exist'
        for name in entry.policies
        if name != ROOT and find_policy(name, records) is None
    ]
    auth = auth_of(entry, token, ttl=entry.ttl, is_orphan=entry.parent is None)
    response = Response(request_id=context.new_id(), auth=auth, warnings=(*warnings, *unknown))
    return Outcome(reply=response, changes=(Put(entry=entry, is_new=True),))


_WRITE = Operation.WRITE

ROUTES = {
    "auth/token/create": Route(handlers={_WRITE: create}, fields=_CREATE_FIELDS),
    "auth/token/create-orphan": Route(handlers={_WRITE: create_orphan}, fields=_CREATE_FIELDS),
    "auth/peer/login": Route(handlers={_WRITE: login}, fields=(), needs_caller=False),
}
FOLDERS = {"auth/token/create/": Route(handlers={_WRITE: create_with_role})}
