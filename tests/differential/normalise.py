"""What two servers answer, told so that what means the same is the same.

Each server draws its own ids. An id becomes the place where it was first seen, so that two ids are
the same symbol on both servers or on neither. A time or a remaining TTL becomes a number with
leeway, for the second server is asked a moment after the first. Numbers and booleans keep apart
what Python holds to be equal. The rest stays as it is.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from exchange import Answer

CLOCK_LEEWAY = 2.0
"""Seconds between the two servers' doing the same, on a busy machine."""

_ID_KEYS = {"request_id", "client_token", "token", "accessor", "wrapped_accessor", "id"}
_ID = re.compile(
    r"s\.[A-Za-z0-9]{24,}|cby[sw]_[0-9A-Za-z]{49}"  # tokens
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # requests
    r"|\b[0-9a-f]{32}\b|\b[0-9A-Za-z]{24}\b"  # accessors
)
_TIMES = {
    "creation_time",
    "expire_time",
    "issue_time",
    "last_renewal",
    "last_renewal_time",
    "modified",
    "server_time_utc",
}
_LISTS_OF_NAMES = {"keys", "policies"}
_REMAINING = {"ttl", "lease_duration"}
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_DURATION = re.compile(r'"(\d[\d.hms]*)"')
_OTHER_SEQUENCE = re.compile(r"q\d{6}z")


@dataclass(frozen=True, eq=False)
class Around:
    """A number that the clock moves."""

    kind: str
    seconds: float

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Around)
            and self.kind == other.kind
            and abs(self.seconds - other.seconds) <= CLOCK_LEEWAY
        )

    __hash__ = None


@dataclass(frozen=True)
class Symbol:
    """What a value is, where its text is of no interest or would be mistaken for another's."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Normaliser:
    """One server's answers during one sequence."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self._names: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._step = 0

    def __call__(self, answer: Answer) -> dict:
        """An answer in a form that can be compared to another server's with ``==``."""
        self._step += 1
        self._before = dict(self._names)
        return {
            "status": answer.status,
            # OpenBao names the type of what a 204 or a redirect has not.
            "content_type": answer.content_type if answer.body else None,
            "cache_control": answer.cache_control,
            "location": answer.location,
            "body": self._value(answer.body, "", ""),
        }

    def learn(self, name: str, value: str) -> None:
        """Call an id by a name from now on."""
        self._names[value] = name

    def forget(self) -> None:
        """Take back the names that the last answer led to."""
        self._names = self._before

    def _value(self, value: object, key: str, where: str) -> object:
        match value:
            case bool() | float():
                return Around(key, value) if key in _REMAINING else Symbol(repr(value))
            case int():
                is_around = key in _REMAINING or (key in _TIMES and value)
                return Around(key, value) if is_around else value
            case str():
                return self._text(value, key, where)
            case dict():
                return {
                    self._known(name): self._value(item, name, f"{where}/{name}")
                    for name, item in sorted(value.items())
                }
            case list():
                items = self._keys(value) if key in _LISTS_OF_NAMES else value
                return [self._value(item, key, f"{where}/{n}") for n, item in enumerate(items)]
        return value

    def _text(self, text: str, key: str, where: str) -> object:
        if key in _ID_KEYS and _ID.fullmatch(text):
            return self._names.setdefault(text, f"<id: step {self._step} {where}>")
        if key in _TIMES and (found := _RFC3339.fullmatch(text)):
            return Around("rfc3339", _epoch(found))
        match key:
            case "response" if text.startswith('{"request_id"'):
                return Symbol("json"), self._value(json.loads(text), "", where)
            # The second is OpenBao's wrapped unwrap, in base64, with ids of its own.
            case "random_bytes" | "http_raw_body":
                return Symbol(f"{key} of {len(text)} characters")
            case "warnings":
                return _with_durations(text)
        return self._known(text)

    def _known(self, text: str) -> str:
        return _ID.sub(lambda found: self._names.get(found[0], found[0]), text)

    def _keys(self, keys: list) -> list:
        """A list of names: without those of other sequences, and accessors in any order."""
        if keys and all(isinstance(key, str) and _ID.fullmatch(key) for key in keys):
            return sorted((key for key in keys if key in self._names), key=self._names.get)
        return [key for key in keys if not self._is_of_another_sequence(key)]

    def _is_of_another_sequence(self, key: object) -> bool:
        found = _OTHER_SEQUENCE.search(key) if isinstance(key, str) else None
        return found is not None and found[0] != self._nonce


def _epoch(found: re.Match) -> float:
    """Seconds; Python reads no more than six digits of a fraction."""
    whole = datetime.fromisoformat(found[1] + found[3]).timestamp()
    return whole + float("0." + (found[2] or "0"))


def _with_durations(text: str) -> tuple:
    """A text in whose durations a second more or less is no difference."""
    parts = _DURATION.split(text)
    return tuple(
        Around("duration", _seconds(part)) if number % 2 else part
        for number, part in enumerate(parts)
    )


def _seconds(duration: str) -> float:
    factors = {"h": 3600, "m": 60, "s": 1}
    return sum(float(n) * factors[unit] for n, unit in re.findall(r"([\d.]+)([hms])", duration))
