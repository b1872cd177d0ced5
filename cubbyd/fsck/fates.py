"""What becomes of the tokens that open and yet cannot be used, for want of something else."""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from cubbyd.clock import Timestamp
from cubbyd.core.policy import RESPONSE_WRAPPING, ROOT
from cubbyd.core.token import MAX_TREE_DEPTH, Accessor
from cubbyd.crypto.keys import RootKeys
from cubbyd.fsck.survey import Kind, Survey
from cubbyd.store import policy_record


class End(Enum):
    """What becomes of a token that opens and yet cannot be used."""

    EXPIRED = "expired"
    """It, or an ancestor, has expired: the daemon destroys it."""
    ORPHANED = "orphaned"
    """An ancestor's file is not there: the daemon destroys it when it next starts."""
    REFUSED = "refused"
    """It depends on a damaged file: refused as long as that is there, and kept."""


class Fate(NamedTuple):
    """The end of one token, and the name of the file that it is due to."""

    end: End
    cause: str


def fates(found: Survey, keys: RootKeys, now: Timestamp) -> dict[Accessor, Fate]:
    """What becomes of each token that opens and is not alive; the rest are."""
    spoilt = damaged_policies(found, keys)
    ends = (
        (accessor, _fate(accessor, found, spoilt, now))
        for accessor, token in found.tokens.items()
        if token.kind is not Kind.STUB
    )
    return {accessor: fate for accessor, fate in ends if fate is not None}


def damaged_policies(found: Survey, keys: RootKeys) -> dict[str, str]:
    """The policies whose files are damaged, as far as any token names them, and these files."""
    spoilt: dict[str, str] = {}
    named = {name for token in found.tokens.values() for name in token.policies}
    for policy in sorted((named | {"default"}) - {RESPONSE_WRAPPING, ROOT}):
        name = policy_record.file_name(policy, keys)
        if name in found.damaged:
            spoilt[policy] = name
    return spoilt


def _fate(
    accessor: Accessor, found: Survey, spoilt: Mapping[str, str], now: Timestamp
) -> Fate | None:
    """As the daemon decides, from the token upwards: what cannot be read comes before all else."""
    expired: Accessor | None = None
    each: Accessor | None = accessor
    for _ in range(MAX_TREE_DEPTH):
        if each is None:
            break
        token = found.tokens.get(each)
        if token is None:
            return Fate(End.REFUSED if each in found.damaged else End.ORPHANED, each)
        if token.kind is Kind.STUB:
            break
        if token.expires_at is not None and now >= token.expires_at:
            expired = each
        each = token.parent
    if expired is not None:
        return Fate(End.EXPIRED, expired)
    policies = found.tokens[accessor].policies
    cause = next((spoilt[name] for name in policies if name in spoilt), None)
    return None if cause is None or ROOT in policies else Fate(End.REFUSED, cause)
