"""Standard input, output and error, as a command may use them.

Standard input serves one purpose in a command. What a command answers goes to standard output as
bytes; all else that is said to people goes to standard error, a line for each thing.
"""

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import click

from cubbyd.value import Value

STDIN: Final = "-"
"""What stands for standard input where a file or a token could be named."""


class StandardInput:
    """Standard input, which can be read once."""

    def __init__(self) -> None:
        self._purpose: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person would have to type what is read."""
        return sys.stdin is not None and sys.stdin.isatty()

    def reserve(self, purpose: str) -> None:
        """Say what it is for, before anything is read or asked.

        Raises:
            click.UsageError: It is for something else already.
        """
        if self._purpose is not None:
            raise click.UsageError(
                f"standard input is already read for {self._purpose}, so it cannot give {purpose} "
                "too: pass a token with --token-file PATH, --token-fd N or CUBBY_TOKEN, and data "
                "as key=@file"
            )
        self._purpose = purpose

    def read(self, max_bytes: int = -1) -> bytes:
        """All of it, or its first bytes."""
        return b"" if sys.stdin is None else sys.stdin.buffer.read(max_bytes)

    def prompt(self, question: str) -> str:
        """What a person types at the terminal, not shown there."""
        from getpass import getpass  # noqa: PLC0415 - most commands ask nobody

        with suppress(EOFError):
            return getpass(question)
        return ""


def check_output() -> None:
    """Refuse to ask for what could not be told: an answer may exist only once.

    Raises:
        click.ClickException: Standard output is closed.
    """
    if sys.stdout is None:
        raise click.ClickException("standard output is closed; nothing was sent")


def is_output_terminal() -> bool:
    """Whether a person reads what we answer."""
    return sys.stdout.isatty()


def answer(data: bytes) -> None:
    """Write what was asked for, whole.

    Raises:
        BrokenPipeError: Nobody reads any more; click then ends the command quietly.
        click.ClickException: It cannot be written.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"cannot write the answer: {error.strerror}") from error


def remark(text: str, *, as_json: bool) -> None:
    """Say something beside the answer: a warning, on standard error."""
    if as_json:
        remark_json({"warning": text})
    else:
        click.echo(f"cubby: warning: {text}", err=True)


def remark_json(words: Mapping[str, Value]) -> None:
    """The same for programs: an object, in one line."""
    import json  # noqa: PLC0415 - most commands need none

    click.echo(json.dumps(words), err=True)
