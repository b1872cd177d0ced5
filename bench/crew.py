"""The client processes of a benchmark: started once, then given one task after the other."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from time import perf_counter
from typing import Self

from clients import NEVER, Slice, Task, work

HEAD_START = 0.02
"""Seconds for every client to hear when it begins."""


@dataclass(frozen=True)
class Figures:
    """What all clients did together in one slice of time."""

    requests: int
    rate: float
    """Requests a second, or pairs."""
    times: list[float] = field(repr=False)
    """Seconds of each, in order of size."""
    client_cpu: float
    """Seconds of the clients' CPU for each."""
    server_cpu: float
    """Seconds of the server's CPU for each."""

    def quantile(self, share: float) -> float:
        """See ``quantile``."""
        return quantile(self.times, share)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the samples that so large a share of them does not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def figures(slices: Sequence[Slice], weight: int, server_seconds: float) -> Figures:
    """The slices of all clients, put together.

    A client's rate is taken over the time of its own turns: its last one ends after the slice.
    """
    requests = weight * sum(len(each.times) for each in slices)
    return Figures(
        requests=requests,
        rate=sum(weight * len(each.times) / sum(each.times) for each in slices),
        times=sorted(time for each in slices for time in each.times),
        client_cpu=sum(each.cpu_seconds for each in slices) / requests,
        server_cpu=server_seconds / requests,
    )


class Crew:
    """So many client processes, as a context."""

    def __init__(self, size: int) -> None:
        self.size = size
        spawning = multiprocessing.get_context("spawn")  # a fork would bring the parent's memory
        self._ends = [spawning.Pipe() for _ in range(size)]
        self._processes = [
            spawning.Process(target=work, args=(theirs,), daemon=True) for _, theirs in self._ends
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        for _, theirs in self._ends:
            theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        for (ours, _), process in zip(self._ends, self._processes, strict=True):
            ours.close()
            process.terminate()
            process.join()

    @contextmanager
    def on(self, tasks: Sequence[Task]) -> Iterator["Shift"]:
        """One client on each task, each connected and answered once."""
        pipes = [ours for ours, _ in self._ends[: len(tasks)]]
        for pipe, task in zip(pipes, tasks, strict=True):
            pipe.send(task)
        shift = Shift(pipes, tasks[0].weight)
        shift.hear()
        yield shift
        for pipe in pipes:
            pipe.send(None)


class Shift:
    """Clients that are ready to begin."""

    def __init__(self, pipes: Sequence, weight: int) -> None:
        self._pipes = pipes
        self._weight = weight

    def spend(
        self, seconds: float, cpu: Callable[[], float] = float, *, most: int = NEVER
    ) -> Figures:
        """All begin at once and take turns for so long, or so many each.

        Args:
            seconds: How long.
            cpu: Tells the seconds that the server has spent so far.
            most: Turns of each.
        """
        cpu_before = cpu()
        begin = perf_counter() + HEAD_START
        for pipe in self._pipes:
            pipe.send((begin, seconds, most))
        slices = self.hear()
        return figures(slices, self._weight, cpu() - cpu_before)

    def hear(self) -> list:
        """What each says."""
        said = [pipe.recv() for pipe in self._pipes]
        for each in said:
            if isinstance(each, str):
                raise SystemExit(f"a client gave up: {each}")
        return said
