"""What click knows of the programs, as roff."""

import inspect
import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

import click
from roff import bold, escape, escape_code, literal, paragraph, subsection, term

from cubbyd.cli.commands import cubby
from cubbyd.cli.serve import main as cubbyd

PROGRAMS: Final[dict[str, click.Group]] = {"cubby": cubby, "cubbyd": cubbyd}
UNFILLED: Final = "\b\n"
"""Begins a paragraph whose lines click leaves as they are."""

Mention = Callable[[str], str]
"""Puts a page's name where the text names a file of the docs."""


def description(program: str, mention: Mention) -> str:
    """What the program's help begins with."""
    return _text(PROGRAMS[program].help, mention)


def options(program: str, told: Collection[str]) -> str:
    """Those before any command, but for those that the page tells elsewhere."""
    return "".join(_options(_context(PROGRAMS[program], program), told))


def commands(program: str, told: Collection[str], mention: Mention) -> str:
    """All commands, those within groups too.

    Args:
        program: Whose.
        told: Options that the page tells elsewhere.
        mention: For what the help refers to.
    """
    whole = walk(_context(PROGRAMS[program], program))
    return "".join(_command(context, told, mention) for context in whole)


def walk(context: click.Context) -> Iterator[click.Context]:
    """A context for each command below this one; a group is no command itself."""
    group = context.command
    if not isinstance(group, click.Group):
        yield context
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise LookupError(name)
        yield from walk(_context(command, name, context))


def _context(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    return click.Context(command, parent=parent, info_name=name, **command.context_settings)


def _command(context: click.Context, told: Collection[str], mention: Mention) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    return "".join(
        [
            subsection(escape(usage)),
            _text(command.help, mention),
            *_options(context, told),
            _text(command.epilog, mention),
        ]
    )


def _options(context: click.Context, told: Collection[str]) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        if not isinstance(parameter, click.Option) or set(parameter.opts) & set(told):
            continue
        if record := parameter.get_help_record(context):
            yield term(bold(escape_code(record[0])), escape(record[1]))


def _text(text: str | None, mention: Mention) -> str:
    """Help as click reads it: filled paragraphs, and others that are not."""
    return "".join(_paragraph(each, mention) for each in re.split(r"\n{2,}", _clean(text)))


def _clean(text: str | None) -> str:
    return inspect.cleandoc(text or "").strip("\n")


def _paragraph(text: str, mention: Mention) -> str:
    if not text.startswith(UNFILLED):
        return paragraph(mention(escape(text))) if text else ""
    first, _, rest = text.removeprefix(UNFILLED).partition("\n")
    if not first.endswith(":"):
        return literal(f"{first}\n{rest}")
    return paragraph(escape(first)) + literal(inspect.cleandoc(f"\n{rest}"))
