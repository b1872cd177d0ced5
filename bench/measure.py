"""The measuring itself: slices of time, the sides in alternation, and what came of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import sleep
from typing import Self

from clients import Task
from crew import Crew, Figures, quantile
from peers.bare import Bare
from peers.cubbyd import Cubbyd, cubbyd
from peers.echo import Echo, echo
from peers.least import Least, least
from peers.openbao import OpenBao, openbao
from process_figures import cpu_seconds, resident_mib
from workloads import WORKLOADS, create_token, wrap

Say = Callable[[str], None]
SERVERS = ("cubbyd", "openbao")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure, and for how long."""

    directory: Path
    workloads: tuple[str, ...] = tuple(WORKLOADS)
    clients: tuple[int, ...] = (1, 4, 16)
    rounds: int = 5
    seconds: float = 1.0
    """Of one slice."""
    warm_up: float = 0.25
    """Before each slice."""
    rest: float = 0.0
    """Before that, with nobody at work, for a machine that is given its processors on credit."""
    tokens: int = 0
    """Live ones besides those in use."""
    wraps: int = 20_000
    """Live ones when the memory is looked at last; 0: the memory is not looked at."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One slice. Times are seconds."""

    rate: float
    median: float
    p99: float
    server_cpu: float
    client_cpu: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One side at one kind of work: medians of the rounds, but quantiles of all samples."""

    workload: str
    clients: int
    side: str
    requests: int
    rate: float
    median: float
    p99: float
    server_cpu: float
    client_cpu: float
    rounds: list[Round] = field(default_factory=list)

    @classmethod
    def of(cls, workload: str, clients: int, side: str, slices: list[Figures]) -> Self:
        """What came of these slices."""
        times = sorted(time for each in slices for time in each.times)
        return cls(
            workload=workload,
            clients=clients,
            side=side,
            requests=sum(each.requests for each in slices),
            rate=median(each.rate for each in slices),
            median=quantile(times, 0.5),
            p99=quantile(times, 0.99),
            server_cpu=median(each.server_cpu for each in slices),
            client_cpu=median(each.client_cpu for each in slices),
            rounds=[
                Round(
                    rate=each.rate,
                    median=each.quantile(0.5),
                    p99=each.quantile(0.99),
                    server_cpu=each.server_cpu,
                    client_cpu=each.client_cpu,
                )
                for each in slices
            ],
        )


@dataclass(frozen=True)
class Bench:
    """All sides, running, and the clients."""

    plan: Plan
    crew: Crew
    cubbyd: Cubbyd
    openbao: OpenBao
    echo: Echo
    bare: Bare
    least: Least

    def measure(self, name: str, clients: int) -> list[Measured]:
        """One kind of work, every side in each round."""
        sides = WORKLOADS[name].sides
        slices: dict[str, list[Figures]] = {side: [] for side in sides}
        for _ in range(self.plan.rounds):
            for side in sides:
                slices[side].append(self._slice(side, name, clients))
        return [Measured.of(name, clients, side, slices[side]) for side in sides]

    def _slice(self, side: str, name: str, clients: int) -> Figures:
        pid = getattr(self, side).pid
        cpu = partial(cpu_seconds, pid) if pid else float
        sleep(self.plan.rest)
        with self.crew.on([self._task(side, name, number) for number in range(clients)]) as shift:
            if WORKLOADS[name].door != "cli":
                shift.spend(self.plan.warm_up)
            return shift.spend(self.plan.seconds, cpu)

    def _task(self, side: str, name: str, number: int) -> Task:
        match side:
            case "echo":
                return self.echo.task(self.cubbyd.task(name, number))
            case "least":
                return self.least.task(self.cubbyd.task(name, number))
            case "bare":
                return self.bare.task(name, number)
            case _:
                return getattr(self, side).task(name, number)

    def memory(self) -> dict[str, dict[str, float]]:
        """By server, what it has in memory now, in MiB."""
        sleep(1)  # what was asked for last is over, also what it left to be done behind it
        pids = [getattr(self, side).pid for side in SERVERS]
        return dict(zip(SERVERS, resident_mib(*pids), strict=True))

    def leave_wraps(self, count: int) -> None:
        """So many live wraps at each server."""
        for side in SERVERS:
            self._fill([wrap(getattr(self, side).door(n)) for n in range(self.crew.size)], count)

    def leave_tokens(self, count: int) -> None:
        """So many live tokens at OpenBao; cubbyd's are made as files before it starts."""
        self._fill([create_token(self.openbao.door(n)) for n in range(self.crew.size)], count)

    def _fill(self, tasks: list[Task], count: int) -> None:
        with self.crew.on(tasks) as shift:
            shift.spend(3600, most=-(-count // len(tasks)))


@contextmanager
def a_bench(plan: Plan) -> Iterator[Bench]:
    """Everything started."""
    size = max(plan.clients)
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(size))
        directory = Path(
            stack.enter_context(TemporaryDirectory(prefix="bench-", dir=plan.directory))
        )
        (bare := directory / "bare").mkdir()
        ours = stack.enter_context(cubbyd(directory, size, plan.tokens))
        theirs = stack.enter_context(openbao(directory, size))
        echoing = stack.enter_context(echo(directory))
        limit = stack.enter_context(least(directory, ours.tokens, ours.file_bytes))
        for number in range(size):
            with limit.task(ours.task("write", number)).opened() as (_, turn):
                turn()  # what is read later
        yield Bench(plan, crew, ours, theirs, echoing, Bare(bare, ours.file_bytes), limit)


def run(plan: Plan, say: Say) -> tuple[list[Measured], dict]:
    """Carry the plan out; returns what was measured, and the memory at each time."""
    measured: list[Measured] = []
    memory: dict[str, dict] = {}
    say("starting the servers")
    with a_bench(plan) as bench:
        if plan.tokens:
            say(f"making {plan.tokens} tokens")
            bench.leave_tokens(plan.tokens)
        if plan.wraps:
            memory["idle"] = bench.memory()
        for name in plan.workloads:
            for clients in plan.clients:
                say(f"{name}, {clients} clients")
                measured += bench.measure(name, clients)
        if plan.wraps:
            memory["after the run"] = bench.memory()
            say(f"making {plan.wraps} wraps")
            bench.leave_wraps(plan.wraps)
            memory["with live wraps"] = bench.memory()
    return measured, memory
