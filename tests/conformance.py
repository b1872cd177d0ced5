"""Replays what a real server answered, and says where a door answers otherwise.

A trace is a file of JSON lines, recorded against OpenBao 2.7.2: one step a line, in scenarios that
share nothing but the symbol ``$root``, a token with policy root. A door is anything that takes a
step's request (``operation``, ``path``, ``token``, ``data``, ``wrap_ttl``, ``http``), with symbols
replaced by what they stand for, and returns the status and the body as JSON has it: None for none.

What a step expects is compared as it stands, but for these:

    "$name"               what an earlier step saved under that name, also within a text
    "<uuid>" "<token>"    anything of that kind; or accessor, rfc3339, unix, int, version, string
    "<ttl:N>"             an integer in [N-3, N], or from 60 on in [N-15, N]
    "<b64:N>" "<hex:N>"   so many bytes, as text
    "… <duration> …"      any duration within a text
    {"<set>": …}          a list: what it includes and excludes, in any order
    {"<json>": …}         a text that holds such JSON
"""

import json
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

TRACE = Path(__file__).parent / "vectors" / "openbao-trace.jsonl"

_KINDS = {
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "token": r"\S+",
    "accessor": r"\S+",
    "rfc3339": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "version": r"\S+",
    "string": r"(?s).*",
}
_MARKER = re.compile(r"<([a-z0-9]+)(?::([0-9]+))?>")
_WITHIN = re.compile(r"\$\{(\w+)\}")
_DURATION = r"([0-9.]+(h|m|s|ms|µs|ns))+"


@dataclass(frozen=True)
class Step:
    """One request, and what came back."""

    scenario: str
    number: int
    note: str
    tags: frozenset[str]
    request: dict
    save: dict[str, str]
    status: int
    body: object

    def __str__(self) -> str:
        return f"{self.scenario} {self.number} ({self.note})"


def scenarios(lines: Iterable[str]) -> dict[str, list[Step]]:
    """The steps of each scenario, in order."""
    found: dict[str, list[Step]] = {}
    for line in lines:
        fields = json.loads(line)
        step = Step(
            scenario=fields["scenario"],
            number=fields["step"],
            note=fields["note"],
            tags=frozenset(fields.get("tags", ())),
            request=fields["request"],
            save=fields["save"],
            status=fields["expect"]["status"],
            body=fields["expect"]["body"],
        )
        found.setdefault(step.scenario, []).append(step)
    return found


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Steps that a door answers otherwise on purpose, why, and what it answers."""

    why: str
    steps: dict[str, list[int]]
    status: int
    body: object
    then: dict[int, dict] = field(default_factory=dict)
    """Steps to send (again), with these changes of their requests, so that what follows finds what
    it was recorded with."""


Ask = Callable[[dict], Awaitable[tuple[int, object]]]
Sleep = Callable[[float], Awaitable[None]]


class Replay:
    """One scenario at one door."""

    def __init__(
        self, steps: list[Step], ask: Ask, sleep: Sleep, *, root: str, differences=()
    ) -> None:
        self.symbols = {"$root": root}
        self._steps = steps
        self._ask = ask
        self._sleep = sleep
        self._differences = differences

    async def run(self, *, skip: str | None = None) -> None:
        """Send every step but those with the tag to skip; raises AssertionError at the first that
        is answered neither as recorded nor, where a difference is listed, as that one says."""
        for step in self._steps:
            if skip not in step.tags:
                await self._play(step)

    async def _play(self, step: Step) -> None:
        difference = self._difference(step)
        await self._sleep(step.request.get("delay") or 0)
        answer = await self._send(step)
        is_as_recorded = self._is(answer, step.status, step.body, only_status="go" in step.tags)
        if difference is None:
            expected = (step.status, step.body)
            assert is_as_recorded, f"{step}: {answer}, not {expected}"
            return
        assert not is_as_recorded, f"{step} is as recorded, and listed as different"
        expected = (difference.status, difference.body)
        assert self._is(answer, *expected), f"{step}: {answer}, not {expected}"
        for number, changes in difference.then.items():
            await self._send(self._steps[number - 1], **changes)

    async def _send(self, step: Step, **changes) -> tuple[int, object]:
        request = {**step.request, **changes}
        status, body = await self._ask({key: self._real(value) for key, value in request.items()})
        for symbol, pointer in step.save.items():
            value = pointed_at(body, pointer)
            if value is not None:
                self.symbols[symbol] = value
        return status, body

    def _is(self, answer, status: int, body: object, *, only_status: bool = False) -> bool:
        return answer[0] == status and (only_status or matches(body, answer[1], self.symbols))

    def _difference(self, step: Step) -> Difference | None:
        found = [
            each for each in self._differences if step.number in each.steps.get(step.scenario, ())
        ]
        assert len(found) < 2, f"{step} is listed twice"
        return found[0] if found else None

    def _real(self, value):
        """A request's value with symbols replaced by what they stand for."""
        match value:
            case str():
                whole = self.symbols.get(value, value)
                return _WITHIN.sub(lambda found: self.symbols[f"${found[1]}"], whole)
            case dict():
                return {key: self._real(item) for key, item in value.items()}
            case list():
                return [self._real(item) for item in value]
        return value


def pointed_at(body: object, pointer: str) -> object:
    """What a JSON pointer leads to; None where it leads nowhere."""
    for key in pointer.split("/")[1:]:
        if not isinstance(body, dict) or key not in body:
            return None
        body = body[key]
    return body


def matches(expected: object, found: object, symbols: dict[str, str]) -> bool:
    """Whether a value is what a step expects."""
    match expected:
        case str():
            return _matches_text(expected, found, symbols)
        case {"<set>": {"includes": includes, "excludes": excludes}}:
            return isinstance(found, list) and not [
                each
                for wanted, items in ((True, includes), (False, excludes))
                for each in items
                if any(matches(each, item, symbols) for item in found) != wanted
            ]
        case {"<json>": inner}:
            return isinstance(found, str) and matches(inner, json.loads(found), symbols)
        case dict():
            return (
                isinstance(found, dict)
                and expected.keys() == found.keys()
                and all(matches(item, found[key], symbols) for key, item in expected.items())
            )
        case list():
            return (
                isinstance(found, list)
                and len(expected) == len(found)
                and all(map(matches, expected, found, [symbols] * len(found)))
            )
    # True is 1 and 1 is 1.0 in Python; the first is a mistake here, the second is the same number.
    return isinstance(expected, bool) == isinstance(found, bool) and expected == found


def _matches_text(expected: str, found: object, symbols: dict[str, str]) -> bool:
    if expected in symbols:
        return found == symbols[expected]
    if marker := _MARKER.fullmatch(expected):
        return _is_of_kind(found, marker[1], int(marker[2] or 0))
    for symbol, value in sorted(symbols.items(), reverse=True):  # "$w1" before "$w"
        expected = expected.replace(symbol, value)
    pattern = re.escape(expected).replace("<duration>", _DURATION)
    return isinstance(found, str) and re.fullmatch(pattern, found) is not None


def _is_of_kind(found: object, kind: str, number: int) -> bool:
    if kind in ("unix", "int", "ttl"):
        leeway = 15 if number >= 60 else 3
        is_integer = isinstance(found, int) and not isinstance(found, bool)
        return is_integer and (kind != "ttl" or number - leeway <= found <= number)
    if not isinstance(found, str):
        return False
    if kind == "b64":
        return len(b64decode(found, validate=True)) == number
    if kind == "hex":
        return len(bytes.fromhex(found)) == number
    return re.fullmatch(_KINDS[kind], found) is not None
