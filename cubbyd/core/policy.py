"""Policies: which capabilities a token's policies grant on a path, and with which wrap TTLs.

A rule's path is exact, or a prefix with a trailing ``*``, or has ``+`` for whole segments. One rule
decides for a path: an exact one if there is one, else the most specific pattern; where several
policies have the very same path, their capabilities are joined, and ``deny`` wins.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cubbyd.clock import Timestamp


class Capability(Enum):
    """What a rule may grant.

    ``sudo`` is asked for in addition on the few paths that say so. ``patch`` and ``scan`` are
    known, and granted in vain: no path here has these operations.
    """

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    LIST = "list"
    PATCH = "patch"
    SCAN = "scan"
    SUDO = "sudo"
    DENY = "deny"

    __hash__ = object.__hash__  # each is there once; Enum's own is Python, and asked per request


ROOT: Final = "root"
DEFAULT: Final = "default"
RESPONSE_WRAPPING: Final = "response-wrapping"
"""The policy that makes a token a wrapping token; it cannot be given to any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is granted on one path or pattern. Wrap TTLs are in seconds and bound inclusively."""

    path: str
    capabilities: frozenset[Capability]
    min_wrapping_ttl: float | None = None
    max_wrapping_ttl: float | None = None

    def merged(self, other: "Rule") -> "Rule":
        """Both rules for the same path, from different policies, as one."""
        capabilities = self.capabilities | other.capabilities
        if Capability.DENY in capabilities:
            capabilities = frozenset({Capability.DENY})
        return Rule(
            path=self.path,
            capabilities=capabilities,
            min_wrapping_ttl=_smaller(self.min_wrapping_ttl, other.min_wrapping_ttl),
            max_wrapping_ttl=_smaller(self.max_wrapping_ttl, other.max_wrapping_ttl),
        )

    def allows_wrapping(self, wrap_ttl: float) -> bool:
        """Whether a request with this wrap TTL (0: none) fits the rule's bounds."""
        if self.min_wrapping_ttl is None and self.max_wrapping_ttl is None:
            return True
        above = self.min_wrapping_ttl is None or wrap_ttl >= self.min_wrapping_ttl
        below = self.max_wrapping_ttl is None or wrap_ttl <= self.max_wrapping_ttl
        # A bound of either kind means that the answer must be wrapped.
        return wrap_ttl > 0 and above and below


def _smaller(one: float | None, other: float | None) -> float | None:
    return min((bound for bound in (one, other) if bound is not None), default=None)


_NOTHING = Rule(path="", capabilities=frozenset())
_EVERYTHING = Rule(path="*", capabilities=frozenset(Capability) - {Capability.DENY})


class Acl:
    """The rules of some policies together, ready to be asked."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        merged: dict[str, Rule] = {}
        for rule in rules:
            known = merged.get(rule.path)
            merged[rule.path] = rule if known is None else known.merged(rule)
        patterns = [rule for path, rule in merged.items() if _is_pattern(path)]
        self._exact = {path: rule for path, rule in merged.items() if not _is_pattern(path)}
        self._ordered = sorted(patterns, key=lambda rule: _precedence(rule.path), reverse=True)
        # One expression for all, best first, so that asking costs one call whatever their number.
        self._patterns = re.compile("|".join(_expression(rule.path) for rule in self._ordered))

    def rule(self, path: str) -> Rule:
        """The one rule that decides for a path; one without capabilities where none matches."""
        return self._exact.get(path) or self._by_pattern(path) or _NOTHING

    def list_rule(self, path: str) -> Rule:
        """The rule for listing a folder, which may be named with or without its slash.

        An exact rule comes first, and a pattern for the folder with its slash before one without,
        as in OpenBao.
        """
        folder = path if path.endswith("/") else path + "/"
        exact = self._exact.get(folder) or self._exact.get(folder[:-1])
        return exact or self._by_pattern(folder) or self._by_pattern(folder[:-1]) or _NOTHING

    def _by_pattern(self, path: str) -> Rule | None:
        found = self._patterns.fullmatch(path)
        if found is None or found.lastindex is None:
            return None
        return self._ordered[found.lastindex - 1]


class RootAcl(Acl):
    """Policy ``root``: everything, everywhere."""

    def __init__(self) -> None:
        super().__init__([_EVERYTHING])


def _is_pattern(path: str) -> bool:
    return path.endswith("*") or "+" in path.split("/")


def _precedence(pattern: str) -> tuple[int, bool, int, int, str]:
    """Vault's order of patterns, best last.

    The later the first wildcard stands, the better; then one without a trailing ``*``; then fewer
    ``+``; then the longer; then the greater in byte order.
    """
    plain = pattern.removesuffix("*")
    segments = plain.split("/")
    first = len(plain)
    if "+" in segments:
        first = len("/".join([*segments[: segments.index("+")], ""]))
    return (first, not pattern.endswith("*"), -segments.count("+"), len(pattern), pattern)


def _expression(pattern: str) -> str:
    """A pattern as a regular expression: ``+`` is any one segment, ``*`` at the end is anything."""
    segments = pattern.removesuffix("*").split("/")
    expression = "/".join("[^/]*" if each == "+" else re.escape(each) for each in segments)
    rest = "(?s:.*)" if pattern.endswith("*") else ""
    return f"({expression}{rest})"


def _rules(grants: Mapping[str, str]) -> tuple[Rule, ...]:
    return tuple(
        Rule(path=path, capabilities=frozenset(Capability(word) for word in words.split()))
        for path, words in grants.items()
    )


_BUILT_IN: Final[Mapping[str, tuple[Rule, ...]]] = {
    # As OpenBao's, where the paths exist here, and one more: who could unwrap a secret may also
    # rewrap it.
    DEFAULT: _rules(
        {
            "auth/token/lookup-self": "read",
            "auth/token/renew-self": "update",
            "auth/token/revoke-self": "update",
            "sys/capabilities-self": "update",
            "sys/wrapping/wrap": "update",
            "sys/wrapping/lookup": "update",
            "sys/wrapping/unwrap": "update",
            "sys/wrapping/rewrap": "update",
            "sys/tools/hash": "update",
            "sys/tools/hash/*": "update",
            "cubbyhole/*": "create read update delete list",
        }
    ),
    RESPONSE_WRAPPING: _rules(
        {
            "cubbyhole/response": "create read",
            "sys/wrapping/unwrap": "update",
            "auth/token/revoke-self": "update",
        }
    ),
}


def render(rules: Iterable[Rule]) -> str:
    """Rules as people write them in HCL, for policies that nobody wrote."""
    order = {capability: place for place, capability in enumerate(Capability)}
    blocks = []
    for rule in rules:
        words = sorted(rule.capabilities, key=order.__getitem__)
        listed = ", ".join(f'"{word.value}"' for word in words)
        blocks.append(f'\npath "{rule.path}" {{\n    capabilities = [{listed}]\n}}\n')
    return "".join(blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A named policy: as it was written, and as it is read."""

    name: str
    text: str
    rules: tuple[Rule, ...]
    version: int = 1
    """Counts how often it was written."""
    modified_at: Timestamp = 0


BUILT_IN: Final[Mapping[str, Policy]] = {
    name: Policy(name=name, text=render(rules), rules=rules) for name, rules in _BUILT_IN.items()
}
"""What there is before anybody writes a policy; ``root`` is no list of rules."""
