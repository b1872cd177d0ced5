"""The end of tokens: with all that descend from them, or leaving their children as orphans.

Revoking is one unlink, whatever the tree: a child lives only while its parent's file does, and the
reaper destroys what is dead behind the requests.
"""

from cubbyd.core.outcome import Outcome, Put, Remove, Tidy
from cubbyd.core.token import TokenEntry, TokenType
from cubbyd.errors import InvalidRequestError
from cubbyd.logical.context import Context, Route, nothing
from cubbyd.logical.lookup import with_accessor
from cubbyd.logical.tokens import Known
from cubbyd.messages import Operation, Response
from cubbyd.secret import Secret

_TIDY_BEGUN = (
    "Tidy operation successfully started. Any information from the operation will be printed to "
    "OpenBao's server logs."
)
_TIDY_RUNS = "Tidy operation already in progress."
_ACCEPTED = 202  # HTTP's word for begun and not finished


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
    known = with_accessor(context)
    if known is None:
        return Outcome(reply=Response(warnings=("No token found with this accessor",)))
    return _revoked(known)


def _revoked(known: Known | None) -> Outcome[Response | None]:
    if known is None:
        return nothing()
    return Outcome(reply=None, changes=(Remove(accessor=known.entry.accessor),))


def revoke_orphan(context: Context) -> Outcome[Response | None]:
    """Destroy a token alone: its children become orphans, by one atomic change.

    What is left of it is a stub without rights and contents, for as long as a child names it.
    """
    named = context.fields.text("token")
    if not named:
        raise InvalidRequestError("missing token ID")
    if not context.caller.has_sudo(context.path):
        raise InvalidRequestError("root or sudo privileges required to revoke and orphan")
    known = context.tokens.by_token(Secret.from_text(named))
    if known is None:
        raise InvalidRequestError("token to revoke not found")
    entry = known.entry
    stub = TokenEntry(
        accessor=entry.accessor,
        type=TokenType.STUB,
        policies=(),
        path=entry.path,
        creator=entry.creator,
        created_at=entry.created_at,
        issued_at=entry.issued_at,
    )
    return Outcome(reply=None, changes=(Put(entry=stub),))


def tidy(context: Context) -> Outcome[Response | None]:
    """Look at every file again, behind the requests: for one that could not be read before."""
    if context.tokens.records.is_tidying:
        return Outcome(reply=Response(warnings=(_TIDY_RUNS,)))
    return Outcome(reply=Response(status=_ACCEPTED, warnings=(_TIDY_BEGUN,)), changes=(Tidy(),))


_WRITE = Operation.WRITE

ROUTES = {
    "auth/token/revoke": Route(handlers={_WRITE: revoke}, fields=("token",), names_token=True),
    "auth/token/revoke-self": Route(handlers={_WRITE: revoke_self}, fields=()),
    "auth/token/revoke-accessor": Route(handlers={_WRITE: revoke_accessor}, fields=("accessor",)),
    "auth/token/revoke-orphan": Route(
        handlers={_WRITE: revoke_orphan}, fields=("token",), names_token=True
    ),
    "auth/token/tidy": Route(handlers={_WRITE: tidy}),
}
