"""Every command that there is, by walking ``cubby`` itself."""

import click

from cubbyd.cli.commands import cubby


def commands(group=cubby, words=()):
    """The words of each command that does something: ``["token", "create"]``."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, [*words, name])
        else:
            yield [*words, name]
