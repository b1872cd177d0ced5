"""``cubby wrap``, ``unwrap``, ``lookup`` and ``rewrap``: hand a secret over, once."""

from functools import partial
from typing import Final

import click

from cubbyd.cli.data import parse_data, reserve_stdin
from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.cli.quick import command
from cubbyd.client import calls

DEFAULT_WRAP_TTL: Final = "5m"
"""As with OpenBao's command line."""


@command(
    epilog=examples(
        "cubby wrap password=s3cret | cubby unwrap --field password",
        "cubby wrap key=@id_ed25519 --wrap-ttl 60s > token",
        "cubby wrap - --field wrapping_token < user.json",
    )
)
@click.argument("data", nargs=-1, required=True)
@shared_options()
@click.pass_obj
def wrap(invocation: Invocation, data: tuple[str, ...]) -> None:
    """Wrap data in a single-use token.

    The token lives 5m unless --wrap-ttl says otherwise. Where a program reads the output, it is
    the bare token and nothing else. DATA is given as to 'cubby write'.
    """
    reserve_stdin(data, invocation.stdin)
    token = invocation.tokens.own()
    call = calls.wrap(parse_data(data, invocation.stdin), DEFAULT_WRAP_TTL)
    invocation.show_alone(invocation.ask(call, token=token), "wrapping_token")


@command(
    epilog=examples(
        "cubby unwrap < token",
        "cubby unwrap --token-file token --field key > id_ed25519",
        "cubby wrap password=s3cret | cubby unwrap --format json",
    )
)
@click.argument("token", required=False)
@shared_options()
@click.pass_obj
def unwrap(invocation: Invocation, token: str | None) -> None:
    """Unwrap a secret, once.

    This spends the wrapping token: whoever comes second is refused.

    The wrapping token is read from standard input, or comes with --token-file, --token-fd, or
    CUBBY_TOKEN where that holds a wrapping token. TOKEN as an argument works too, but shows in ps.
    """
    wrapping_token = invocation.tokens.wrapping(token)
    invocation.warn_of_argument(token)
    response = invocation.ask(calls.unwrap(wrapping_token), token=None)
    empty = "Successfully unwrapped. There was no data in the wrapped secret."
    invocation.show_spent(response, partial(invocation.show, empty=empty), "the secret was spent")


@command(
    epilog=examples("cubby lookup < token", "cubby lookup --token-file token --field creation_path")
)
@click.argument("token", required=False)
@shared_options()
@click.pass_obj
def lookup(invocation: Invocation, token: str | None) -> None:
    """Show where a wrapping token comes from.

    That is path, time and TTL of its creation; a path other than expected is a sign of tampering.
    It costs the token nothing. The wrapping token is given as to 'cubby unwrap'.
    """
    wrapping_token = invocation.tokens.wrapping(token)
    invocation.warn_of_argument(token)
    invocation.show(invocation.ask(calls.lookup_wrapping(wrapping_token), token=None))


@command(
    epilog=examples(
        "cubby rewrap < token > fresh-token", "cubby rewrap --token-file token --wrap-ttl 60s"
    )
)
@click.argument("token", required=False)
@shared_options()
@click.pass_obj
def rewrap(invocation: Invocation, token: str | None) -> None:
    """Move a wrapped secret to a fresh wrapping token.

    The old one ends, and nobody sees the secret. The wrapping token is given as to 'cubby unwrap'.
    Where a program reads the output, it is the bare new token.
    """
    wrapping_token = invocation.tokens.wrapping(token)
    caller = invocation.tokens.beside_wrapping()
    invocation.warn_of_argument(token)
    response = invocation.ask(calls.rewrap(wrapping_token), token=caller)
    show = partial(invocation.show_alone, name="wrapping_token")
    invocation.show_spent(response, show, "the secret was spent")
