"""What must be reached: ratios of two sides in one run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from measure import Measured
from workloads import WORKLOADS


@dataclass(frozen=True, kw_only=True)
class Goal:
    """cubbyd's figure over that of another side, with so many clients.

    A third side may be held to it as well.
    """

    workload: str
    words: str
    figure: str = "rate"
    against: str = "openbao"
    bound: float
    at_least: bool = True
    clients: tuple[int, int] = (1, 1000)
    """From and to."""

    def title(self) -> str:
        """The goal as one reads it."""
        return f"{WORKLOADS[self.workload].title}: {self.words}"

    def is_met_by(self, value: float) -> bool:
        """Whether it is good enough."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True)
class Ratio:
    """Of two sides in each round."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.least)} to {_short(self.most)})"


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


_ONE, _MORE = (1, 1), (2, 1000)


def _p99(workload: str) -> Goal:
    words = "at most 1/2 of OpenBao's p99"
    return Goal(workload=workload, figure="p99", words=words, bound=0.5, at_least=False)


def _times(workload: str, bound: float, clients: tuple[int, int] = (1, 1000)) -> Goal:
    who = {_ONE: ", one client", _MORE: ", more clients"}.get(clients, "")
    words = f"at least {bound:g} x OpenBao{who}"
    return Goal(workload=workload, words=words, bound=bound, clients=clients)


def _share(workload: str, against: str, bound: float) -> Goal:
    whole = {"echo": "the echo", "bare": "the bare system calls"}[against]
    words = f"at least {bound:.0%} of {whole}"
    return Goal(workload=workload, words=words, against=against, bound=bound)


GOALS = (
    _times("read", 3),
    Goal(
        workload="read",
        figure="server_cpu",
        words="at most 1/4 of OpenBao's CPU",
        bound=0.25,
        at_least=False,
    ),
    _share("read", "echo", 0.65),
    _p99("read"),
    _share("pipelined", "echo", 0.45),
    _p99("lookup-self"),
    _times("write", 2.5, _ONE),
    _times("write", 1.5, _MORE),
    _share("write", "bare", 0.5),
    _p99("write"),
    _times("wrap", 15, _ONE),
    _times("wrap", 12, _MORE),
    _share("wrap", "bare", 0.5),
    _p99("wrap"),
    _times("token", 5),
    _p99("token"),
    _times("http-read", 1.5),
    _p99("http-read"),
    _times("http-wrap", 8),
    _p99("http-wrap"),
    Goal(
        workload="cli",
        figure="median",
        words="at most 0.7 x `bao unwrap`",
        bound=0.7,
        at_least=False,
    ),
)
MEMORY_GOALS = {"idle": 0.5, "after the run": 0.5, "with live wraps": 0.2}
"""At most so much of OpenBao's."""
OF_RATE = tuple(goal for goal in GOALS if goal.figure == "rate")


def ratio(
    goal: Goal, measured: Sequence[Measured], clients: int, *, side: str = "cubbyd"
) -> Ratio | None:
    """What that side reached; None where it was not measured or nothing is asked."""
    if not goal.clients[0] <= clients <= goal.clients[1]:
        return None
    found = {
        each.side: each
        for each in measured
        if each.workload == goal.workload and each.clients == clients
    }
    if not {side, goal.against} <= found.keys():
        return None
    pairs = zip(found[side].rounds, found[goal.against].rounds, strict=True)
    values = [getattr(its, goal.figure) / getattr(theirs, goal.figure) for its, theirs in pairs]
    return Ratio(median(values), min(values), max(values))


def verdicts(
    measured: Sequence[Measured],
    clients: Sequence[int],
    *,
    goals: Sequence[Goal] = GOALS,
    side: str = "cubbyd",
) -> Iterator[tuple[str, dict[int, Ratio], bool]]:
    """Each goal that was looked at: its words, the ratios by number of clients, and if all do."""
    for goal in goals:
        found = {number: ratio(goal, measured, number, side=side) for number in clients}
        known = {number: each for number, each in found.items() if each is not None}
        if known:
            met = all(goal.is_met_by(each.median) for each in known.values())
            yield goal.title(), known, met
