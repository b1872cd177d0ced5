"""What cubbyd costs with 100,000 live tokens: ``python bench/size.py`` prints a table.

Real daemons and real files; other programs on the machine disturb it, so what matters are the
ratios within one run. ``--tokens`` makes it quicker.
"""

import argparse
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep, time

from daemon_process import Daemon, Place, a_daemon, a_place
from population import Population, in_turn, populate, sample, survivors
from probe import KINDS, Probe, Times

from cubbyd import codec
from cubbyd.client import calls
from cubbyd.messages import Operation
from cubbyd.secret import Secret

VALUE = {"password": "x" * 100}
FEW = 100
"""Tokens of the store to compare with."""


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--turns", type=int, default=1000, help="requests of each kind")
    parser.add_argument("--only", choices=SCENARIOS, action="append")
    options = parser.parse_args()
    for name in options.only or SCENARIOS:
        SCENARIOS[name](options.dir, options.tokens, options.turns)


def requests_among_many(directory: Path, tokens: int, turns: int) -> None:
    """Start, index, and requests beside those of a daemon with few tokens; then LIST and tidy."""
    with ExitStack() as stack:
        few, many = (stack.enter_context(a_place(directory)) for _ in range(2))
        small, large = populate(few, FEW), _timed("building the store", populate, many, tokens)
        other = stack.enter_context(a_daemon(few, small.lasting[0]))
        daemon = stack.enter_context(a_daemon(many, large.lasting[0]))
        row(
            "first answer after the start of the process",
            f"{daemon.first_answer_after:.2f} s, {daemon.cpu_seconds():.2f} s of CPU",
        )
        anyone = in_turn(large.lasting)
        meanwhile = _while_indexing(daemon, anyone)
        row("memory when all is indexed", f"{daemon.resident_mib():.0f} MiB")
        for what, choice in (("any token", anyone), ("the same 100", in_turn(large.lasting[:FEW]))):
            _compare(what, Side(other, in_turn(small.lasting)), Side(daemon, choice), turns)
        with Probe(many, anyone) as probe:
            quiet = Times()
            probe.turns(quiet, turns)
        beside("while indexing", quiet, meanwhile)
        row("memory after the requests", f"{daemon.resident_mib():.0f} MiB")
        _list_and_tidy(daemon, anyone, quiet)
        row(
            "memory at the end, and at its highest",
            f"{daemon.resident_mib():.0f} MiB, {daemon.peak_mib():.0f} MiB",
        )


def _while_indexing(daemon: Daemon, tokens: Iterator[Secret]) -> Times:
    times = Times()
    with Probe(daemon.place, tokens) as probe:
        probe.turns_until(times, lambda: tidy(daemon.place))
    row("indexed after the start", f"{monotonic() - daemon.started_at:.2f} s")
    _settle(daemon.place)
    return times


def tidy(place: Place) -> bool:
    """Begin a tidying, unless one is going on, as it is while a store is being indexed."""
    with place.client() as client:
        answer = client.perform(calls.request(Operation.WRITE, "auth/token/tidy"))
    return answer.status is not None


def _settle(place: Place) -> None:
    """Wait until a tidying is over: begin them until one must have ended, and that last one."""
    while not tidy(place):
        sleep(0.05)
    sleep(3)


class Side:
    """One of two daemons that are asked the same, in alternation."""

    def __init__(self, daemon: Daemon, tokens: Iterator[Secret]) -> None:
        self._daemon = daemon
        self.probe = Probe(daemon.place, tokens)
        self.times = Times()
        self.cpu = dict.fromkeys(KINDS, 0.0)

    def ask(self, kind: str, count: int) -> None:
        """So many requests."""
        before = self._daemon.cpu_seconds()
        self.probe.ask(kind, self.times, count)
        self.cpu[kind] += self._daemon.cpu_seconds() - before


