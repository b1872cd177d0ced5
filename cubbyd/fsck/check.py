"""One run of fsck over a store that is ours: look, change what was asked for, and tell."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cubbyd.clock import Timestamp
from cubbyd.core.token import Accessor
from cubbyd.crypto.keys import RootKeys
from cubbyd.fsck.changes import Aside, destroy, move_aside, used_up_by_a_copy
from cubbyd.fsck.fates import Fate, damaged_policies, fates
from cubbyd.fsck.survey import Damage, Kind, Reason, Survey, survey
from cubbyd.store.files import QUARANTINE_PREFIX, DiskFiles

_NOTHING_OPENS: Final = "nothing in this store opens, so the keyring may be another store's"
_MAY_HAVE_CHILDREN: Final = (
    "a token that cannot be opened yet, for its format or its key term, may live below it"
)


@dataclass(slots=True, kw_only=True)
class Report:
    """What was found, and what was done about it."""

    found: Survey
    fates: Mapping[Accessor, Fate]
    """Of the tokens that open and are not alive, before anything was moved."""
    damaged_policies: Mapping[str, str]
    """The files of damaged policies by the policies' names, where these are known."""
    destroyed: list[Accessor] = field(default_factory=list)
    quarantine: str | None = None
    """The directory in the store to which files were moved."""
    moved: list[str] = field(default_factory=list)
    immovable: dict[str, str] = field(default_factory=dict)
    """Why what should have been moved was not."""

    @property
    def left(self) -> list[Damage]:
        """What is damaged and still there."""
        moved = {*self.moved}
        return [each for each in self.found.damaged.values() if each.name not in moved]


def check(
    files: DiskFiles,
    keys: RootKeys,
    *,
    now: Timestamp,
    quarantine: bool = False,
    after_restore: bool = False,
) -> Report:
    """Look a store over.

    Args:
        files: The store, ours alone until this returns.
        keys: Its keys.
        now: For what has expired, and the name of the quarantine.
        quarantine: Whether damaged files are moved aside.
        after_restore: Whether tokens are destroyed that a copy lets out or be used once more. They
            go first, so that none of them waits in a quarantine.

    Raises:
        OSError: The disk would not.
        StoreError: Nobody knows what is on disk.
    """
    found = survey(files, keys)
    kept = _kept(found) if quarantine else {}  # while all is there that tells of the keyring
    destroyed = used_up_by_a_copy(found) if after_restore else []
    if destroyed:
        destroy(files, destroyed, found)
    report = Report(
        found=found,
        fates=fates(found, keys, now),
        damaged_policies=damaged_policies(found, keys),
        destroyed=destroyed,
    )
    movable = [name for name in _movable(found) if name not in kept]
    if quarantine and movable:
        name = QUARANTINE_PREFIX + datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        with closing(Aside(files.directory, name, files.calls)) as aside:
            report.quarantine = aside.name
            report.moved, report.immovable = move_aside(aside, movable, found)
    report.immovable |= {name: reason for name, reason in kept.items() if name in found.damaged}
    return report


def _movable(found: Survey) -> list[str]:
    return [name for name, damage in found.damaged.items() if damage.is_movable]


def _kept(found: Survey) -> dict[str, str]:
    """The tokens that must stay for what this keyring cannot tell of them, each with the reason."""
    tokens = [each for each in found.damaged.values() if each.kind is Kind.TOKEN]
    if not found.tokens and not found.policies:
        reason = _NOTHING_OPENS
    elif any(each.reason is Reason.UNKNOWN_FORMAT for each in tokens):
        reason = _MAY_HAVE_CHILDREN
    else:
        return {}
    return {each.name: reason for each in tokens if each.is_movable}
