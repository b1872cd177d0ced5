"""``cubby policy``: what tokens may do, by name."""

import click

from cubbyd.cli.data import read_text
from cubbyd.cli.invocation import Invocation, examples, shared_options
from cubbyd.cli.quick import Group
from cubbyd.cli.render import printable_lines
from cubbyd.client import calls


@click.group(
    cls=Group,
    epilog=examples(
        "cubby policy write deploy deploy.json",
        "cubby policy list",
        "cubby token create --policy deploy",
    ),
)
def policy() -> None:
    """List, read, write and delete policies.

    A policy says what its tokens may do at which paths. A change acts on living tokens at once.
    """


@policy.command("list", epilog=examples("cubby policy list", "cubby policy list --format json"))
@shared_options()
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the names of all policies."""
    invocation.show(invocation.ask_as_self(calls.list_policies()))


@policy.command(
    epilog=examples(
        "cubby policy read default",
        "cubby policy read deploy > deploy.json",
    )
)
@click.argument("name")
@shared_options()
@click.pass_obj
def read(invocation: Invocation, name: str) -> None:
    """Show a policy's text."""
    call = calls.read_policy(name)
    response = invocation.ask_as_self(call, missing=f"no policy named {name}")
    invocation.show_alone(
        response, "policy", as_text=lambda answer: printable_lines(call.decode(answer)).rstrip()
    )


@policy.command(
    epilog=examples(
        "cubby policy write deploy deploy.json",
        "cubby policy read deploy | cubby policy write deploy-2 -",
        """echo '{"path": {"cubbyhole/*": {"capabilities": ["read"]}}}' |""",
        "  cubby policy write readers -",
    )
)
@click.argument("name")
@click.argument("file")
@shared_options(wraps=False)
@click.pass_obj
def write(invocation: Invocation, name: str, file: str) -> None:
    """Write a policy.

    It takes the place of what is there, for every token that has the policy. FILE has its rules in
    JSON; - is standard input.
    """
    text = read_text(file, invocation.stdin)
    response = invocation.ask_as_self(calls.write_policy(name, text))
    invocation.show(response, empty=f"Success! Uploaded policy: {name}")


@policy.command(epilog=examples("cubby policy delete deploy"))
@click.argument("name")
@shared_options(wraps=False)
@click.pass_obj
def delete(invocation: Invocation, name: str) -> None:
    """Delete a policy, if it is there.

    It grants nothing more, also to tokens that have it.
    """
    response = invocation.ask_as_self(calls.delete_policy(name))
    invocation.show(response, empty=f"Success! Deleted policy: {name}")
