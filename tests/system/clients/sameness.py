"""What two servers show, told so that what means the same is the same.

An id becomes a word with a number, by when it was first seen: so two ids are the same on both
servers or on neither. Times of the day go, and a remaining second more or less is none.
"""

import re

_IDS = {
    "TOKEN": r"cby[sw]_[0-9A-Za-z]{49}|\bs\.[0-9A-Za-z]{24}\b",
    "REQUEST": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "ACCESSOR": r"\b(?:[0-9a-f]{32}|[0-9A-Za-z]{24})\b",
}
_ID = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _IDS.items()))
_TIMES = {
    "TIME": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 UTC)",
    "SECONDS": r"\b1[789]\d{8}\b",
    "SERVER": r"http://(?:localhost|127\.0\.0\.1:\d+)(?=/)",
}
_DURATION = re.compile(r"(?<![\w.])(?=\d+[hms])(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?!\w)")
_SECONDS = re.compile(r'(\b(?:ttl|lease_duration)"?: )(\d+)')
_PASSED = 30
"""Seconds that may have passed of a minute: a busy machine is no difference."""


class Names:
    """The names of what one server drew during one session."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def plain(self, line: str) -> str:
        """A line without what differs from run to run."""
        line = _ID.sub(self._name, line)
        for name, pattern in _TIMES.items():
            line = re.sub(pattern, name, line)
        line = _SECONDS.sub(lambda found: found[1] + str(_whole(int(found[2]))), line)
        return _DURATION.sub(_duration, line)

    def _name(self, found: re.Match) -> str:
        kind = found.lastgroup
        if kind == "REQUEST":
            return kind
        number = 1 + sum(name.startswith(kind) for name in self._names.values())
        return self._names.setdefault(found[0], f"{kind}{number}")


def _duration(found: re.Match) -> str:
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    minutes, seconds = divmod(_whole(hours * 3600 + minutes * 60 + seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = {"h": hours, "m": minutes, "s": seconds}
    return "".join(f"{number}{unit}" for unit, number in parts.items() if number) or "0s"


def _whole(seconds: int) -> int:
    """Up to the minute that has just begun to pass."""
    missing = -seconds % 60
    return seconds + missing if missing <= _PASSED else seconds
