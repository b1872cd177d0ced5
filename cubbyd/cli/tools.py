"""``cubby random``: something worth wrapping."""

import click

from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.cli.quick import command, option
from cubbyd.client import calls
from cubbyd.client.calls import Encoding


@command(
    epilog=examples(
        "cubby random",
        "cubby random 16 --encoding hex",
        "cubby random --wrap-ttl 60s > token",
        "cubby random | cubby write cubbyhole/db password=-",
    )
)
@click.argument("size_bytes", required=False, type=click.IntRange(min=1), metavar="[BYTES]")
@option(
    "--encoding",
    type=click.Choice(["base64", "hex"]),
    help="How the bytes are told as text.  [default: base64]",
)
@shared_options()
@click.pass_obj
def random(invocation: Invocation, size_bytes: int | None, *, encoding: Encoding | None) -> None:
    """Make a password of random bytes, 32 unless BYTES says otherwise.

    With --wrap-ttl nobody sees it before it is unwrapped. Where a program reads the output, it is
    the bare password, or the bare wrapping token.
    """
    response = invocation.ask_as_self(calls.random(size_bytes, encoding=encoding))
    invocation.show_alone(response, "random_bytes")
