"""Who asks, and what they may do: the peer, then the token, and then nothing but the token."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from cubbyd.core.outcome import Put, Remove, TokenChange
from cubbyd.core.policy import (
    BUILT_IN,
    RESPONSE_WRAPPING,
    ROOT,
    Acl,
    Capability,
    Policy,
    RootAcl,
    Rule,
)
from cubbyd.core.token import TokenEntry
from cubbyd.errors import PermissionDeniedError, multierror
from cubbyd.logical.tokens import Known, Records, Tokens
from cubbyd.messages import Operation, Request, Role
from cubbyd.secret import Secret

MAX_KNOWN_ACLS: Final = 1000
"""Lists of policies that are kept as they were read; more than any host has kinds of tokens."""

_update = partial(Rule, capabilities=frozenset({Capability.UPDATE}))

_OWNER_ACL: Final = RootAcl()
_GUEST_ACL: Final = Acl(
    _update(path=f"sys/wrapping/{name}") for name in ("wrap", "unwrap", "rewrap", "lookup")
)
# To name an Enum's member is a call in Python 3.11: what each request asks for is named once.
ON_FOLDERS: Final = (Operation.LIST, Operation.SCAN)
"""Operations on a folder, which may be named with or without its slash."""

_CAPABILITY: Final = {
    Operation.READ: Capability.READ,
    Operation.LIST: Capability.LIST,
    Operation.DELETE: Capability.DELETE,
    Operation.PATCH: Capability.PATCH,
    Operation.SCAN: Capability.SCAN,
}
_EITHER_WRITE: Final = frozenset({Capability.CREATE, Capability.UPDATE})


class Caller(NamedTuple):
    """Who asks. ``known`` and ``token`` are None for a peer that sent no token."""

    acl: Acl
    policies: tuple[str, ...]
    display_name: str
    token: Secret | None = None
    known: Known | None = None
    counted: TokenEntry | None = None
    """The caller's entry with this request counted, where uses are counted."""

    @property
    def entry(self) -> TokenEntry | None:
        """The token's metadata, this request's use counted."""
        if self.counted is not None or self.known is None:
            return self.counted
        return self.known.entry

    @property
    def is_wrapping(self) -> bool:
        """Whether the caller's token is a wrapping token."""
        return self.known is not None and self.known.entry.is_wrapping

    def has_sudo(self, path: str) -> bool:
        """Whether the caller may do on this path what only few may."""
        return Capability.SUDO in self.acl.rule(path).capabilities

    def spent_use(self) -> TokenChange | None:
        """The change that records the spent use; the last one takes the token with it."""
        if self.counted is None:
            return None
        if self.counted.is_exhausted:
            return Remove(accessor=self.counted.accessor)
        return Put(entry=self.counted)

    def require(self, *, own: str) -> tuple[Secret, Known]:
        """The caller's own token, for what only a token has.

        Raises:
            PermissionDeniedError: It sent none.
        """
        if self.token is None or self.known is None:
            raise PermissionDeniedError(f"permission denied: {own} needs a token")
        return self.token, self.known


def find_policy(name: str, records: Records) -> Policy | None:
    """A policy as it is now: as somebody wrote it, else as it is built in.

    Raises:
        IntegrityError: It is there, and cannot be read: whoever depends on it is refused.
    """
    written = None if name == RESPONSE_WRAPPING else records.policy(name)
    return written or BUILT_IN.get(name)


class Acls:
    """What lists of policies come to, kept until any policy changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Acl] = {}
        self._version = 0

    def of(self, policies: tuple[str, ...], records: Records) -> Acl:
        """What these grant together; a name that nobody defined grants nothing."""
        if ROOT in policies:
            return _OWNER_ACL
        version = records.policies_version
        if version != self._version or len(self._known) >= MAX_KNOWN_ACLS:
            self._known.clear()
            self._version = version
        acl = self._known.get(policies)
        if acl is None:
            found = (find_policy(name, records) for name in policies)
            acl = Acl(rule for policy in found if policy is not None for rule in policy.rules)
            self._known[policies] = acl
        return acl


def identify(request: Request, tokens: Tokens, acls: Acls, *, owner_needs_token: bool) -> Caller:
    """The caller of a request that needs one, with one of its uses spent where they are counted.

    Raises:
        PermissionDeniedError: There is no such living token. All such cases look alike.
    """
    peer = request.peer
    if request.token is None:
        if peer.role is Role.BEARER:
            raise PermissionDeniedError
        name = f"peer-{peer.uid}"
        if peer.role is Role.OWNER and not owner_needs_token:
            return Caller(acl=_OWNER_ACL, policies=(ROOT,), display_name=name)
        return Caller(acl=_GUEST_ACL, policies=(), display_name=name)
    known = tokens.by_token(request.token)
    if known is None:
        raise PermissionDeniedError
    entry = known.record.entry
    return Caller(
        acl=acls.of(entry.policies, tokens.records),
        policies=entry.policies,
        display_name=entry.display_name,
        token=request.token,
        known=known,
        counted=entry.used() if entry.is_limited else None,
    )


def permitting_rule(
    caller: Caller, operation: Operation, path: str, *, exists: Callable[[], bool]
) -> Rule:
    """The rule that lets the caller do this.

    Args:
        caller: Who asks.
        operation: What is asked.
        path: On what.
        exists: Whether what a write would change is there already; asked only where the rule
            grants one of create and update.

    Raises:
        PermissionDeniedError: There is none. The words differ for a caller without a token, as
            OpenBao's do.
    """
    rule = caller.acl.list_rule(path) if operation in ON_FOLDERS else caller.acl.rule(path)
    granted = rule.capabilities
    wanted = _CAPABILITY.get(operation)
    if wanted is not None:
        is_permitted = wanted in granted
    elif granted >= _EITHER_WRITE:
        is_permitted = True
    else:
        is_permitted = bool(granted & _EITHER_WRITE) and (
            (Capability.UPDATE if exists() else Capability.CREATE) in granted
        )
    if is_permitted:
        return rule
    if caller.known is None:
        raise PermissionDeniedError
    raise PermissionDeniedError(multierror("permission denied"))
