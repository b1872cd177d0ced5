"""Every operation, once, as data.

A ``Call`` says what is asked and how its answer is read; the shells (``Client``, ``AsyncClient``)
carry it out. Their methods build one of these and perform it; whoever wants an answer wrapped, or
wants it whole, builds the call here and changes it with ``wrapped`` or ``whole``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypedDict, TypeVar, Unpack

from cubbyd.errors import MalformedFrameError
from cubbyd.messages import Auth, Operation, Response, WrapInfo
from cubbyd.secret import Secret
from cubbyd.value import Map

R_co = TypeVar("R_co", covariant=True)

Token: TypeAlias = Secret | str
Duration: TypeAlias = int | str
"""Seconds, or text such as ``"90s"``, ``"20m"``, ``"25h"``."""
Data: TypeAlias = Mapping[str, object]
"""What a request carries: values of ``cubbyd.value.Value``, checked when it is encoded."""
Keys: TypeAlias = list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[R_co]):
    """One operation, ready to be carried out."""

    operation: Operation
    path: str
    decode: Callable[[Response], R_co]
    """Reads the answer. Raises MalformedFrameError where it lacks what it must have."""
    data: Data | None = field(default=None, repr=False)
    wrap_ttl: Duration | None = None
    token: Secret | None = None
    """Sent in place of the client's own token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappingLookup:
    """What anybody who holds a wrapping token may know of it without spending it."""

    creation_path: str
    """The path whose answer was wrapped; another than expected is a sign of tampering."""
    creation_time: str
    """RFC 3339."""
    creation_ttl: float
    """Seconds, from creation; not what is left of them."""


class TokenOptions(TypedDict, total=False):
    """What a new token can be given; the daemon has a default for each that is left out."""

    policies: Sequence[str]
    """Left out: the caller's own."""
    ttl: Duration
    explicit_max_ttl: Duration
    """No renewal lengthens its life beyond this."""
    period: Duration
    """Renewable for ever, each time for so long."""
    num_uses: int
    """0: as many as it likes."""
    renewable: bool
    display_name: str
    meta: Mapping[str, str]
    no_parent: bool
    """An orphan, which outlives its maker."""
    no_default_policy: bool


def as_secret(token: Token) -> Secret:
    """A token that came as text or as a secret. An empty one stays: it is wrong, not absent."""
    return token if isinstance(token, Secret) else Secret.from_text(token)


def request(
    operation: Operation,
    path: str,
    data: Data | None = None,
    *,
    wrap_ttl: Duration | None = None,
) -> Call[Response]:
    """Anything that the daemon understands, and its whole answer."""
    return Call(operation=operation, path=path, data=data, wrap_ttl=wrap_ttl, decode=_response)


def whole(call: Call[object], *, wrap_ttl: Duration | None = None) -> Call[Response]:
    """The same call, for its whole answer."""
    return _changed(call, _response, wrap_ttl)


def wrapped(call: Call[object], ttl: Duration) -> Call[WrapInfo]:
    """The same call, its answer left in the cubbyhole of a fresh single-use token."""
    return _changed(call, _wrap_info, ttl)


def _changed(
    call: Call[object], decode: Callable[[Response], R_co], wrap_ttl: Duration | None
) -> Call[R_co]:
    return Call(
        operation=call.operation,
        path=call.path,
        data=call.data,
        token=call.token,
        wrap_ttl=call.wrap_ttl if wrap_ttl is None else wrap_ttl,
        decode=decode,
    )


def read(path: str) -> Call[Map]:
    """The data at a path. Refused as not found where there is none."""
    return Call(operation=Operation.READ, path=path, decode=_data)


def write(path: str, data: Data | None = None) -> Call[Response]:
    """Put data at a path, in place of what was there; or whatever writing means there."""
    return request(Operation.WRITE, path, data)


def list_keys(path: str) -> Call[Keys]:
    """The names directly below a path; folders end in a slash."""
    return Call(operation=Operation.LIST, path=path, decode=_keys)


def delete(path: str) -> Call[None]:
    """Remove what is at a path, if it is there."""
    return Call(operation=Operation.DELETE, path=path, decode=_nothing)


def wrap(data: Data, ttl: Duration) -> Call[WrapInfo]:
    """Leave data in the cubbyhole of a fresh single-use token."""
    return wrapped(write("sys/wrapping/wrap", data), ttl)