def _compare(what: str, base: Side, other: Side, turns: int) -> None:
    with base.probe, other.probe:
        for side in (base, other):
            side.probe.turns(Times(), turns // 10)
        for _ in range(turns // 25):
            for kind in KINDS:
                base.ask(kind, 25)
                other.ask(kind, 25)
    for kind in KINDS:
        before, after = base.times.median(kind), other.times.median(kind)
        row(
            f"{kind}, {what}: with {FEW} tokens, with all",
            f"{before:.0f} us, {after:.0f} us: {after / before:.2f} times; "
            f"of the daemon's CPU {_each(base, kind):.0f} us, {_each(other, kind):.0f} us: "
            f"{other.cpu[kind] / base.cpu[kind]:.2f} times",
        )


def _each(side: Side, kind: str) -> float:
    """Microseconds of a daemon's CPU for one request."""
    return side.cpu[kind] / len(side.times.by_kind[kind]) * 1e6


def _list_and_tidy(daemon: Daemon, tokens: Iterator[Secret], quiet: Times) -> None:
    for what, event in (("LIST accessors", _list), ("tidy", tidy)):
        times = Times()
        with Probe(daemon.place, tokens) as probe:
            process = multiprocessing.Process(target=event, args=(daemon.place,))
            process.start()
            probe.turns_until(times, partial(_has_ended, process, monotonic() + 2), every=1)
        beside(f"while {what}", quiet, times)


def _has_ended(process: multiprocessing.Process, not_before: float) -> bool:
    return not process.is_alive() and monotonic() > not_before


def _list(place: Place) -> None:
    with place.client() as client:
        began = perf_counter()
        keys = client.list_accessors()
        row("LIST accessors", f"{len(keys)} keys in {perf_counter() - began:.2f} s")
        for _ in range(4):
            client.list_accessors()


def revoked_tree(directory: Path, tokens: int, turns: int) -> None:
    """Half of all tokens descend from one, which is revoked."""
    with a_place(directory) as place:
        people = _timed("building the store", populate, place, tokens, tree=tokens // 2)
        with a_daemon(place, people.lasting[0]) as daemon:
            _settle(place)
            quiet = _quiet(daemon, people, turns)
            with place.client(people.root) as client:
                client.revoke_self()
            _until_gone(daemon, people, quiet, f"revoking a tree of {len(people.doomed)}")


def mass_expiry(directory: Path, tokens: int, turns: int) -> None:
    """Half of all tokens expire in one second."""
    deadline = time() + 40 + tokens / 1000
    with a_place(directory) as place:
        people = _timed(
            "building the store", populate, place, tokens, expiring=tokens // 2, deadline=deadline
        )
        with a_daemon(place, people.lasting[0]) as daemon:
            _settle(place)
            quiet = _quiet(daemon, people, turns)
            row("seconds left until the deadline", f"{deadline - time():.0f}")
            sleep(max(0, deadline - time()))
            _until_gone(daemon, people, quiet, f"expiry of {len(people.doomed)}")


def _quiet(daemon: Daemon, people: Population, turns: int) -> Times:
    times = Times()
    with Probe(daemon.place, in_turn(people.lasting)) as probe:
        probe.turns(times, turns)
    return times


def _until_gone(daemon: Daemon, people: Population, quiet: Times, what: str) -> None:
    some, times, began = sample(people.doomed), Times(), monotonic()
    with Probe(daemon.place, in_turn(people.lasting)) as probe:
        while survivors(daemon.place, some):
            probe.turns_until(times, lambda: not survivors(daemon.place, some))
    row(f"{what}: the last file is gone after", f"{monotonic() - began:.2f} s")
    if left := survivors(daemon.place, people.doomed):
        row("files left then, that soon follow", f"{left}")
    beside(f"{what}", quiet, times)
    row("memory after it", f"{daemon.resident_mib():.0f} MiB")


def large_cubbyhole(directory: Path, _: int, turns: int) -> None:
    """What a write costs by the size of the cubbyhole that it lies in."""
    for keys in (1, 10, 100, 1000, 5000):
        contents = {f"key-{number:04}": codec.encode({**VALUE}) for number in range(keys)}
        with a_place(directory) as place:
            (token,) = populate(place, 1, contents=codec.encode({**contents})).lasting
            with a_daemon(place, token, "key-0000") as daemon, place.client(token) as client:
                found = len(client.list("cubbyhole/"))
                requests: dict[str, Callable[[], object]] = {
                    "write": partial(client.write, "cubbyhole/key-0000", VALUE),
                    "read": partial(client.read, "cubbyhole/key-0000"),
                    "list": partial(client.list, "cubbyhole/"),
                }
                costs = (f"{kind} {_cost(daemon, ask, turns)}" for kind, ask in requests.items())
                row(f"{found} keys, {len(codec.encode({**contents})):,} bytes", "; ".join(costs))


def _cost(daemon: Daemon, ask: Callable[[], object], count: int) -> str:
    taken, before = [], daemon.cpu_seconds()
    for _ in range(count):
        began = perf_counter()
        ask()
        taken.append(perf_counter() - began)
    spent = (daemon.cpu_seconds() - before) / count
    return f"{median(taken) * 1e3:.2f} ms, {spent * 1e3:.2f} ms of CPU"


def beside(what: str, quiet: Times, times: Times) -> None:
    """The p99 of each kind, and how often its quiet value that is."""
    for kind in KINDS:
        before, after = quiet.p99(kind), times.p99(kind)
        row(
            f"p99 of {kind}: quiet, {what}",
            f"{before / 1e3:.2f} ms, {after / 1e3:.2f} ms: {after / before:.1f} times "
            f"(of {len(times.by_kind[kind])}; the worst {times.worst(kind) / 1e3:.1f} ms)",
        )


def _timed(what: str, do: Callable[..., Population], *args: object, **more: object) -> Population:
    began = monotonic()
    made = do(*args, **more)
    row(what, f"{monotonic() - began:.1f} s")
    return made


def row(what: str, figure: str) -> None:
    """One line of the table."""
    print(f"{what:<66} {figure}", flush=True)


SCENARIOS = {
    "requests": requests_among_many,
    "revoke": revoked_tree,
    "expiry": mass_expiry,
    "cubbyhole": large_cubbyhole,
}

if __name__ == "__main__":
    main()
