"""A group of commands, each of which is imported when it is called."""

from collections.abc import Mapping
from importlib import import_module

import click

from cubbyd.cli.quick import Group


def lazy_group(places: Mapping[str, str]) -> type[click.Group]:
    """A group whose commands lie at these places, so that each pays for itself alone.

    Args:
        places: Where each command lives (``module:name``), in the order in which people meet them.
    """

    class LazyGroup(Group):
        """The commands, each imported when it is asked for."""

        def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
            """The names, in our order."""
            return [*places]

        def get_command(
            self,
            ctx: click.Context,  # noqa: ARG002 - click's signature
            cmd_name: str,
        ) -> click.Command | None:
            """A command, or None where there is none; one that is not installed is none."""
            module, _, name = places.get(cmd_name, "").partition(":")
            if not module:
                return None
            try:
                command = getattr(import_module(module), name)
            except ModuleNotFoundError as error:
                if error.name == module:
                    return None
                raise
            return command if isinstance(command, click.Command) else None

    return LazyGroup
