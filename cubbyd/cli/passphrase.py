"""Where a passphrase comes from: a descriptor, the terminal, or standard input."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

import click

from cubbyd.cli.quick import option
from cubbyd.cli.standard import StandardInput
from cubbyd.core.passphrase import MAX_BYTES
from cubbyd.secret import Secret

F = TypeVar("F", bound=Callable[..., Any])

_FD: Final = click.IntRange(0, 2**31 - 1)

_ENDS: Final = b"\r\n"


def fd_option(name: str, what: str) -> Callable[[F], F]:
    """An option that names a descriptor to read a passphrase from."""
    return option(name, type=_FD, metavar="N", help=f"A file descriptor with {what}.")


def read_passphrase(
    fd: int | None, stdin: StandardInput, question: str, *, again: str | None = None
) -> Secret:
    """A passphrase: the one line that a descriptor gives, or else what is typed.

    Args:
        fd: The descriptor.
        stdin: Asked in its place: a person is asked where it is a terminal.
        question: What to ask.
        again: What to ask a second time, for one that nobody could correct.

    Raises:
        click.UsageError: There is none, or it cannot be read.
    """
    if fd is not None and fd != 0:
        return _checked(_from_fd(fd), f"file descriptor {fd}")
    if fd is None and stdin.is_terminal:
        typed = stdin.prompt(question)
        if again is not None and stdin.prompt(again) != typed:
            raise click.UsageError("the two are not the same; nothing was sent")
        return _checked(typed.encode(errors="surrogateescape"), "what was typed")
    stdin.reserve(f"the {question.rstrip(': ').lower()}")
    return _checked(stdin.read(MAX_BYTES + 3), "standard input")


def _from_fd(fd: int) -> bytes:
    try:
        with open(fd, "rb") as file:
            return file.read(MAX_BYTES + 3)
    except OSError as error:
        problem = f"cannot read a passphrase from file descriptor {fd}: {error.strerror}"
    raise click.UsageError(problem)


def _checked(content: bytes, source: str) -> Secret:
    """The one line of what a source gave; blanks in it count."""
    line = content.rstrip(_ENDS)
    if not line:
        raise click.UsageError(f"no passphrase came: {source} is empty")
    if any(each in line for each in _ENDS):
        raise click.UsageError(f"{source} holds more than the one line of a passphrase")
    if len(line) > MAX_BYTES:
        raise click.UsageError(f"{source}: a passphrase has at most {MAX_BYTES} bytes")
    with suppress(UnicodeDecodeError):
        line.decode()
        return Secret(line)
    raise click.UsageError(f"{source}: a passphrase is text in UTF-8")
