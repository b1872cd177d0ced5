"""Response wrapping: an answer goes into the cubbyhole of a fresh single-use token.

The token and what it wraps are one file: made by one rename, spent by one unlink. Only unwrap,
rewrap and reading ``cubbyhole/response`` spend it; a refused request never does.
"""

from typing import Final

from cubbyd import codec
from cubbyd.clock import rfc3339
from cubbyd.core.cubbyhole import RESPONSE
from cubbyd.core.duration import parse_duration
from cubbyd.core.outcome import Cubbyhole, Outcome, Put, Remove
from cubbyd.core.policy import RESPONSE_WRAPPING
from cubbyd.core.token import Accessor, TokenEntry
from cubbyd.core.token_text import Prefix
from cubbyd.errors import (
    InvalidRequestError,
    PermissionDeniedError,
    TooLargeError,
    WrappingTokenInvalidError,
)
from cubbyd.logical.context import Context, Route, Rules
from cubbyd.logical.cubbyhole import decode_object, find_object
from cubbyd.logical.tokens import Known, Tokens
from cubbyd.messages import Operation, Request, Response, WrapInfo
from cubbyd.secret import Secret

MIN_WRAP_TTL: Final = 1.0
"""Seconds: the least that wrap_info, which counts whole ones, can tell honestly."""

_BAD_TTL = "error parsing X-Vault-Wrap-TTL header: "
_BAD_TOKEN = "error validating wrapping token: "  # noqa: S105 - the beginning of an error


def parse_wrap_ttl(wrap_ttl: int | str | None, rules: Rules) -> float:
    """Seconds for which an answer shall be wrapped; 0 for not at all.

    Raises:
        InvalidRequestError: It cannot be read, or is out of bounds.
    """
    if wrap_ttl is None:
        return 0
    try:
        seconds = parse_duration(wrap_ttl.strip() if isinstance(wrap_ttl, str) else wrap_ttl)
    except ValueError as error:
        raise InvalidRequestError(f"{_BAD_TTL}{error}") from None
    if seconds < 0:
        raise InvalidRequestError(f"{_BAD_TTL}requested wrap ttl cannot be negative")
    if 0 < seconds < MIN_WRAP_TTL:
        raise InvalidRequestError(f"{_BAD_TTL}requested wrap ttl is below one second")
    if seconds > rules.max_wrap_ttl:
        longest = int(rules.max_wrap_ttl)
        raise InvalidRequestError(f"{_BAD_TTL}requested wrap ttl exceeds the {longest}s allowed")
    return seconds


def validate(request: Request, tokens: Tokens) -> tuple[Secret, Known]:
    """The wrapping token that a request is about: in its data, or else the one it carries.

    Raises:
        PermissionDeniedError: It names none, in the words of OpenBao.
        WrappingTokenInvalidError: Used, expired, revoked, never there, or no wrapping token.
    """
    token = request.token or Secret(b"")
    match (request.data or {}).get("token"):
        case None:
            if not token.reveal():
                raise PermissionDeniedError(f"{_BAD_TOKEN}token is empty")
        case "":
            raise PermissionDeniedError(f"{_BAD_TOKEN}empty token in request body")
        case str(text):
            token = Secret.from_text(text)
        case _:
            raise PermissionDeniedError(f"{_BAD_TOKEN}could not decode token in request body")
    known = tokens.by_token(token)
    if known is None or not known.entry.is_wrapping:
        raise WrappingTokenInvalidError
    return token, known


def wrap(context: Context) -> Outcome[Response | None]:
    """The data of the request as an answer, which is then wrapped like any other."""
    if not context.wrap_ttl:
        raise InvalidRequestError("endpoint requires response wrapping to be used")
    return context.answer(context.request.data or {})


def lookup(context: Context) -> Outcome[Response | None]:
    """When, how and for how long it was wrapped. Costs nothing and can be asked by anybody."""
    _, known = _wrapped(context)
    entry = known.entry
    ttl = int(entry.ttl) if entry.ttl == int(entry.ttl) else entry.ttl
    data = {
        "creation_path": entry.path,
        "creation_time": rfc3339(entry.created_at),
        "creation_ttl": ttl,
    }
    return context.answer({**data})


def unwrap(context: Context) -> Outcome[Response | None]:
    """The wrapped answer, as it once was. The token is gone before anybody hears of it."""
    response = _stored_response(context)
    return Outcome(reply=response, changes=_spent(context))


