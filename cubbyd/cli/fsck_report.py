"""What fsck found, for programs and for people.

A name in a directory may be anything, so none is shown as it is.
Nothing of it is secret: file names, accessors, policies' names, counts.
"""

from collections import Counter
from pathlib import Path
from typing import Final

from cubbyd.cli.render import printable, table
from cubbyd.fsck.check import Report
from cubbyd.fsck.fates import End
from cubbyd.fsck.survey import Damage, Kind, Reason
from cubbyd.value import Map, Value

_ENDS: Final = {
    End.EXPIRED: "by the end of {cause}, which has expired: the daemon destroys them",
    End.ORPHANED: (
        "for want of {cause}, whose file is not there: the daemon destroys them when it starts; "
        "if that token was lost and not revoked, restore its file first"
    ),
    End.REFUSED: "for want of {cause}, which is damaged: refused, and kept",
}


def as_map(report: Report) -> Map:
    """All of it, for a program."""
    others = report.found.others
    damaged: list[Value] = [
        {
            "name": each.name,
            "kind": each.kind.value,
            "reason": each.reason.value,
            "problem": each.problem,
            "policy": _policy(each, report),
            "moved": each.name in report.moved,
        }
        for each in report.found.damaged.values()
    ]
    unusable: list[Value] = [
        {"accessor": accessor, "end": fate.end.value, "cause": fate.cause}
        for accessor, fate in report.fates.items()
    ]
    return {
        "found": _counts(report),
        "foreign": [*others.get(Kind.FOREIGN, ())],
        "quarantines": [*others.get(Kind.QUARANTINE, ())],
        "damaged": damaged,
        "unusable": unusable,
        "destroyed": [*report.destroyed],
        "quarantine": report.quarantine,
        "moved": [*report.moved],
    }


def as_text(report: Report, store: Path) -> str:
    """What people need to know, in lines."""
    lines = [f"store {printable(str(store))}", "", table(_counts(report)), ""]
    for each in report.found.damaged.values():
        lines.append(f"{printable(each.name)} ({each.kind.value}) {printable(each.problem)}")
        lines.append(f"    {_what_now(each, report)}")
    fates = sorted(Counter(report.fates.values()).items(), key=lambda pair: pair[0].cause)
    lines += [
        f"{number} token(s) cannot be used {_ENDS[fate.end].format(cause=fate.cause)}"
        for fate, number in fates
    ]
    for kind in (Kind.FOREIGN, Kind.QUARANTINE):
        names = ", ".join(printable(name) for name in report.found.others.get(kind, ()))
        lines += [f"{kind.value}, passed over by the daemon: {names}"] if names else []
    if report.destroyed:
        lines.append(f"{len(report.destroyed)} wrapping and limited token(s) destroyed")
    return "\n".join([*lines, _verdict(report)])


def _counts(report: Report) -> Map:
    """How many there were of each kind when it was looked at."""
    found = report.found
    kinds = Counter(token.kind for token in found.tokens.values())
    tokens = (Kind.SERVICE, Kind.LIMITED, Kind.WRAPPING, Kind.STUB)
    others = (Kind.STAGED, Kind.QUARANTINE, Kind.FOREIGN)
    return {
        **{kind.value: kinds[kind] for kind in tokens},
        Kind.POLICY.value: len(found.policies),
        **{kind.value: len(found.others.get(kind, ())) for kind in others},
        "damaged": len(found.damaged),
    }


def _policy(damage: Damage, report: Report) -> str | None:
    """The name of the policy whose file this is, if anything tells it."""
    known = report.damaged_policies.items()
    return next((policy for policy, name in known if name == damage.name), None)


def _what_now(damage: Damage, report: Report) -> str:
    if damage.name in report.moved:
        return f"moved to {report.quarantine}"
    if damage.name in report.immovable:
        return f"could not be moved: {report.immovable[damage.name]}"
    if damage.reason is Reason.UNKNOWN_FORMAT:
        return "not to be moved: use the cubbyd, or restore the keyring, that it was written with"
    if damage.kind is not Kind.POLICY:
        return "restore it, or move it aside with --quarantine"
    policy = _policy(damage, report)
    if policy is None:
        return "not to be moved: restore it, or delete the file if no policy of yours is missing"
    return (
        f"not to be moved: restore it, or run: cubby policy delete {printable(policy)}; "
        "its tokens then have what their other policies grant"
    )


def _verdict(report: Report) -> str:
    left = len(report.left)
    if left:
        return f"{left} damaged file(s) in the store"
    if report.moved:
        return f"clean, now that {len(report.moved)} file(s) are in {report.quarantine}"
    return "clean"
