"""Policies as people write them: JSON with OpenBao's members.

    {"path": {"cubbyhole/*": {"capabilities": ["read"], "min_wrapping_ttl": "1s"}}}

What a rule could say that cubbyd does not keep (parameter lists, for one) is refused: a policy that
was thought to forbid something and does not is worse than none.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cubbyd.core.duration import parse_duration
from cubbyd.core.policy import Capability, Rule
from cubbyd.errors import InvalidRequestError

_CAPABILITIES: Final = {capability.value: capability for capability in Capability}
_OLD_WORDS: Final = {
    "deny": ("deny",),
    "read": ("read", "list"),
    "write": ("create", "read", "update", "delete", "list"),
    "sudo": ("create", "read", "update", "delete", "list", "sudo"),
}
"""What Vault's old ``policy = "read"`` stands for."""
_MEMBERS: Final = {"capabilities", "comment", "policy", "min_wrapping_ttl", "max_wrapping_ttl"}
"""All but ``comment`` is read; that is for people."""


def parse_json_policy(text: str) -> tuple[Rule, ...]:
    """The rules of a policy in JSON.

    Raises:
        InvalidRequestError: Says what is wrong with it.
    """
    try:
        policy = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise InvalidRequestError("failed to parse policy: it is not JSON") from None
    if not isinstance(policy, dict):
        raise InvalidRequestError("failed to parse policy: it is not an object")
    return rules_from(policy)


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object, each of whose members is there once: the last one would win, unseen."""
    found: dict[str, object] = {}
    for name, value in members:
        if name in found:
            raise InvalidRequestError(f"failed to parse policy: {json.dumps(name)} is there twice")
        found[name] = value
    return found


def rules_from(policy: Mapping[str, object]) -> tuple[Rule, ...]:
    """The rules of a policy that was read already; HCL reads to the same members, in lists.

    Raises:
        InvalidRequestError: Says what is wrong with it.
    """
    unknown = policy.keys() - {"path", "name"}
    if unknown:
        raise InvalidRequestError(f"failed to parse policy: invalid key {_quoted(unknown)}")
    return tuple(
        _rule(path, body)
        for paths in _blocks(policy.get("path", {}), "path")
        for path, bodies in paths.items()
        for body in _blocks(bodies, f'path "{path}"')
    )


def _blocks(value: object, where: str) -> Iterator[Mapping[str, object]]:
    """One object, or a list of some."""
    if value == []:
        raise InvalidRequestError(f"failed to parse policy: {where} is empty")
    for block in value if isinstance(value, list) else [value]:
        if not isinstance(block, dict):
            raise InvalidRequestError(f"failed to parse policy: {where} is not an object")
        yield block


def _rule(path: str, body: Mapping[str, object]) -> Rule:
    if any("\ud800" <= character <= "\udfff" for character in path):
        raise InvalidRequestError("failed to parse policy: a path is not Unicode text")
    where = f'failed to parse policy: path "{path}": '
    if "{{" in path or "}}" in path:
        # There, such a rule holds for tokens with an identity; taken as it stands, it never would.
        raise InvalidRequestError(f"{where}there are no identities to fill in a template")
    if "+*" in path:
        raise InvalidRequestError(f"{where}invalid use of wildcards ('+*' is forbidden)")
    if unknown := body.keys() - _MEMBERS:
        raise InvalidRequestError(f"{where}invalid key {_quoted(unknown)}")
    words = _words(body.get("capabilities"), where)
    old = body.get("policy")
    if old is not None:
        if not isinstance(old, str) or old not in _OLD_WORDS:
            raise InvalidRequestError(f"{where}invalid policy {json.dumps(old)}")
        words += _OLD_WORDS[old]
    for word in words:
        if word not in _CAPABILITIES:
            raise InvalidRequestError(f"{where}invalid capability {json.dumps(word)}")
    capabilities = frozenset(_CAPABILITIES[word] for word in words)
    if Capability.DENY in capabilities:
        capabilities = frozenset({Capability.DENY})
    shortest = _seconds(body.get("min_wrapping_ttl"), where)
    longest = _seconds(body.get("max_wrapping_ttl"), where)
    if shortest is not None and longest is not None and longest < shortest:
        raise InvalidRequestError(f"{where}max_wrapping_ttl cannot be less than min_wrapping_ttl")
    return Rule(
        path=path.removeprefix("/"),
        capabilities=capabilities,
        min_wrapping_ttl=shortest,
        max_wrapping_ttl=longest,
    )


def _words(value: object, where: str) -> list[str]:
    words = [] if value is None else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InvalidRequestError(f"{where}capabilities is not a list of words")
    return [*words]


def _seconds(value: object, where: str) -> float | None:
    """A bound; 0 is none, as in OpenBao."""
    if value is None:
        return None
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise InvalidRequestError(f"{where}a wrapping TTL is neither a number nor a duration")
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise InvalidRequestError(f"{where}{error}") from None
    if seconds < 0:
        raise InvalidRequestError(f"{where}a wrapping TTL is negative")
    return seconds or None


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(json.dumps(name) for name in sorted(names))
