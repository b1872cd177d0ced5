r"""Errors as people and programs read them: one line, or one JSON object, on standard error.

What the daemon says is flattened to a line: OpenBao's words for several errors at once
(``1 error occurred:\n\t* x\n\n``) become ``x``, and nothing in it can steer a terminal.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click

from cubbyd.cli import standard
from cubbyd.cli.exit_codes import Exit, exit_for
from cubbyd.cli.render import printable
from cubbyd.errors import (
    CubbydError,
    FrameTooLargeError,
    IntegrityError,
    PermissionDeniedError,
    QuotaExceededError,
    RefusedError,
    SealedError,
    StorageFullError,
    TooLargeError,
    UnavailableError,
    UnsupportedPathError,
    WrappingTokenInvalidError,
)
from cubbyd.value import Map, to_json

_REMEDIES: Final = {
    PermissionDeniedError.code: (
        "name a token that may do this with --token-file, --token-fd or CUBBY_TOKEN (one that is "
        "unknown, expired or revoked is refused alike)"
    ),
    WrappingTokenInvalidError.code: (
        "it was used, has expired, was revoked or never existed. If nobody on your side used it, "
        "treat the secret as intercepted: find out who unwrapped it, and replace it"
    ),
    SealedError.code: "the daemon has no keys until its owner runs cubby unseal",
    IntegrityError.code: "the daemon's log names the file",
    TooLargeError.code: "make it smaller, or have the daemon's limits.max_cubbyhole_bytes raised",
    FrameTooLargeError.code: (
        "send less at once, or have the daemon's limits.max_frame_bytes raised"
    ),
    QuotaExceededError.code: "delete data or revoke tokens that nobody needs any more",
    StorageFullError.code: "free some space on the disk of the daemon's store",
    UnsupportedPathError.code: "nothing lives at such a path, whatever is stored",
}
_TOKEN: Final = re.compile(r"\b(cby[sw]_)\w+", re.ASCII)
_MULTIERROR: Final = re.compile(r"\d+ errors? occurred:\s*\* ", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What went wrong, and the status that a command ends with."""

    exit_code: Exit
    text: str
    code: str
    status: int | None = None
    messages: tuple[str, ...] = ()
    detail: Map | None = None

    def show(self, *, as_json: bool) -> None:
        """Say it."""
        if not as_json:
            standard.say(f"cubby: {self.text}")
            return
        standard.remark_json(
            {
                "error": {
                    "code": self.code,
                    "status": self.status,
                    "messages": [*(self.messages or (self.text,))],
                    "detail": to_json(self.detail or {}),
                    "exit_code": int(self.exit_code),
                }
            }
        )


def complaint(error: CubbydError | click.ClickException) -> Complaint:
    """What to say about an error that ended a command."""
    match error:
        case RefusedError():
            return _refused(error)
        case UnavailableError():
            return Complaint(exit_code=exit_for(error), text=flat(str(error)), code="unavailable")
        case CubbydError():
            return Complaint(exit_code=exit_for(error), text=flat(str(error)), code="failed")
        case click.UsageError():
            return Complaint(exit_code=Exit.USAGE, text=_usage(error), code="usage")
        case _:
            text = flat(error.format_message())
            return Complaint(exit_code=Exit.FAILED, text=text, code="failed")


def _refused(error: RefusedError) -> Complaint:
    words = "; ".join(flat(message) for message in error.messages) or error.code.replace("_", " ")
    remedy = _REMEDIES.get(error.code)
    return Complaint(
        exit_code=exit_for(error),
        text=words if remedy is None else f"{words}: {remedy}",
        code=error.code,
        status=error.status,
        messages=tuple(flat(message) for message in error.messages) or (words,),
        detail=error.detail,
    )


def _usage(error: click.UsageError) -> str:
    # A list of choices comes with a line for each.
    text = flat(re.sub(r"([:,])\n\t", r"\1 ", error.format_message()))
    command = "cubby" if error.ctx is None else error.ctx.command_path
    return f"{text.removesuffix('.')} (see '{command} --help')"


def flat(message: str) -> str:
    """A message in one line, without the tokens that somebody may have put in a wrong place."""
    text = _TOKEN.sub(r"\1...", _MULTIERROR.sub("", message))
    return printable("; ".join(filter(None, (part.strip(" \t*") for part in text.splitlines()))))


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether errors are to be JSON.

    Read from the plain arguments, since an error may lie in the very options: ``--format json``
    counts also where the command line cannot be understood.
    """
    options = list(arguments)
    if "--" in options:
        options = options[: options.index("--")]
    chosen = os.environ.get("CUBBY_FORMAT")
    for position, option in enumerate(options):
        if option == "--format":
            chosen = next(iter(options[position + 1 :]), None)
        elif option.startswith("--format="):
            chosen = option.partition("=")[2]
    return chosen == "json"
