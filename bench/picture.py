"""A run as a picture: for each kind of work, throughput as bars and latency as lines."""

from collections.abc import Iterable, Iterator
from math import ceil, floor, log10
from xml.sax.saxutils import escape

from measure import Measured
from report import SIDES, Report
from workloads import WORKLOADS

COLOURS = {
    "cubbyd": "#2563eb",
    "openbao": "#d97706",
    "echo": "#9ca3af",
    "bare": "#4b5563",
    "least": "#93c5fd",
}
WIDTH, LABELS, BARS, GAP, LINES = 900, 200, 300, 60, 300
ROW, PAD, TOP = 13, 8, 58
LINES_AT = LABELS + BARS + GAP
STYLE = (
    "text{font:11px sans-serif;fill:#111827}.small{font-size:9px;fill:#4b5563}.end{text-anchor:end}"
)


def drawn(report: Report) -> str:
    """The whole picture, as SVG."""
    groups = list(_groups(report.measured))
    height = TOP + sum(ROW * len(group) + PAD for group in groups) + 24
    decades = _decades(report.measured)
    parts = [*_legend(report), *_axis(decades, height)]
    y = TOP
    for group in groups:
        parts += _group(group, y, decades)
        y += ROW * len(group) + PAD
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}">\n<style>{STYLE}</style>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _groups(measured: Iterable[Measured]) -> Iterator[list[Measured]]:
    """What is to be compared: the sides at one kind of work with so many clients."""
    found: dict[tuple[str, int], list[Measured]] = {}
    for each in measured:
        found.setdefault((each.workload, each.clients), []).append(each)
    yield from found.values()


def _decades(measured: Iterable[Measured]) -> tuple[int, int]:
    times = [time for each in measured for time in (each.median, each.p99)]
    return floor(log10(min(times))), ceil(log10(max(times)))


def _legend(report: Report) -> Iterator[str]:
    machine = report.machine
    words = f"{machine['processor']}, {machine['cores']} cores, {machine['date']}"
    yield _text(8, 16, words)
    x = LABELS
    for side in dict.fromkeys(each.side for each in report.measured):
        yield f'<rect x="{x}" y="24" width="10" height="10" fill="{COLOURS[side]}"/>'
        yield _text(x + 14, 33, SIDES[side])
        x += 90
    yield _text(LABELS - 8, 50, "clients", "small end")
    yield _text(LABELS, 50, "throughput, beside the fastest", "small")
    yield _text(LINES_AT, 50, "latency, from median to p99", "small")


def _axis(decades: tuple[int, int], height: int) -> Iterator[str]:
    for decade in range(decades[0], decades[1] + 1):
        x = _x(10.0**decade, decades)
        yield f'<path d="M{x:.1f} {TOP - 4}V{height - 18}" stroke="#e5e7eb"/>'
        yield _text(x - 10, height - 6, _power(decade), "small")


def _power(decade: int) -> str:
    unit, offset = ("µs", 6) if decade < -3 else ("ms", 3) if decade < 0 else ("s", 0)
    return f"{10 ** (decade + offset)} {unit}"


def _group(group: list[Measured], y: int, decades: tuple[int, int]) -> Iterator[str]:
    first, fastest = group[0], max(each.rate for each in group)
    yield _text(8, y + 10, WORKLOADS[first.workload].title)
    yield _text(LABELS - 8, y + 10, f"{first.clients}", "end")
    for number, each in enumerate(group):
        top, colour = y + ROW * number, COLOURS[each.side]
        wide = BARS * each.rate / fastest
        place = f'x="{LABELS}" y="{top}" width="{wide:.1f}" height="{ROW - 2}"'
        yield f'<rect {place} fill="{colour}"/>'
        yield _text(LABELS + wide + 3, top + 9, f"{each.rate:,.0f}/s", "small")
        begin, end = _x(each.median, decades), _x(each.p99, decades)
        middle = top + ROW // 2
        yield f'<path d="M{begin:.1f} {middle}H{end:.1f}" stroke="{colour}" stroke-width="3"/>'
        yield f'<circle cx="{begin:.1f}" cy="{middle}" r="4" fill="{colour}"/>'


def _x(seconds: float, decades: tuple[int, int]) -> float:
    low, high = decades
    return LINES_AT + LINES * (log10(seconds) - low) / max(1, high - low)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}">{escape(words)}</text>'
