"""The commands of ``cubby``: secrets for programs on this host.

Each command's module is imported when the command is called, so that each pays for itself alone.
Nothing on the way imports trio or nacl.
"""

from collections.abc import Sequence

import click

from cubbyd.cli import exit_codes, standard
from cubbyd.cli.exit_codes import Exit
from cubbyd.cli.invocation import Invocation, examples
from cubbyd.cli.lazy_group import lazy_group
from cubbyd.cli.quick import command, option, telling
from cubbyd.errors import CubbydError

COMMANDS = {
    "demo": "cubbyd.cli.demo:demo",
    "wrap": "cubbyd.cli.wrapping:wrap",
    "unwrap": "cubbyd.cli.wrapping:unwrap",
    "lookup": "cubbyd.cli.wrapping:lookup",
    "rewrap": "cubbyd.cli.wrapping:rewrap",
    "write": "cubbyd.cli.paths:write",
    "read": "cubbyd.cli.paths:read",
    "list": "cubbyd.cli.paths:list_",
    "delete": "cubbyd.cli.paths:delete",
    "login": "cubbyd.cli.tokens:login",
    "token": "cubbyd.cli.tokens:token",
    "policy": "cubbyd.cli.policies:policy",
    "random": "cubbyd.cli.tools:random",
    "status": "cubbyd.cli.status:status",
    "unseal": "cubbyd.cli.keys:unseal",
    "seal": "cubbyd.cli.keys:seal",
    "rekey": "cubbyd.cli.keys:rekey",
    "rotate": "cubbyd.cli.keys:rotate",
    "key-status": "cubbyd.cli.keys:key_status",
}
"""Where each command lives, in the order in which people meet them."""


@command(
    cls=lazy_group(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "cubby wrap password=s3cret | cubby unwrap --field password",
        "cubby wrap key=@id_ed25519 --wrap-ttl 60s > token",
        "pwgen 32 1 | cubby write cubbyhole/db user=app password=-",
    )
    + "\n\n\b\nExit status:\n"
    + exit_codes.table(),
)
@option(
    "--socket",
    metavar="PATH",
    help="The daemon's socket. Also CUBBY_SOCKET.  [default: your own daemon's, or the system's]",
)
@option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=telling(lambda _: f"cubby {_version()}"),
    help="Show the version and exit.",
)
@click.pass_context
def cubby(context: click.Context, socket: str | None) -> None:
    """Hand secrets from one program to another on this host, once.

    A token is never needed on the command line: give it on standard input, in a file
    (--token-file), on a descriptor (--token-fd) or in CUBBY_TOKEN.
    """
    context.obj = Invocation(socket=socket)


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - takes long to load

    return version("cubbyd")


def run(words: Sequence[str]) -> int:
    """Run one command, and say in one line what went wrong.

    Returns:
        The exit status.
    """
    try:
        status = cubby.main([*words], prog_name="cubby", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        standard.say(error.format_message())
        return Exit.USAGE
    except (CubbydError, click.ClickException) as error:
        return _complain(error, words)
    except OSError as error:
        standard.discard_output()
        return _complain(click.ClickException(_system_error(error)), words)
    except click.Abort:
        return Exit.INTERRUPTED
    return status if isinstance(status, int) else Exit.DONE


def _system_error(error: OSError) -> str:
    """What the system refused: a file that it names, or else what was to be shown."""
    place = "cannot write the output" if error.filename is None else f"cannot use {error.filename}"
    return f"{place}: {error.strerror}"


def _complain(error: CubbydError | click.ClickException, words: Sequence[str]) -> int:
    from cubbyd.cli.complaint import complaint, wants_json  # noqa: PLC0415 - mostly all goes well

    problem = complaint(error)
    problem.show(as_json=wants_json(words))
    return problem.exit_code
