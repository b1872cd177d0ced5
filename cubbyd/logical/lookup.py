"""What is known of tokens: by the token, by its accessor, and of all of them the accessors."""

from cubbyd.clock import rfc3339
from cubbyd.core.outcome import Outcome
from cubbyd.core.token import Accessor, TokenEntry, is_accessor
from cubbyd.errors import InvalidRequestError, PermissionDeniedError, multierror
from cubbyd.logical.context import Context, Route, nothing
from cubbyd.logical.tokens import Known
from cubbyd.messages import Operation, Response
from cubbyd.secret import Secret
from cubbyd.value import Map


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
    known = with_accessor(context)
    if known is None:
        raise InvalidRequestError(multierror("invalid accessor"))
    is_own = known.entry.accessor == _own_accessor(context)
    entry = context.caller.entry if is_own else None
    return _described(context, known, entry or known.entry, Secret(b""))


def _own_accessor(context: Context) -> Accessor | None:
    entry = context.caller.entry
    return None if entry is None else entry.accessor


def with_accessor(context: Context) -> Known | None:
    """The living token with the accessor that the request names.

    Raises:
        InvalidRequestError: It names none.
    """
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
    return context.answer(data)


def accessors(context: Context) -> Outcome[Response | None]:
    """The accessors of all tokens whose files are there, in no order."""
    keys = context.tokens.records.living(context.now)
    return context.answer({"keys": [*keys]}) if keys else nothing()


_WRITE, _READ, _LIST = Operation.WRITE, Operation.READ, Operation.LIST

ROUTES = {
    "auth/token/lookup": Route(
        handlers={_WRITE: lookup, _READ: lookup}, fields=("token",), names_token=True
    ),
    "auth/token/lookup-self": Route(
        handlers={_WRITE: lookup_self, _READ: lookup_self}, fields=("token",)
    ),
    "auth/token/lookup-accessor": Route(handlers={_WRITE: lookup_accessor}, fields=("accessor",)),
    "auth/token/accessors": Route(handlers={_LIST: accessors}, fields=(), needs_sudo=True),
}
