"""``sys/policies/acl`` and ``sys/capabilities``: what tokens may do."""

from collections.abc import Sequence

from cubbyd.client.calls import answers
from cubbyd.client.calls.answers import Capabilities, Keys
from cubbyd.client.calls.call import Call, Data, Token, as_text, asked
from cubbyd.client.calls.paths import delete, list_keys
from cubbyd.messages import Operation

_POLICIES = "sys/policies/acl"


def list_policies() -> Call[Keys]:
    """The names of all policies."""
    return list_keys(_POLICIES)


def read_policy(name: str) -> Call[str]:
    """A policy's text. Refused as not found where there is none."""
    return Call(operation=Operation.READ, path=f"{_POLICIES}/{name}", decode=answers.text("policy"))


def write_policy(name: str, policy: str) -> Call[None]:
    """Give a policy this text, at once and for every token that has the policy.

    Args:
        name: The policy's name; upper and lower case are one.
        policy: Its rules, as JSON: ``{"path": {"cubbyhole/*": {"capabilities": ["read"]}}}``.
    """
    return asked(f"{_POLICIES}/{name}", answers.nothing, {"policy": policy})


def delete_policy(name: str) -> Call[None]:
    """Take a policy away, from every token that has it."""
    return delete(f"{_POLICIES}/{name}")


def capabilities(paths: Sequence[str], *, token: Token) -> Call[Capabilities]:
    """What a token may do at each of these paths."""
    return _capabilities("sys/capabilities", paths, {"token": as_text(token)})


def capabilities_self(paths: Sequence[str]) -> Call[Capabilities]:
    """What the token that asks may do at each of these paths."""
    return _capabilities("sys/capabilities-self", paths, {})


def capabilities_accessor(accessor: str, paths: Sequence[str]) -> Call[Capabilities]:
    """What the token with that accessor may do at each of these paths."""
    return _capabilities("sys/capabilities-accessor", paths, {"accessor": accessor})


def _capabilities(place: str, paths: Sequence[str], subject: Data) -> Call[Capabilities]:
    # A text is a sequence too, of letters; whoever gives one means one path.
    several = [paths] if isinstance(paths, str) else [*paths]
    return asked(place, answers.capabilities(several), {**subject, "paths": several})
