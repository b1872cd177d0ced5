"""``cubby token capabilities``: what a token may do."""

from collections.abc import Sequence

import click

from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.cli.quick import command
from cubbyd.cli.render import printable, table
from cubbyd.cli.standard import STDIN
from cubbyd.cli.subject import Subject, Ways, subject_options
from cubbyd.cli.token_source import looks_like_token
from cubbyd.client import calls
from cubbyd.client.calls import Capabilities


@command(
    epilog=examples(
        "cubby token capabilities cubbyhole/db",
        "cubby token capabilities - cubbyhole/db auth/token/create < token",
        "cubby token capabilities --accessor 0a1b2c3d4e5f60718293a4b5c6d7e8f9 sys/tools/random",
    )
)
@click.argument("words", nargs=-1, required=True, metavar="[TOKEN] PATH...")
@subject_options
@shared_options()
@click.pass_obj
def capabilities(
    invocation: Invocation, words: tuple[str, ...], *, accessor: str | None, is_self: bool
) -> None:
    """Show what a token may do at a path: yours, or another.

    The first argument is a TOKEN where it begins like one (cbys_ or cbyw_), or is -, for standard
    input.
    """
    token, paths = _token_and_paths(words)
    subject = Subject.parse(token, accessor=accessor, is_self=is_self)
    ways = Ways(
        by_token=lambda token: calls.capabilities(paths, token=token),
        by_accessor=lambda accessor: calls.capabilities_accessor(accessor, paths),
        by_self=lambda: calls.capabilities_self(paths),
    )
    call = subject.call(invocation, ways)
    response = invocation.ask_as_self(call)
    invocation.show(response, as_text=lambda answer: _text(call.decode(answer)))


def _token_and_paths(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    is_token = [word == STDIN or looks_like_token(word) for word in words]
    token, paths = (words[0], words[1:]) if is_token[0] else (None, words)
    # Sent as a path, a token would be told to more than need to know it.
    if not paths or any(is_token[1:]):
        raise click.UsageError("name at least one PATH, and before it the TOKEN, if any")
    return token, paths


def _text(found: Capabilities) -> str:
    """OpenBao's line for one path; a table for several."""
    lines = {path: ", ".join(names) for path, names in found.items()}
    match [*lines.values()]:
        case [only]:
            return printable(only)
        case _:
            return table({**lines})
