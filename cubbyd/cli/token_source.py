"""Where a token comes from.

A command acts with *your own* token: the one in ``--token-file`` or ``--token-fd``, else in
``CUBBY_TOKEN``, else none. A variable that is set to nothing is a script's mistake, and an error:
it must never turn into "no token", which for the daemon's owner is more than any token.

``unwrap``, ``lookup`` and ``rewrap`` are about a *wrapping* token: the argument, else
``--token-file`` or ``--token-fd``, else ``CUBBY_TOKEN`` if a wrapping token is in it, else standard
input. ``rewrap`` sends your own token besides, where ``CUBBY_TOKEN`` has one.

Every token is checked for typing errors before anything is sent. No message repeats one.
"""

import os
from typing import Final

import click

from cubbyd.cli.standard import STDIN, StandardInput
from cubbyd.core.token_text import Prefix, check_token_text
from cubbyd.secret import Secret

VARIABLE: Final = "CUBBY_TOKEN"

_MAX_BYTES: Final = 4096
"""More than any token has, so that a wrong file is not read whole."""


class TokenSource:
    """What a command line says about tokens.

    Attributes:
        stdin: Where a token may come from, once.
        file: ``--token-file``; ``-`` is standard input.
        fd: ``--token-fd``.
    """

    def __init__(self, *, stdin: StandardInput) -> None:
        self.stdin = stdin
        self.file: str | None = None
        self.fd: int | None = None

    def own(self) -> Secret | None:
        """The caller's own token, or None when nothing names one.

        Raises:
            click.UsageError: What is named is no token.
        """
        return self.named() or _from_environment()

    def named(self) -> Secret | None:
        """The token that an option names."""
        if self.file is not None and self.fd is not None:
            raise click.UsageError("--token-file and --token-fd name two tokens; give one of them")
        if self.file == STDIN:
            return self.typed("Token: ", "the token")
        if self.file is not None:
            return _from_file(self.file)
        if self.fd is not None:
            return self._from_fd(self.fd)
        return None

    def argument(self, text: str, *, question: str = "Token: ") -> Secret:
        """A token that is an argument; ``-`` stands for standard input."""
        if text == STDIN:
            return self.typed(question, "the token")
        return _checked(text.encode("utf-8", "surrogateescape"), "the argument")

    def wrapping(self, argument: str | None) -> Secret:
        """The wrapping token of a command that is about one.

        Raises:
            click.UsageError: What is named is no token, or two are named.
        """
        if argument is not None:
            if self.file is not None or self.fd is not None:
                raise click.UsageError("give the wrapping token once: as argument or by an option")
            return self.argument(argument, question="Wrapping token: ")
        named = self.named()
        if named is not None:
            return named
        ours = _from_environment()
        if ours is not None and is_wrapping(ours):
            return ours
        return self.typed("Wrapping token: ", "the wrapping token")

    def beside_wrapping(self) -> Secret | None:
        """The caller's own token, in a command that is about a wrapping token."""
        ours = _from_environment()
        return None if ours is None or is_wrapping(ours) else ours

    def typed(self, question: str, purpose: str) -> Secret:
        """A token from standard input, asked for where that is a terminal."""
        self.stdin.reserve(purpose)
        if self.stdin.is_terminal:
            return _checked(self.stdin.prompt(question).encode(), "what was typed")
        return _checked(self.stdin.read(_MAX_BYTES), "standard input")

    def _from_fd(self, fd: int) -> Secret:
        if fd == 0:
            return self.typed("Token: ", "the token")
        try:
            with open(fd, "rb") as file:
                return _checked(file.read(_MAX_BYTES), f"file descriptor {fd}")
        except OSError as error:
            problem = f"cannot read a token from file descriptor {fd}: {error.strerror}"
        raise click.UsageError(problem)


def looks_like_token(text: str) -> bool:
    """Whether a text begins as tokens do, whatever comes then."""
    return text.startswith(tuple(prefix.value for prefix in Prefix))


def is_wrapping(token: Secret) -> bool:
    """Whether a token's text says that it is a wrapping token."""
    return token.reveal().startswith(Prefix.WRAPPING.value.encode())


def _from_environment() -> Secret | None:
    text = os.environ.get(VARIABLE)
    if text is None:
        return None
    if not text:
        raise click.UsageError(f"{VARIABLE} is set but empty: put a token in it, or unset it")
    return _checked(text.encode("utf-8", "surrogateescape"), VARIABLE)


def _from_file(name: str) -> Secret:
    from pathlib import Path  # noqa: PLC0415 - takes long to load, and mostly no file is named

    try:
        with Path(name).open("rb") as file:
            return _checked(file.read(_MAX_BYTES), name)
    except OSError as error:
        problem = f"cannot read a token from {name}: {error.strerror}"
    raise click.UsageError(problem)


def _checked(content: bytes, source: str) -> Secret:
    """The token in what a source gave, without the blanks and lines' ends around it."""
    content = content.strip()
    if not content:
        raise click.UsageError(f"no token came: {source} is empty")
    try:
        check_token_text(content.decode("ascii", "replace"))
    except ValueError as error:
        problem = f"{source}: {error}; nothing was sent. Copy the whole token again"
    else:
        return Secret(content)
    raise click.UsageError(problem)
