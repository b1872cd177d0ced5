"""Standard input, output and error, as a command may use them.

Standard input serves one purpose in a command. What a command answers goes to standard output as
bytes; all else that is said to people goes to standard error, a line for each thing.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TextIO

import click

from cubbyd.value import Value

STDIN: Final = "-"
"""What stands for standard input where a file or a token could be named."""


class OutputError(click.ClickException):
    """What was asked for could not be written."""


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
                "too: pass a token with --token-file PATH, --token-fd N or CUBBY_TOKEN, data as "
                "key=@file, and a passphrase with --passphrase-fd N"
            )
        self._purpose = purpose

    def read(self, max_bytes: int) -> bytes:
        """All of it, but no more than so many bytes."""
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
        OutputError: It cannot be written.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output()
        raise OutputError(f"cannot write the answer: {error.strerror}") from error


def discard_output() -> None:
    """Drop what standard output did not take: Python would try again at its end, and exit 120."""
    _discard(sys.stdout)


def say(text: str) -> None:
    """Say a line on standard error. Nobody hears where that cannot be written, and all goes on."""
    try:
        click.echo(text, err=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    from pathlib import Path  # noqa: PLC0415 - mostly all goes well

    # A stream without a descriptor, as tests have, is not flushed at the end.
    with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def remark(text: str, *, as_json: bool) -> None:
    """Say something beside the answer: a warning, on standard error."""
    if as_json:
        remark_json({"warning": text})
    else:
        say(f"cubby: warning: {text}")


def remark_json(words: Mapping[str, Value]) -> None:
    """The same for programs: an object, in one line."""
    import json  # noqa: PLC0415 - most commands need none

    say(json.dumps(words))
