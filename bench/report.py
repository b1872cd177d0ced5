"""What a run found, as tables in Markdown: for the terminal, and for docs/performance.md."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from goals import MEMORY_GOALS, OF_RATE, verdicts
from measure import Measured, Round
from workloads import WORKLOADS

SIDES = {
    "cubbyd": "cubbyd",
    "openbao": "OpenBao",
    "echo": "echo",
    "bare": "bare calls",
    "least": "the least",
}

BUSY = 0.5
"""Load of a machine on which other programs take part in what is measured."""
_WARNING = "**Other programs were at work: take nothing from these figures.**"


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run."""

    machine: dict[str, str]
    plan: dict[str, object]
    measured: list[Measured]
    memory: dict[str, dict[str, dict[str, float]]]
    """MiB, by when, by server, and by what."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """One that was written."""
        fields = json.loads(path.read_text())
        measured = [
            Measured(**{**each, "rounds": [Round(**one) for one in each["rounds"]]})
            for each in fields["measured"]
        ]
        return cls(**{**fields, "measured": measured})

    def write(self, path: Path) -> None:
        """Keep it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @property
    def clients(self) -> list[int]:
        """How many there were, each time."""
        return sorted({each.clients for each in self.measured})

    def tables(self) -> str:
        """All of it."""
        memory = self._memory() if self.memory else ""
        parts = [self._machine(), self._goals(), self._limits(), self._figures(), memory]
        return "\n\n".join(filter(None, parts))

    def _machine(self) -> str:
        said = {**self.machine, **{name: str(value) for name, value in self.plan.items()}}
        words = "; ".join(f"{name}: {value}" for name, value in said.items()) + "."
        is_busy = float(self.machine["load before"]) > BUSY
        return f"{words} {_WARNING}" if is_busy else words

    def _goals(self) -> str:
        numbers = self.clients
        rows = [
            [title, *(str(found.get(number, "")) for number in numbers), _verdict(met=met)]
            for title, found, met in verdicts(self.measured, numbers)
        ]
        rows += self._memory_goals()
        return _table(["goal", *self._heads(), "all"], rows)

    def _limits(self) -> str:
        """Empty where the server that does the least was not asked."""
        numbers = self.clients
        rows = [
            [title, *(str(found.get(number, "")) for number in numbers), _verdict(met=met)]
            for title, found, met in verdicts(self.measured, numbers, goals=OF_RATE, side="least")
        ]
        what = "the same goals for the server that does the least"
        return _table([what, *self._heads(), "all"], rows) if rows else ""

    def _heads(self) -> list[str]:
        return [f"{number} client{'s' * (number > 1)}" for number in self.clients]

    def _memory_goals(self) -> Iterable[list[str]]:
        for when, by_side in self.memory.items():
            bound = MEMORY_GOALS[when]
            share = by_side["cubbyd"]["all"] / by_side["openbao"]["all"]
            cells = [f"{share:.2f}", *[""] * (len(self.clients) - 1)]
            title = f"resident memory {when}: at most 1/{1 / bound:.0f} of OpenBao's"
            yield [title, *cells, _verdict(met=share <= bound)]

    def _figures(self) -> str:
        heads = ["work", "clients", "side", "a second", "median", "p99", "server's CPU", "client's"]
        return _table(heads, [_row(each) for each in self.measured])

    def _memory(self) -> str:
        rows = [
            [when, SIDES[side], *(f"{figures[what]:.0f} MiB" for what in ("all", "own", "files"))]
            for when, by_side in self.memory.items()
            for side, figures in by_side.items()
        ]
        return _table(["memory", "side", "resident", "its own", "mapped files"], rows)


def _row(each: Measured) -> list[str]:
    return [
        WORKLOADS[each.workload].title,
        str(each.clients),
        SIDES[each.side],
        f"{each.rate:,.0f}" if each.rate >= 100 else f"{each.rate:.1f}",
        _duration(each.median),
        _duration(each.p99),
        _duration(each.server_cpu) if each.side != "bare" else "",
        _duration(each.client_cpu),
    ]


def _duration(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def _verdict(*, met: bool) -> str:
    return "reached" if met else "**missed**"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown, the columns as wide as what is in them."""
    cells = [heads, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    )


def put_into(page: Path, tables: str, name: str = "table") -> None:
    """Replace what stands between the marks of a page that have this name."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, rest = page.read_text().split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{after}")