def unwrap(token: Token) -> Call[Response]:
    """What was wrapped: the answer as it was, once. The wrapping token is all that this needs."""
    return Call(
        operation=Operation.WRITE,
        path="sys/wrapping/unwrap",
        token=as_secret(token),
        decode=_response,
    )


def lookup_wrapping(token: Token) -> Call[WrappingLookup]:
    """Where a wrapping token comes from. Costs it nothing."""
    return _about("sys/wrapping/lookup", token, _wrapping_lookup)


def rewrap(token: Token) -> Call[WrapInfo]:
    """Move what was wrapped to a fresh wrapping token; the old one ends, its secret unseen.

    A wrapping token may not ask for this itself: the client's own token does, or the process.
    """
    return _about("sys/wrapping/rewrap", token, _wrap_info)


def create_token(**options: Unpack[TokenOptions]) -> Call[Auth]:
    """A new token, a child of the caller's unless it is an orphan."""
    return Call(
        operation=Operation.WRITE,
        path="auth/token/create",
        data=options,
        decode=_auth,
    )


def login() -> Call[Auth]:
    """A token for who we are: the kernel tells the daemon, there is no password."""
    return Call(operation=Operation.WRITE, path="auth/peer/login", decode=_auth)


def lookup_token(token: Token) -> Call[Map]:
    """All that is known of a token, in OpenBao's fields. Costs it nothing."""
    return _about("auth/token/lookup", token, _data)


def lookup_self() -> Call[Map]:
    """All that is known of the token that asks."""
    return read("auth/token/lookup-self")


def lookup_accessor(accessor: str) -> Call[Map]:
    """All that is known of the token with that accessor, but for the token itself."""
    return Call(
        operation=Operation.WRITE,
        path="auth/token/lookup-accessor",
        data={"accessor": accessor},
        decode=_data,
    )


def revoke_token(token: Token) -> Call[None]:
    """End a token, its cubbyhole and its descendants."""
    return _about("auth/token/revoke", token, _nothing)


def revoke_self() -> Call[None]:
    """End the token that asks."""
    return Call(operation=Operation.WRITE, path="auth/token/revoke-self", decode=_nothing)


def revoke_accessor(accessor: str) -> Call[None]:
    """End the token with that accessor."""
    return Call(
        operation=Operation.WRITE,
        path="auth/token/revoke-accessor",
        data={"accessor": accessor},
        decode=_nothing,
    )


def list_accessors() -> Call[Keys]:
    """The accessors of all living tokens."""
    return list_keys("auth/token/accessors")


def seal_status() -> Call[Map]:
    """Whether the daemon has its root key. Answered without a token, and while sealed."""
    return read("sys/seal-status")


def health() -> Call[Map]:
    """Whether the daemon serves. Answered without a token, and while sealed."""
    return read("sys/health")


def _about(path: str, token: Token, decode: Callable[[Response], R_co]) -> Call[R_co]:
    """A write that names a token in its data."""
    return Call(
        operation=Operation.WRITE,
        path=path,
        data={"token": as_secret(token).reveal_text()},
        decode=decode,
    )


def _response(response: Response) -> Response:
    return response


def _nothing(response: Response) -> None:
    """The daemon's word that it is done is all there is to say."""


def _data(response: Response) -> Map:
    return response.data or {}


def _keys(response: Response) -> Keys:
    match response.data:
        case {"keys": list(keys)}:
            return [str(key) for key in keys]
        case _:
            raise MalformedFrameError("the answer to a list has no keys")


def _auth(response: Response) -> Auth:
    if response.auth is None:
        raise MalformedFrameError("the answer has no token")
    return response.auth


def _wrap_info(response: Response) -> WrapInfo:
    if response.wrap_info is None:
        raise MalformedFrameError("the answer is not wrapped; perhaps there was nothing to wrap")
    return response.wrap_info


def _wrapping_lookup(response: Response) -> WrappingLookup:
    match response.data:
        case {
            "creation_path": str(path),
            "creation_time": str(time),
            "creation_ttl": int(ttl) | float(ttl),
        }:
            return WrappingLookup(creation_path=path, creation_time=time, creation_ttl=ttl)
        case _:
            raise MalformedFrameError("the answer lacks what is known of a wrapping token")
