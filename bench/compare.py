"""cubbyd beside a real OpenBao and beside what the machine allows: ``python bench/compare.py``.

In one run, in turn and again and again: cubbyd, an OpenBao with raft storage on the same disk, a
bare echo of the same frames, the bare system calls of the same durable change, and a server that
does the least. What matters are the ratios, of which each round gives one. docs/performance.md says
how to read the tables.
"""

import argparse
import signal
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from machine import Stolen, described
from measure import Plan, run
from picture import drawn
from report import Report, put_into
from workloads import WORKLOADS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    """Measure, print, and keep what was asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the servers would stay
    options = _options()
    report = Report.read(options.read) if options.read else _measured(_plan(options))
    sys.stdout.write(report.tables() + "\n")
    if options.json:
        report.write(options.json)
    if options.svg:
        options.svg.write_text(drawn(report))
    if options.docs and report.plan["live tokens"]:
        put_into(DOCS / "performance.md", report.tables(), "table with many tokens")
    elif options.docs:
        put_into(DOCS / "performance.md", report.tables())
        (DOCS / "performance.svg").write_text(drawn(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a minute, to see that all of it works")
    add("--only", action="append", choices=WORKLOADS, help="one kind of work; may be repeated")
    add("--clients", type=int, action="append", help="1, 4 and 16 unless given; may be repeated")
    add("--rounds", type=int, help="of every side in turn")
    add("--seconds", type=float, help="of one slice")
    add("--rest", type=float, help="seconds before each slice in which nobody is at work")
    add("--tokens", type=int, help="live ones besides those in use, such as 100000")
    add("--wraps", type=int, help="live ones when the memory is looked at; 0: do not look")
    add("--dir", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure")
    add("--json", type=Path, metavar="FILE", help="where to write all figures")
    add("--svg", type=Path, metavar="FILE", help="where to draw them")
    add("--read", type=Path, metavar="FILE", help="measure nothing: show what --json wrote")
    add("--docs", action="store_true", help="put tables and picture into docs/")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan(directory=options.dir)
    if options.quick:
        plan = replace(plan, clients=(1, 4), rounds=2, seconds=0.1, warm_up=0.05, wraps=200)
    asked = {
        name: getattr(options, name) for name in ("rounds", "seconds", "rest", "tokens", "wraps")
    }
    given = {name: value for name, value in asked.items() if value is not None}
    lists = {"workloads": options.only, "clients": options.clients}
    given |= {name: tuple(values) for name, values in lists.items() if values}
    return replace(plan, **given)


def _measured(plan: Plan) -> Report:
    machine, stolen = described(plan.directory), Stolen()
    began = time.monotonic()
    measured, memory = run(plan, partial(_say, began))
    told = {
        "rounds": plan.rounds,
        "seconds of a slice": plan.seconds,
        "of rest before it": plan.rest,
        "live tokens": plan.tokens,
        "live wraps": plan.wraps,
    }
    machine["kept by the host"] = stolen.share()
    return Report(machine=machine, plan=told, measured=measured, memory=memory)


def _say(began: float, words: str) -> None:
    sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {words}\n")


if __name__ == "__main__":
    main()