def rewrap(context: Context) -> Outcome[Response | None]:
    """The same answer under a fresh token, with the path of the old and at most its TTL."""
    _, known = _wrapped(context)
    is_own = known.entry.creator.uid == context.request.peer.uid
    context.check_token_quota(coming=-1 if is_own else 0)  # and the new one
    ttl = min(known.entry.ttl, context.wrap_ttl or known.entry.ttl)
    wrap_info, put = wrapped(
        context,
        _stored_response(context),
        ttl=ttl,
        creation_path=known.entry.path,
    )
    return Outcome(reply=Response(wrap_info=wrap_info), changes=(put, *_spent(context)))


def wrapped(
    context: Context, response: Response, *, ttl: float, creation_path: str
) -> tuple[WrapInfo, Put]:
    """Put an answer into the cubbyhole of a fresh wrapping token.

    Returns:
        What to tell instead of the answer, and the change that makes it so.

    Raises:
        TooLargeError: The answer does not fit a cubbyhole.
    """
    inner = codec.encode(response.to_map())
    contents = codec.encode({RESPONSE: inner})
    limit = context.rules.max_cubbyhole_bytes
    if len(contents) > limit:
        raise TooLargeError(f"an answer of {len(contents)} bytes; at most {limit} can be wrapped")
    token, accessor = context.tokens.records.mint(Prefix.WRAPPING)
    inside = response.auth.accessor if response.auth else None
    entry = TokenEntry(
        accessor=accessor,
        policies=(RESPONSE_WRAPPING,),
        path=creation_path,
        creator=context.creator,
        created_at=context.now,
        issued_at=context.now,
        expires_at=context.now + ttl,
        ttl=ttl,
        explicit_max_ttl=ttl,
        num_uses=1,
        display_name=context.caller.display_name,
        wrapped_accessor=Accessor(inside) if inside else None,
    )
    wrap_info = WrapInfo(
        token=token,
        accessor=accessor,
        ttl=int(ttl),
        creation_time=rfc3339(context.now),
        creation_path=creation_path,
        wrapped_accessor=inside,
    )
    return wrap_info, Put(entry=entry, cubbyhole=Cubbyhole(token=token, contents=contents))


def wrap_reply(context: Context, outcome: Outcome[Response]) -> Outcome[Response]:
    """The same outcome with its answer wrapped, where the request wants that and there is one."""
    response = outcome.reply
    if not context.wrap_ttl or response.is_empty or response.wrap_info:
        return outcome
    coming = 0
    for change in outcome.changes:
        coming += isinstance(change, Put) - isinstance(change, Remove)
    context.check_token_quota(coming=coming)
    path: str = context.path
    if context.request.operation is Operation.LIST and not path.endswith("/"):
        path += "/"
    wrap_info, put = wrapped(context, response, ttl=context.wrap_ttl, creation_path=path)
    # OpenBao's has no request_id either: the one of the answer is inside.
    return Outcome(reply=Response(wrap_info=wrap_info), changes=(*outcome.changes, put))


def _wrapped(context: Context) -> tuple[Secret, Known]:
    if context.wrapped is None:
        raise WrappingTokenInvalidError
    return context.wrapped


def _stored_response(context: Context) -> Response:
    token, known = _wrapped(context)
    inner = find_object(known.record.open(token), RESPONSE)
    if inner is None:
        raise WrappingTokenInvalidError
    return Response.from_map(decode_object(inner))


def _spent(context: Context) -> tuple[Remove, ...]:
    """The wrapping token, and the caller's too where that is another wrapping token."""
    _, known = _wrapped(context)
    caller = context.caller.known
    if caller is None or caller is known or not caller.entry.is_wrapping:
        return (Remove(accessor=known.entry.accessor),)
    gone = {known.entry.accessor, caller.entry.accessor}
    return tuple(Remove(accessor=accessor) for accessor in sorted(gone))


WRAP = Route(handlers={Operation.WRITE: wrap})
LOOKUP = Route(
    is_about_wrapping=True,
    handlers={Operation.WRITE: lookup, Operation.READ: lookup},
    fields=("token",),
    needs_caller=False,
)
UNWRAP = Route(is_about_wrapping=True, handlers={Operation.WRITE: unwrap})
REWRAP = Route(is_about_wrapping=True, handlers={Operation.WRITE: rewrap})
