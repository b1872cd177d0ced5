"""``cubby status``: whether a daemon is there, and whether it serves."""

from dataclasses import replace

import click

from cubbyd.cli.exit_codes import Exit
from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.cli.quick import command
from cubbyd.client import calls
from cubbyd.value import Map


@command(
    epilog=examples(
        "cubby status",
        "cubby status --field version",
        "cubby --socket /run/cubbyd/cubbyd.sock status --format json",
    )
)
@shared_options(wraps=False)
@click.pass_context
def status(context: click.Context) -> None:
    """Show the daemon's state: whether it serves, and what guards its memory.

    Exits with 0 when it serves, 8 when it is sealed, 7 when there is none.
    """
    invocation = context.ensure_object(Invocation)
    # All are answered without a token, and nobody's should be shown around for this.
    asked = (calls.health(), calls.hardening(), calls.seal_status())
    answers = [invocation.ask(call, token=None) for call in asked]
    data: Map = {}
    for each in answers:
        data |= each.data or {}
    invocation.show(replace(answers[-1], data=data))
    context.exit(Exit.SEALED if data.get("sealed") else Exit.DONE)
