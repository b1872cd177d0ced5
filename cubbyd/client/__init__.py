"""How programs talk to cubbyd: ``Client`` blocks, ``AsyncClient`` is for trio.

    from cubbyd.client import Client

    with Client() as client:
        wrapped = client.wrap({"password": "s3cret"}, ttl="5m")
        client.unwrap(wrapped.token).data

Both have the same operations, and neither needs more than this module: what they return, and what
they raise, is here too. Every refusal is a ``RefusedError`` with ``code``, ``status``, ``messages``
and ``detail``; ``UnavailableError`` means that there was nobody to refuse.
"""

from typing import TYPE_CHECKING

from cubbyd.client import calls
from cubbyd.client.calls import Call, TokenOptions, WrappingLookup
from cubbyd.client.session import OutcomeUnknownError
from cubbyd.client.sync_client import Client
from cubbyd.errors import (
    BusyError,
    CubbydError,
    IntegrityError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RefusedError,
    SealedError,
    StorageFullError,
    TooLargeError,
    UnavailableError,
    UnsupportedOperationError,
    UnsupportedPathError,
    WrappingTokenInvalidError,
)
from cubbyd.messages import Auth, Operation, Response, WrapInfo
from cubbyd.secret import Secret

if TYPE_CHECKING:
    from cubbyd.client.async_client import AsyncClient

__all__ = [
    "AsyncClient",
    "Auth",
    "BusyError",
    "Call",
    "Client",
    "CubbydError",
    "IntegrityError",
    "InternalError",
    "InvalidRequestError",
    "NotFoundError",
    "Operation",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RefusedError",
    "Response",
    "SealedError",
    "Secret",
    "StorageFullError",
    "TokenOptions",
    "TooLargeError",
    "UnavailableError",
    "UnsupportedOperationError",
    "UnsupportedPathError",
    "WrapInfo",
    "WrappingLookup",
    "WrappingTokenInvalidError",
    "calls",
]


def __getattr__(name: str) -> "type[AsyncClient]":
    """Bring trio in for those who ask for it, and nobody else."""
    if name == "AsyncClient":
        from cubbyd.client.async_client import AsyncClient  # noqa: PLC0415 - see the docstring

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
