"""Requests of four kinds, one after the other, and how long each took."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import median, quantiles
from time import perf_counter
from typing import Self

from daemon_process import Place

from cubbyd.secret import Secret

KINDS = ("read", "lookup-self", "write", "wrap+unwrap")
SECRET = {"password": "correct horse battery staple"}


class Times:
    """Seconds by kind of request."""

    def __init__(self) -> None:
        self.by_kind: dict[str, list[float]] = defaultdict(list)

    def median(self, kind: str) -> float:
        """Of one kind, in microseconds."""
        return median(self.by_kind[kind]) * 1e6

    def p99(self, kind: str) -> float:
        """Of one kind, in microseconds."""
        return quantiles(self.by_kind[kind], n=100)[98] * 1e6

    def worst(self, kind: str) -> float:
        """Of one kind, in microseconds."""
        return max(self.by_kind[kind]) * 1e6


class Probe:
    """One client that uses many tokens in turn."""

    def __init__(self, place: Place, tokens: Iterator[Secret]) -> None:
        self._client = place.client()
        self._tokens = tokens
        self._kinds: dict[str, Callable[[], object]] = {
            "read": lambda: self._client.read("cubbyhole/secret"),
            "lookup-self": self._client.lookup_self,
            "write": lambda: self._client.write("cubbyhole/secret", SECRET),
            "wrap+unwrap": lambda: self._client.unwrap(self._client.wrap(SECRET, 60).token),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, kind: str, times: Times, count: int = 1) -> None:
        """So many requests of one kind, each with another token."""
        ask = self._kinds[kind]
        for _ in range(count):
            self._client.token = next(self._tokens)
            began = perf_counter()
            ask()
            times.by_kind[kind].append(perf_counter() - began)

    def turns(self, times: Times, count: int) -> None:
        """So many requests of each kind, one after the other."""
        for _ in range(count):
            for kind in KINDS:
                self.ask(kind, times)

    def turns_until(self, times: Times, is_over: Callable[[], bool], *, every: int = 10) -> None:
        """Requests until something has happened; it is looked for after each few."""
        while True:
            self.turns(times, every)
            if is_over():
                return
