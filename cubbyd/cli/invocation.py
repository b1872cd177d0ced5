"""One run of one command: its options, its connection, and what it shows.

The options that all commands share keep their values here (``context.obj``), so that a command's
own function has only what is its own. ``click.pass_obj`` hands it in.
"""

from collections.abc import Callable
from functools import reduce
from typing import ParamSpec, TypeVar

import click

from cubbyd import codec
from cubbyd.cli import render, standard
from cubbyd.cli.data import is_unicode
from cubbyd.cli.quick import option
from cubbyd.cli.render import Format, MissingFieldError
from cubbyd.cli.standard import OutputError, StandardInput
from cubbyd.cli.token_source import TokenSource
from cubbyd.client.calls import Call, whole
from cubbyd.client.sync_client import Client
from cubbyd.errors import NotFoundError
from cubbyd.messages import Response
from cubbyd.secret import Secret

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Invocation:
    """What the shared options say, and what a command does with it."""

    def __init__(self, *, socket: str | None = None) -> None:
        self.socket = socket
        self.format: Format | None = None
        self.field_name: str | None = None
        self.wrap_ttl: str | None = None
        self.tokens = TokenSource(stdin=StandardInput())

    @property
    def stdin(self) -> StandardInput:
        """Standard input, for one purpose."""
        return self.tokens.stdin

    @property
    def is_bare(self) -> bool:
        """Whether a program reads the answer, and did not say in which form it wants it."""
        return self.format is None and self.field_name is None and not standard.is_output_terminal()

    def ask(self, call: Call[object], *, token: Secret | None) -> Response:
        """Carry a call out, wrapped if ``--wrap-ttl`` says so, for its whole answer.

        Args:
            call: What to ask.
            token: Who asks; None for nobody but this process.
        """
        standard.check_output()
        asked = whole(call, wrap_ttl=self.wrap_ttl)
        _check_text(asked)
        try:
            with Client(token, self.socket) as client:
                return client.perform(asked)
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    def ask_as_self(self, call: Call[object], *, missing: str | None = None) -> Response:
        """Likewise, with the caller's own token.

        Args:
            call: What to ask.
            missing: What to say when there is no such thing. The daemon has no words for it, as
                OpenBao has none; its command line has.
        """
        try:
            return self.ask(call, token=self.tokens.own())
        except NotFoundError as error:
            if missing is None:
                raise
            raise NotFoundError(missing, detail=error.detail) from error

    def show(
        self,
        response: Response,
        *,
        empty: str = "Success!",
        as_text: Callable[[Response], str] | None = None,
    ) -> None:
        """Show an answer as the options want it.

        Args:
            response: What to show.
            empty: What to tell people when there is nothing in it.
            as_text: What to tell people in place of a table, unless the answer is wrapped.
        """
        match self.format:
            case _ if self.field_name is not None:
                self._show_bare(render.bare(response, self.field_name))
                self._warn(response)
            case Format.JSON:
                standard.answer(render.envelope(response).encode() + b"\n")
            case Format.CBOR:
                standard.answer(codec.encode(response.to_map()))
            case _:
                self._warn(response)
                if as_text is None or response.wrap_info is not None:
                    text = _text(response) or empty
                else:
                    text = as_text(response)
                standard.answer(text.encode() + b"\n")

    def show_spent(self, response: Response, show: Callable[[Response], None], what: str) -> None:
        """Show an answer that exists nowhere else any more, so that it is lost to nobody's typo.

        Args:
            response: What to show.
            show: How.
            what: What is lost if it cannot be shown at all.

        Raises:
            MissingFieldError: There is no such field; the whole answer was shown.
        """
        try:
            try:
                show(response)
            except MissingFieldError as error:
                self.field_name = None
                self.show(response)
                raise MissingFieldError(f"{error.message}; all of it was shown instead") from error
        except BrokenPipeError as error:
            standard.discard_output()
            raise OutputError(f"nobody reads the answer; {what}") from error
        except OutputError as error:
            raise OutputError(f"{error.message}; {what}") from error

    def show_alone(
        self, response: Response, name: str, *, as_text: Callable[[Response], str] | None = None
    ) -> None:
        """Show one field alone where a program reads it, so that a pipe carries it on.

        Args:
            response: What to show.
            name: The field; of a wrapped answer it is the wrapping token.
            as_text: As in ``show``, for people.
        """
        if self.is_bare:
            name = name if response.wrap_info is None else "wrapping_token"
            self._show_bare(render.bare(response, name))
            self._warn(response)
        else:
            self.show(response, as_text=as_text)

    def warn_of_argument(self, argument: str | None) -> None:
        """Say that a token on the command line was no secret while the command ran."""
        if argument not in (None, "-"):
            self._remark(
                "a token given as an argument can be read by every user of this host (ps); pass it "
                "on standard input, or with --token-file or --token-fd"
            )

    def _show_bare(self, value: bytes) -> None:
        standard.answer(value + (b"\n" if standard.is_output_terminal() else b""))

    def _warn(self, response: Response) -> None:
        for warning in response.warnings:
            self._remark(render.printable(warning))

    def _remark(self, text: str) -> None:
        standard.remark(text, as_json=self.format is Format.JSON)


