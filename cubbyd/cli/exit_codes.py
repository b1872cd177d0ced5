"""What a command's exit status tells a script, and the one place that decides it."""

from enum import IntEnum
from typing import Final

from cubbyd.client.session import OutcomeUnknownError
from cubbyd.errors import (
    BusyError,
    CubbydError,
    IntegrityError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    SealedError,
    StorageFullError,
    UnavailableError,
    UnsupportedPathError,
    WrappingTokenInvalidError,
)


class Exit(IntEnum):
    """The statuses. They never change their meaning; new ones may come."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4
    WRAPPING_TOKEN_INVALID = 6
    NO_DAEMON = 7
    SEALED = 8
    INTEGRITY = 9
    BUSY = 10
    INTERRUPTED = 130


MEANINGS: Final = {
    Exit.DONE: "done",
    Exit.FAILED: "failed",
    Exit.USAGE: "usage: the command line is wrong, and nothing was sent",
    Exit.NOT_FOUND: "not found",
    Exit.DENIED: "permission denied",
    Exit.WRAPPING_TOKEN_INVALID: (
        "the wrapping token is not valid: used, expired, revoked or never\n"
        "there. If you expected a secret, somebody may have intercepted it"
    ),
    Exit.NO_DAEMON: "no daemon there; nothing was done",
    Exit.SEALED: "sealed",
    Exit.INTEGRITY: "integrity: a stored file is damaged",
    Exit.BUSY: "busy, or a quota or the disk is full",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
}

# The first that fits decides: a subclass stands before its base.
_EXITS: Final[tuple[tuple[type[CubbydError], Exit], ...]] = (
    (NotFoundError, Exit.NOT_FOUND),
    (UnsupportedPathError, Exit.NOT_FOUND),
    (PermissionDeniedError, Exit.DENIED),
    (WrappingTokenInvalidError, Exit.WRAPPING_TOKEN_INVALID),
    # A script may start a daemon and repeat what ended with NO_DAEMON, so this is none of it.
    (OutcomeUnknownError, Exit.FAILED),
    (UnavailableError, Exit.NO_DAEMON),
    (SealedError, Exit.SEALED),
    (IntegrityError, Exit.INTEGRITY),
    (BusyError, Exit.BUSY),
    (QuotaExceededError, Exit.BUSY),
    (StorageFullError, Exit.BUSY),
)


def exit_for(error: CubbydError) -> Exit:
    """The status with which a command ends that failed so."""
    return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FAILED)


def table() -> str:
    """The statuses as people read them, one a line, without the lines' ends."""
    lines = []
    for code, meaning in MEANINGS.items():
        first, *more = meaning.splitlines()
        lines += [f"  {code:>3}  {first}", *(f"       {line}" for line in more)]
    return "\n".join(lines)
