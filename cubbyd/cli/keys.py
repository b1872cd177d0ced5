"""``cubby rotate`` and ``cubby key-status``: under which key the store's files are sealed."""

import click

from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.client import calls


@click.command(epilog=examples("cubby rotate"))
@shared_options(wraps=False)
@click.pass_obj
def rotate(invocation: Invocation) -> None:
    """Have new files sealed under a fresh key.

    Those that are there move over to it behind the requests; no token is needed for that, and
    nobody notices. The old key goes when no file needs it any more: see cubby key-status.
    """
    invocation.show(invocation.ask_as_self(calls.rotate()), empty="Success! Rotated key")


@click.command(
    "key-status", epilog=examples("cubby key-status", "cubby key-status --field install_time")
)
@shared_options()
@click.pass_obj
def key_status(invocation: Invocation) -> None:
    """Show which key is in use, and how many files hang on which."""
    invocation.show(invocation.ask_as_self(calls.key_status()))
