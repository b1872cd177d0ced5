"""``cubby token`` and ``cubby login``: tokens, their making and their end."""

from functools import partial
from typing import cast

import click

from cubbyd.cli.capabilities import capabilities
from cubbyd.cli.data import parse_texts
from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.cli.quick import Group, command, option
from cubbyd.cli.subject import Subject, Ways, subject_options
from cubbyd.client import calls
from cubbyd.client.calls import TokenOptions


@command(
    epilog=examples("export CUBBY_TOKEN=$(cubby login --field token)", "cubby login --wrap-ttl 60s")
)
@shared_options()
@click.pass_obj
def login(invocation: Invocation) -> None:
    """Get a token for who you are.

    The kernel tells the daemon who that is; there is no password.
    """
    invocation.show(invocation.ask_as_self(calls.login()))


@click.group(
    cls=Group,
    epilog=examples(
        "cubby token create --policy default --ttl 1h",
        "cubby token lookup",
        "cubby token renew --increment 2h",
        "cubby token capabilities cubbyhole/db",
        "cubby token revoke --accessor 0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    ),
)
def token() -> None:
    """Create, look up, renew and revoke tokens."""


token.add_command(capabilities)


@token.command(
    epilog=examples(
        "cubby token create --policy default --ttl 1h --field token",
        "cubby token create --use-limit 3 --metadata job=backup",
        "cubby token create --policy default --wrap-ttl 60s --format json",
    )
)
@option("--policy", multiple=True, metavar="NAME", help="May be repeated.  [default: yours]")
@option("--ttl", metavar="TTL", help="How long it lives: 90s, 20m, 25h.")
@option("--explicit-max-ttl", metavar="TTL", help="No renewal lengthens its life beyond this.")
@option("--period", metavar="TTL", help="Renewable for ever, each time for so long.")
@option("--use-limit", type=int, metavar="N", help="How many requests it is good for.")
@option("--display-name", metavar="NAME", help="A name for lists and logs.")
@option("--metadata", multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@option("--renewable/--no-renewable", default=None, help="Whether it can be renewed.")
@option("--orphan", is_flag=True, help="It outlives the token that makes it.")
@option("--no-default-policy", is_flag=True, help="Without the policy 'default'.")
@shared_options()
@click.pass_obj
def create(  # noqa: PLR0913 - one parameter for each of the command's options
    invocation: Invocation,
    *,
    policy: tuple[str, ...],
    ttl: str | None,
    explicit_max_ttl: str | None,
    period: str | None,
    use_limit: int | None,
    display_name: str | None,
    metadata: tuple[str, ...],
    renewable: bool | None,
    orphan: bool,
    no_default_policy: bool,
) -> None:
    """Create a token.

    It is a child of yours, and ends with yours, unless it is an orphan.

    With --wrap-ttl you create it for somebody else and never see it: hand on the wrapping token,
    and keep wrapped_accessor, by which you can look it up, renew and revoke it.
    """
    options = {
        "policies": policy or None,
        "ttl": ttl,
        "explicit_max_ttl": explicit_max_ttl,
        "period": period,
        "num_uses": use_limit,
        "display_name": display_name,
        "meta": parse_texts(metadata, "--metadata") or None,
        "renewable": renewable,
        "no_parent": orphan or None,
        "no_default_policy": no_default_policy or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    call = calls.create_token(**cast("TokenOptions", given))
    invocation.show(invocation.ask_as_self(call))


@token.command(
    "lookup",
    epilog=examples(
        "cubby token lookup",
        "cubby token lookup - < token",
        "cubby token lookup --accessor 0a1b2c3d4e5f60718293a4b5c6d7e8f9 --field ttl",
    ),
)
@click.argument("token", required=False)
@subject_options
@shared_options()
@click.pass_obj
def lookup_token(
    invocation: Invocation, token: str | None, *, accessor: str | None, is_self: bool
) -> None:
    """Look up a token: yours, or another.

    TOKEN may be -, for standard input.
    """
    subject = Subject.parse(token, accessor=accessor, is_self=is_self)
    ways = Ways(
        by_token=calls.lookup_token, by_accessor=calls.lookup_accessor, by_self=calls.lookup_self
    )
    invocation.show(invocation.ask_as_self(subject.call(invocation, ways)))


@token.command(
    "renew",
    epilog=examples(
        "cubby token renew",
        "cubby token renew --increment 2h",
        "cubby token renew - < token",
        "cubby token renew --accessor 0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    ),
)
@click.argument("token", required=False)
@subject_options
@option("--increment", metavar="TTL", help="How long it lives from now.  [default: as last time]")
@shared_options()
@click.pass_obj
def renew_token(
    invocation: Invocation,
    token: str | None,
    *,
    accessor: str | None,
    is_self: bool,
    increment: str | None,
) -> None:
    """Let a token live on: yours, or another.

    Its time counts from now, so a short increment shortens its life. TOKEN may be -, for standard
    input.
    """
    subject = Subject.parse(token, accessor=accessor, is_self=is_self)
    ways = Ways(
        by_token=partial(calls.renew_token, increment=increment),
        by_accessor=partial(calls.renew_accessor, increment=increment),
        by_self=partial(calls.renew_self, increment),
    )
    invocation.show(invocation.ask_as_self(subject.call(invocation, ways)))


@token.command(
    "revoke",
    epilog=examples(
        "cubby token revoke --self",
        "cubby token revoke - < token",
        "cubby token revoke --orphan - < token",
        "cubby token revoke --accessor 0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    ),
)
@click.argument("token", required=False)
@subject_options
@option("--orphan", is_flag=True, help="Only TOKEN: its children live on, as orphans.")
@shared_options(wraps=False)
@click.pass_obj
def revoke_token(
    invocation: Invocation,
    token: str | None,
    *,
    accessor: str | None,
    is_self: bool,
    orphan: bool,
) -> None:
    """Revoke a token and all that it has.

    That is its cubbyhole and its descendants. TOKEN may be -, for standard input.
    """
    subject = Subject.parse(token, accessor=accessor, is_self=is_self)
    if not subject.is_named:
        raise click.UsageError("name one token to revoke: TOKEN, --accessor or --self")
    if orphan and subject.token is None:
        raise click.UsageError("--orphan needs the token itself: TOKEN, or - for standard input")
    ways = Ways(
        by_token=calls.revoke_orphan if orphan else calls.revoke_token,
        by_accessor=calls.revoke_accessor,
        by_self=calls.revoke_self,
    )
    response = invocation.ask_as_self(subject.call(invocation, ways))
    invocation.show(response, empty="Success! Revoked token (if it existed)")


@token.command(
    "accessors", epilog=examples("cubby token accessors", "cubby token accessors --format json")
)
@shared_options()
@click.pass_obj
def list_accessors(invocation: Invocation) -> None:
    """List the accessors of all tokens."""
    invocation.show(invocation.ask_as_self(calls.list_accessors()))


@token.command(epilog=examples("cubby token tidy"))
@shared_options(wraps=False)
@click.pass_obj
def tidy(invocation: Invocation) -> None:
    """Have the daemon clean up after dead tokens.

    It does so all the time by itself; this makes it look at everything.
    """
    invocation.show(invocation.ask_as_self(calls.tidy()))
