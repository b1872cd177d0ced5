"""click's options, commands and groups, made so that nothing in them needs ``inspect``.

click has ``inspect`` clean each option's help as if it were a docstring. That module brings half a
compiler along, and to load it takes a tenth of a command's whole time. Our help needs no cleaning,
so ``main`` puts ``inspect`` off until something does need it. ``--help`` is made here because click
would make it with a help of its own.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Final

import click


class Option(click.Option):
    """An option whose help is told as it stands."""

    def __init__(self, names: Sequence[str] | None = None, **settings: Any) -> None:  # noqa: ANN401 - click's
        text: str | None = settings.pop("help", None)
        super().__init__(names, **settings)
        self.help = text


option: Final = partial(click.option, cls=Option)


class Command(click.Command):
    """A command all of whose options are such."""

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """``--help``."""
        return _help(*ctx.help_option_names)


class Group(click.Group):
    """Likewise a group, and its commands."""

    command_class = Command

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """``--help``."""
        return _help(*ctx.help_option_names)


command: Final = partial(click.command, cls=Command)


def telling(tell: Callable[[click.Context], str]) -> Callable[..., None]:
    """What a flag calls that tells something in place of all else that the command does."""

    def callback(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
        if value and not context.resilient_parsing:
            click.echo(tell(context))
            context.exit()

    return callback


@cache  # click asks for it again and again, and compares by identity
def _help(*names: str) -> Option:
    return Option(
        names,
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=telling(click.Context.get_help),
        help="Show this message and exit.",
    )
