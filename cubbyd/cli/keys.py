"""The daemon's keys: ``cubby unseal``, ``seal``, ``rekey``, ``rotate`` and ``key-status``."""

from typing import Final, cast, get_args

import click

from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.cli.passphrase import fd_option, read_passphrase
from cubbyd.cli.quick import command, option
from cubbyd.client import calls

_PASSPHRASE: Final = "passphrase"  # noqa: S105 - a kind of source
_SOURCES: Final = get_args(calls.KeySource)


@command(
    epilog=examples("cubby unseal", "cubby unseal --passphrase-fd 3 3< /run/secrets/passphrase")
)
@fd_option("--passphrase-fd", "the passphrase in its one line")
@shared_options(wraps=False)
@click.pass_obj
def unseal(invocation: Invocation, passphrase_fd: int | None) -> None:
    """Bring the daemon's keys back with the passphrase.

    It is asked for on a terminal, or else read from standard input. Only an owner may, and no
    token is sent: none can be checked while the daemon is sealed.
    """
    state = invocation.ask(calls.seal_status(), token=None)
    if not (state.data or {}).get("sealed"):
        invocation.show(state, as_text=lambda _: "It is not sealed; the passphrase was not tried")
        return
    passphrase = read_passphrase(passphrase_fd, invocation.stdin, "Passphrase: ")
    response = invocation.ask(calls.unseal(passphrase), token=None)
    invocation.show(response, as_text=lambda _: "Success! Unsealed")


@command(epilog=examples("cubby seal"))
@shared_options(wraps=False)
@click.pass_obj
def seal(invocation: Invocation) -> None:
    """Have the daemon forget its keys, until somebody unseals it.

    What it was asked before is finished. It takes a passphrase to bring the keys back, so a daemon
    that finds them in a file or a credential refuses.
    """
    invocation.show(invocation.ask_as_self(calls.seal()), empty="Success! Sealed")


@command(
    epilog=examples(
        "cubby rekey --to passphrase",
        "cubby rekey --to credential --current-passphrase-fd 3 3< /run/secrets/passphrase",
    )
)
@option(
    "--to", type=click.Choice(_SOURCES), required=True, help="What locks the keys away from now on."
)
@fd_option("--passphrase-fd", "the new passphrase")
@fd_option("--current-passphrase-fd", "the one that unseals now")
@shared_options(wraps=False)
@click.pass_obj
def rekey(
    invocation: Invocation,
    to: str,
    passphrase_fd: int | None,
    current_passphrase_fd: int | None,
) -> None:
    """Have the daemon's keys locked away by something else.

    The keys themselves stay, and so does every file but the keyring: see cubby rotate for others.
    What locked them away before opens older copies of the store, so keep it as long as those.
    """
    new = current = None
    now = invocation.ask(calls.seal_status(), token=None).data or {}
    if now.get("type") == _PASSPHRASE or current_passphrase_fd is not None:
        question = "Current passphrase: "
        current = read_passphrase(current_passphrase_fd, invocation.stdin, question)
    if to == _PASSPHRASE or passphrase_fd is not None:
        again = "The same again: "
        new = read_passphrase(passphrase_fd, invocation.stdin, "New passphrase: ", again=again)
    call = calls.rekey(cast("calls.KeySource", to), passphrase=new, current=current)
    invocation.show(invocation.ask_as_self(call), empty=f"Success! The keys open with a {to}")


@command(epilog=examples("cubby rotate"))
@shared_options(wraps=False)
@click.pass_obj
def rotate(invocation: Invocation) -> None:
    """Have new files sealed under a fresh key.

    Those that are there move over to it behind the requests; no token is needed for that, and
    nobody notices. The old key goes when no file needs it any more: see cubby key-status.
    """
    invocation.show(invocation.ask_as_self(calls.rotate()), empty="Success! Rotated key")


@command("key-status", epilog=examples("cubby key-status", "cubby key-status --field install_time"))
@shared_options()
@click.pass_obj
def key_status(invocation: Invocation) -> None:
    """Show which key is in use, and how many files hang on which."""
    invocation.show(invocation.ask_as_self(calls.key_status()))
