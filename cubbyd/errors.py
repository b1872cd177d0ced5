"""The error tree. A branch is what the catcher does, not where it happened.

- ``WireError``: the peer broke framing; answer once, then close (``server.session``).
- ``RefusedError``: understood and refused; the connection lives on (``server.session``).
- ``StoreError``: what is on disk is unknown; the daemon stops (``daemon``). It may be started again
  at once if it is a ``DiskProcessError`` (``cli.serve``).
- ``StartError``: the daemon cannot start as it is configured; say why and exit (``cli.serve``).
- ``UnavailableError``: a client found no daemon, or not the one it trusts.

Messages never carry a payload, a token or a key: lengths, names and remedies only.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from cubbyd.value import Map, Value


class CubbydError(Exception):
    """Base of everything raised on purpose. Never raised itself."""


class WireError(CubbydError):
    """The peer broke framing; the connection cannot be resynchronised, so it closes."""

    code: ClassVar[str] = "malformed_frame"
    status: int = 400


class MalformedFrameError(WireError):
    """A payload that is not one data item of our CBOR subset, or not a map."""


class FrameTooLargeError(WireError):
    """A frame whose header promises more than the receiver takes."""

    code = "frame_too_large"
    status = 413


class MalformedHttpError(WireError):
    """Bytes that are no HTTP request, or that two readers could take for different ones."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


class StoreError(CubbydError):
    """A directory sync failed, so what is on disk is unknown: the daemon stops."""


class DiskProcessError(StoreError):
    """The process that carries changes out has ended; what it had not synced a start will sync."""


class StartError(CubbydError):
    """The daemon cannot start; the message names what is wrong and the remedy."""


class UnavailableError(CubbydError):
    """No daemon answers at the socket, it went away, or it is not one that we trust."""


class RefusedError(CubbydError):
    """Understood and refused; the connection lives on.

    ``code`` is what programs branch on and what crosses the wire, ``status`` the HTTP status that
    OpenBao gives, ``messages`` OpenBao's words where it has words for the case.
    """

    code: str = "internal"
    status: int = 500
    default: ClassVar[str] = ""

    def __init__(
        self, *messages: str, status: int | None = None, detail: Mapping[str, Value] | None = None
    ) -> None:
        self.messages: tuple[str, ...] = messages or ((self.default,) if self.default else ())
        self.detail: Map = dict(detail or {})
        if status is not None:
            self.status = status
        super().__init__("; ".join(self.messages) or self.code)


class InternalError(RefusedError):
    """A bug in the daemon, or an error it has no better word for."""

    default = "internal error"


class InvalidRequestError(RefusedError):
    """The request itself is wrong: a field, a path, a time."""

    code = "invalid_request"
    status = 400
    default = "invalid request"


class WrongPassphraseError(InvalidRequestError):
    """It does not open the keyring. Trying on takes longer each time."""

    default = "the passphrase is wrong"


class UnsupportedPathError(RefusedError):
    """Nothing lives at that path."""

    code = "unsupported_path"
    status = 404
    default = "unsupported path"


class UnsupportedOperationError(RefusedError):
    """The path exists, but not for that operation."""

    code = "unsupported_operation"
    status = 405
    default = "unsupported operation"


class PermissionDeniedError(RefusedError):
    """Unknown, expired and revoked tokens look alike, so that none can be probed for."""

    code = "permission_denied"
    status = 403
    default = "permission denied"


class NotFoundError(RefusedError):
    """Nothing is stored there. OpenBao says so with a bare status, hence without words."""

    code = "not_found"
    status = 404


class WrappingTokenInvalidError(RefusedError):
    """Used, expired, revoked or never there. To whoever expected a secret: somebody was there."""

    code = "wrapping_token_invalid"
    status = 400
    default = "wrapping token is not valid or does not exist"


class TooLargeError(RefusedError):
    """What would be answered or kept is larger than cubbyd carries."""

    code = "too_large"
    status = 413
    default = "too large"


class QuotaExceededError(RefusedError):
    """More tokens than a user may have, or more bytes than a cubbyhole holds."""

    code = "quota_exceeded"
    status = 429
    default = "quota exceeded"


class SealedError(RefusedError):
    """The daemon has no root key; nothing but its health and its unsealing answers."""

    code = "sealed"
    status = 503
    default = "Vault is sealed"


class IntegrityError(RefusedError):
    """A file on disk cannot be read or does not open. It is left where it is."""

    code = "integrity"
    status = 500
    default = "a stored file is damaged"


class SealBrokenError(IntegrityError):
    """Sealed bytes do not open: changed, moved, or sealed by another key."""


class UnknownFormatError(IntegrityError):
    """A file of another format version, or of a key term that the keyring lacks.

    Nothing says that it is damaged: another cubbyd, or another copy of the keyring, may open it.
    """


class StorageFullError(RefusedError):
    """The disk, or its quota, has no room. A limited token's use may have been counted before."""

    code = "storage_full"
    status = 507
    default = "no space left for the store; the change was not made"


class BusyError(RefusedError):
    """Too much at once: connections, open files, memory. Try again."""

    code = "busy"
    status = 503
    default = "busy; try again"


REFUSALS: dict[str, type[RefusedError]] = {
    kind.code: kind
    for kind in (
        InvalidRequestError,
        PermissionDeniedError,
        UnsupportedPathError,
        NotFoundError,
        UnsupportedOperationError,
        WrappingTokenInvalidError,
        TooLargeError,
        QuotaExceededError,
        InternalError,
        IntegrityError,
        BusyError,
        SealedError,
        StorageFullError,
    )
}


def refusal(
    code: str, status: int, messages: Sequence[str], detail: Mapping[str, Value] | None = None
) -> RefusedError:
    """The exception that a refusal on the wire stands for.

    A code that we do not know goes by its status: the first of REFUSALS that has it.
    """
    kind = REFUSALS.get(code)
    if kind is None:
        alike = (each for each in REFUSALS.values() if each.status == status)
        kind = next(alike, InternalError)
    error = kind(*messages, status=status, detail=detail)
    error.code = code
    return error


def multierror(text: str) -> str:
    """A text as OpenBao's clients receive those that crossed its go-multierror."""
    return f"1 error occurred:\n\t* {text}\n\n"
