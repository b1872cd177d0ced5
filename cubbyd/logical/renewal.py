"""auth/token/renew*: a token's life, counted anew from now."""

from math import trunc
from typing import Final

from cubbyd.core.outcome import Outcome, Put
from cubbyd.core.renewal import renewed
from cubbyd.errors import InvalidRequestError, multierror
from cubbyd.logical.auth import auth_of
from cubbyd.logical.context import Context, Route
from cubbyd.logical.lookup import with_accessor
from cubbyd.logical.tokens import Known
from cubbyd.messages import Operation, Response
from cubbyd.secret import Secret

_NOT_RENEWABLE: Final = "lease is not renewable"
_BAD_INCREMENT: Final = 'Field validation failed: error converting input for field "increment": '


def renew(context: Context) -> Outcome[Response | None]:
    """Renew the token that is named."""
    named = context.fields.text("token")
    if not named:
        raise InvalidRequestError("missing token ID")
    token = Secret.from_text(named)
    known = context.tokens.by_token(token)
    if known is None:
        raise InvalidRequestError("token not found")
    return _renewed(context, known, token, otherwise=_NOT_RENEWABLE)


def renew_self(context: Context) -> Outcome[Response | None]:
    """Renew the caller's token."""
    token, known = context.caller.require(own="renew-self")
    return _renewed(context, known, token, otherwise=_NOT_RENEWABLE)


def renew_accessor(context: Context) -> Outcome[Response | None]:
    """Renew the token with this accessor; the answer does not show it."""
    known = with_accessor(context)
    if known is None:
        raise InvalidRequestError(multierror("invalid accessor"))
    return _renewed(context, known, Secret(b""), otherwise=multierror("invalid request"))


def _renewed(
    context: Context, known: Known, token: Secret, *, otherwise: str
) -> Outcome[Response | None]:
    increment = _increment(context)
    entry, own = known.entry, context.caller.entry
    if own is not None and own.accessor == entry.accessor:
        entry = own  # with this use counted
    if not entry.renewable or entry.is_wrapping or entry.expires_at is None:
        raise InvalidRequestError(otherwise)
    now = context.now
    entry, warnings = renewed(entry, increment, now=now, bounds=context.rules.bounds)
    granted = entry.remaining(now)
    auth = auth_of(entry, token, ttl=granted, is_orphan=known.is_orphan)
    return Outcome(reply=Response(auth=auth, warnings=warnings), changes=(Put(entry=entry),))


def _increment(context: Context) -> float:
    """Seconds wanted; 0 for none in particular.

    Raises:
        InvalidRequestError: In the words that OpenBao has where a field's type says it all.
    """
    problem = None
    increment = 0.0
    try:
        increment = context.fields.seconds("increment")
    except InvalidRequestError as error:
        problem = str(error).removeprefix(_BAD_INCREMENT)
    if isinstance(context.fields.raw("increment"), bool):  # which is a number elsewhere
        problem = "not a duration"
    if increment < 0:
        problem = f"cannot provide negative value '{context.fields.text('increment')}'"
    if problem is not None:
        raise InvalidRequestError(_BAD_INCREMENT + problem)
    return trunc(increment)  # OpenBao counts whole seconds here, and takes none for no wish


_WRITE = Operation.WRITE

ROUTES = {
    "auth/token/renew": Route(
        handlers={_WRITE: renew}, fields=("increment", "token"), names_token=True
    ),
    "auth/token/renew-self": Route(handlers={_WRITE: renew_self}, fields=("increment", "token")),
    "auth/token/renew-accessor": Route(
        handlers={_WRITE: renew_accessor}, fields=("accessor", "increment")
    ),
}
