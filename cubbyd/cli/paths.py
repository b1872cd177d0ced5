"""``cubby write``, ``read``, ``list`` and ``delete``: any path of the daemon."""

import click

from cubbyd.cli.data import parse_data, reserve_stdin
from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.cli.quick import command, option
from cubbyd.client import calls
from cubbyd.errors import NotFoundError


@command(
    epilog=examples(
        "cubby write cubbyhole/db user=app password=s3cret",
        "cubby write cubbyhole/tls key=@server.key",
        "pwgen 32 1 | cubby write cubbyhole/db password=-",
        "cubby write cubbyhole/web - < web.json",
    )
)
@click.argument("path")
@click.argument("data", nargs=-1)
@option("--force", "-f", is_flag=True, help="Write without any data, where a path wants none.")
@shared_options()
@click.pass_obj
def write(invocation: Invocation, path: str, data: tuple[str, ...], *, force: bool) -> None:
    r"""Write data at a path.

    It takes the place of what is there.

    DATA is key=value (text), key=@file (the file's bytes), key=- (the bytes of standard input),
    key=\@value (text that begins with @), or - (a JSON object on standard input).
    """
    if not data and not force:
        raise click.UsageError("there is no data to write; give some, or --force to write none")
    reserve_stdin(data, invocation.stdin)
    token = invocation.tokens.own()
    place = path.strip("/")
    values = parse_data(data, invocation.stdin) if data else None
    response = invocation.ask(calls.write(place, values), token=token)
    invocation.show(response, empty=f"Success! Data written to: {place}")


@command(
    epilog=examples(
        "cubby read cubbyhole/db",
        "cubby read cubbyhole/db --field password",
        "cubby read cubbyhole/tls --field key > server.key",
        "cubby read auth/token/lookup-self --format json",
    )
)
@click.argument("path")
@shared_options()
@click.pass_obj
def read(invocation: Invocation, path: str) -> None:
    """Read the data at a path."""
    place = path.strip("/")
    invocation.show(invocation.ask_as_self(calls.read(place), missing=_missing(place)))


@command("list", epilog=examples("cubby list cubbyhole/", "cubby list cubbyhole/web/"))
@click.argument("path")
@shared_options()
@click.pass_obj
def list_(invocation: Invocation, path: str) -> None:
    """List the names directly below a path.

    Folders end in a slash.
    """
    place = path.lstrip("/")
    response = invocation.ask_as_self(calls.list_keys(place), missing=_missing(place))
    if response.data is not None and not response.data.get("keys"):
        raise NotFoundError(_missing(place))
    invocation.show(response)


@command(epilog=examples("cubby delete cubbyhole/db"))
@click.argument("path")
@shared_options(wraps=False)
@click.pass_obj
def delete(invocation: Invocation, path: str) -> None:
    """Delete what is at a path, if it is there."""
    place = path.strip("/")
    response = invocation.ask_as_self(calls.delete(place))
    invocation.show(response, empty=f"Success! Data deleted (if it existed) at: {place}")


def _missing(place: str) -> str:
    return f"no value found at {place}"
