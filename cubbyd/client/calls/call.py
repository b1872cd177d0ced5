"""An operation as data: what every call is made of, and what may be done to one."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Generic, TypeAlias, TypeVar

from cubbyd.client.calls import answers
from cubbyd.messages import Operation, Response, WrapInfo
from cubbyd.secret import Secret
from cubbyd.unchanging import unchanging

R_co = TypeVar("R_co", covariant=True)

Token: TypeAlias = Secret | str
Duration: TypeAlias = int | str
"""Seconds, or text such as ``"90s"``, ``"20m"``, ``"25h"``."""
Data: TypeAlias = Mapping[str, object]
"""What a request carries: values of ``cubbyd.value.Value``, checked when it is encoded."""


@unchanging
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


def as_secret(token: Token) -> Secret:
    """A token that came as text or as a secret. An empty one stays: it is wrong, not absent."""
    return token if isinstance(token, Secret) else Secret.from_text(token)


def as_text(token: Token) -> str:
    """The same as it stands in the data of a request that is about it."""
    return as_secret(token).reveal_text()


def request(
    operation: Operation,
    path: str,
    data: Data | None = None,
    *,
    wrap_ttl: Duration | None = None,
) -> Call[Response]:
    """Anything that the daemon understands, and its whole answer."""
    return Call(operation=operation, path=path, data=data, wrap_ttl=wrap_ttl, decode=answers.whole)


def asked(path: str, decode: Callable[[Response], R_co], data: Data | None = None) -> Call[R_co]:
    """A write that wants an answer, with those members of the data that are given (not None)."""
    given = {key: value for key, value in (data or {}).items() if value is not None}
    return Call(operation=Operation.WRITE, path=path, data=given or None, decode=decode)


def whole(call: Call[object], *, wrap_ttl: Duration | None = None) -> Call[Response]:
    """The same call, for its whole answer."""
    return _changed(call, answers.whole, wrap_ttl)


def wrapped(call: Call[object], ttl: Duration) -> Call[WrapInfo]:
    """The same call, its answer left in the cubbyhole of a fresh single-use token.

    Raises:
        ValueError: The TTL says "not wrapped": the answer, maybe a token, would be lost.
    """
    if ttl in (0, "", "0", "0s"):
        raise ValueError("a wrap TTL of 0 would not wrap")
    return _changed(call, answers.wrap_info, ttl)


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
