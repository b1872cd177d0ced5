"""Journals of what a daemon was asked and what it told, and the history that they make together.

A journal is a file of JSON lines, two for each request: one before it is sent, one after its
answer. Both have a time by CLOCK_MONOTONIC, which is one for all processes of a machine: of two
requests in different journals it is known which was over before the other began, or that neither
was. So nothing that happens to the daemon, and nothing that happens to a client, makes a journal
say what is not so: at worst the second line of its last request is missing.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic

NEVER = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """A request, and what came of it."""

    kind: str
    asked: float
    told: float = NEVER
    """When an answer, or the end of waiting for one, was there."""
    by: str | None = None
    """The token that asks; None for an owner without one."""
    on: str | None = None
    """The token, path or policy that it is about."""
    value: object = None
    """What it would put there."""
    answer: dict | None = None
    refusal: str | None = None
    """A code."""
    is_undone: bool = False
    """The client says that it was not carried out."""

    @property
    def is_answered(self) -> bool:
        return self.answer is not None

    @property
    def may_have_happened(self) -> bool:
        return self.refusal is None and not self.is_undone

    @property
    def done(self) -> float:
        """When it was certainly done, if it was."""
        return self.told if self.is_answered else NEVER


class Journal:
    """One client's."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def ask(self, **request) -> None:
        """Note what will be asked next."""
        self._write({"asked": monotonic(), **request})

    def tell(self, **outcome) -> None:
        """Note what came of it."""
        self._write({"told": monotonic(), **outcome})

    def close(self) -> None:
        """No more is noted."""
        self._file.close()

    def _write(self, line) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()  # what the kernel has outlives us; the machine is not what is killed


def history(journals: Iterable[Path], *, until: float = NEVER) -> list[Op]:
    """What the journals say up to a moment, which must be past when they are read.

    What was asked later is left out, and what was told later has not been told: so it does not
    matter that one journal is read after another.
    """
    return [op for path in journals for op in _ops(path.read_text(), until)]


def _ops(text: str, until: float) -> Iterator[Op]:
    lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    for line, after in pairwise([*lines, {}]):
        if "asked" not in line or line["asked"] > until:
            continue
        yield Op(**line, **(after if "told" in after and after["told"] <= until else {}))


def newest_tokens(journal: Path, *, tail_bytes: int = 4096) -> list[dict]:
    """The answers near a journal's end that brought a token."""
    with journal.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - tail_bytes))
        lines = file.read().split(b"\n")[1:-1]  # the first may be cut, and the last unfinished
    answers = [json.loads(line).get("answer") or {} for line in lines]
    return [answer for answer in answers if "token" in answer]