def _check_text(call: Call[object]) -> None:
    if not is_unicode(call.path):
        raise click.UsageError("the path is not UTF-8")
    if not is_unicode([call.data, call.wrap_ttl]):
        raise click.UsageError(
            "text that is not Unicode cannot be sent: an argument is not UTF-8, or JSON has half "
            "of a surrogate pair; pass bytes as key=@file or key=-"
        )


def _text(response: Response) -> str:
    """An answer for people; nothing where there is nothing in it."""
    fields = render.fields(response)
    match fields:
        case {"keys": list(keys)} if len(fields) == 1:
            return render.keys_table(keys)
        case _:
            return render.table(fields) if fields else ""


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    invocation = context.find_object(Invocation)
    if invocation is None or parameter.name is None or value is None:
        return
    match parameter.name:
        case "token_file":
            invocation.tokens.file = value
        case "token_fd":
            invocation.tokens.fd = int(value)
        case "format":
            invocation.format = Format(value)
        case name:
            setattr(invocation, name, value)


_FORMAT = option(
    "--format",
    type=click.Choice([each.value for each in Format]),
    envvar="CUBBY_FORMAT",
    expose_value=False,
    callback=_keep,
    help="How to show the answer (and an error: json). Also CUBBY_FORMAT.  [default: table]",
)
_FIELD = option(
    "--field",
    "field_name",
    metavar="NAME",
    expose_value=False,
    callback=_keep,
    help="Only this field's value, bare: bytes raw, no newline unless on a terminal.",
)
_TOKEN_FILE = option(
    "--token-file",
    metavar="PATH",
    expose_value=False,
    callback=_keep,
    help="Read the token from a file; - is standard input.",
)
_TOKEN_FD = option(
    "--token-fd",
    metavar="N",
    type=click.IntRange(min=0),
    expose_value=False,
    callback=_keep,
    help="Read the token from an open file descriptor.",
)
_WRAP_TTL = option(
    "--wrap-ttl",
    metavar="TTL",
    expose_value=False,
    callback=_keep,
    help="Wrap the answer in a single-use token that lives so long: 90s, 20m, 25h.",
)


def examples(*lines: str) -> str:
    """A command's epilog: what to type, as people read it."""
    return "\b\n" + "\n".join(["Examples:", *(f"  {line}" for line in lines)])


def shared_options(*, wraps: bool = True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The options of every command; with ``--wrap-ttl`` where there is an answer to wrap."""
    options = [*([_WRAP_TTL] if wraps else []), _TOKEN_FD, _TOKEN_FILE, _FIELD, _FORMAT]

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return reduce(lambda decorated, option: option(decorated), options, function)

    return decorate
