"""All kinds of requests at once, on the same tokens and on others, called off at every checkpoint.

Whatever was told, and whatever is on disk afterwards, is what some order of the requests makes of
it, one after the other: one in which none stands before another that was answered before it began.
A request that was called off is carried out whole, or not at all. And while the clock goes to and
fro, no token works after somebody was told that it is dead.
"""

import random
from collections.abc import Iterable, Sequence
from itertools import count

import pytest
import trio
from serial_orders import NEVER, Asked, Beginning, Round
from serial_requests import TTL, Request, of_the_cast

from cubbyd.errors import IntegrityError
from cubbyd.messages import Response
from cubbyd.store.commit import Commit

ABOUT_ONE = 4
AT_ONCE = 6
QUICK = range(60)
THOROUGH = range(1000, 1500)
CROWDS = [
    pytest.param(range(10), id="some"),
    pytest.param(range(1000, 1200), id="many", marks=pytest.mark.slow),
]
AT_ANY_MOMENT = {"auth/token/accessors", "sys/key-status"}
"""They do not wait for what is in flight, so among a hundred requests no search finds their place;
among a few it does."""
DEAD = {"permission_denied", "invalid_request", "wrapping_token_invalid"}
FAMILIES = [
    ("root", "child", "grandchild"),
    ("expired", "heir"),
    ("wrapping", "another"),
    ("plain",),
    ("limited",),
    ("last",),
    ("governed",),
]


@pytest.fixture(scope="module")
def beginning():
    """Where all rounds begin."""
    return Beginning()


class Deaf(Commit):
    """Does not hear that a record has a change in flight."""

    def check_settled(self, name):
        pass

    async def carry_out(self, phases, on_durable):
        for number, job in enumerate(phases):
            await self._durable(job)
            on_durable(number)


class Impatient(Commit):
    """Leaves a change half made when whoever wanted it has gone."""

    async def carry_out(self, phases, on_durable):
        for number, job in enumerate(phases):
            await trio.lowlevel.checkpoint()
            await self._durable(job)
            on_durable(number)


class Wavering(Round):
    """The clock is now and then beyond the end of every token, and then right again."""

    def _now(self):
        return super()._now() + self._random.choice([0] * 7 + [2 * TTL])


def drawn_from(requests: Sequence[Request], drawn: random.Random) -> list[Request]:
    """Some that are about the same token, or its family, and some that are about any."""
    family = drawn.choice(FAMILIES)
    about_it = [request for request in requests if any(map(request.is_about, family))]
    some = drawn.choices(about_it, k=ABOUT_ONE)
    some += drawn.choices(requests, k=AT_ONCE - ABOUT_ONE)
    drawn.shuffle(some)
    return some


def some_called_off(drawn: random.Random, numbers: Iterable[int]) -> dict[int, int]:
    """At which checkpoint; hardly any request comes to more than a few."""
    return {number: drawn.randrange(8) for number in numbers if drawn.random() < 0.2}


def disorders(beginning, seed, commit=Commit) -> list[Asked]:
    """Requests drawn by this seed that end as no order of them does; none, if all is well.

    They are asked once and again: the first of them is called off at its first checkpoint, at its
    second, and so on until it is answered before. Others are called off now and then.
    """
    drawn = random.Random(seed)  # noqa: S311 - a known order
    requests = drawn_from(list(of_the_cast(beginning.cast)), drawn)
    others = some_called_off(drawn, range(1, AT_ONCE))
    for checkpoint in count():
        round_ = Round(beginning, f"{seed} {checkpoint}", commit)
        round_.run(requests, {0: checkpoint, **others})
        if not round_.has_a_serial_order:
            return round_.asked
        if any(each.number == 0 and each.outcome for each in round_.asked):
            return []
    raise AssertionError("count never ends")


@pytest.mark.parametrize("seed", QUICK)
def test_requests_at_once_are_as_in_some_order(beginning, seed):
    assert disorders(beginning, seed) == []


@pytest.mark.parametrize("crowds", CROWDS)
def test_one_of_each_kind_at_once_are_as_in_some_order(beginning, crowds):
    requests = [each for each in of_the_cast(beginning.cast) if each.path not in AT_ANY_MOMENT]
    for seed in crowds:
        drawn = random.Random(f"crowd {seed}")  # noqa: S311 - a known order
        drawn.shuffle(requests)
        round_ = Round(beginning, f"crowd {seed}", Commit)

        round_.run(requests, some_called_off(drawn, range(len(requests))))

        assert len(round_.asked) == len(requests) > 95
        assert round_.has_a_serial_order, seed


@pytest.mark.slow
def test_many_more_requests_at_once_are_as_in_some_order(beginning):
    for seed in THOROUGH:
        assert disorders(beginning, seed) == []


@pytest.mark.parametrize("wrong", [Deaf, Impatient])
def test_a_daemon_that_is_wrong_is_found_out(beginning, wrong):
    assert any(is_found_out(beginning, seed, wrong) for seed in QUICK)


def is_found_out(beginning, seed, wrong):
    """By what was answered, or by files that no key opens any more."""
    try:
        return bool(disorders(beginning, seed, wrong))
    except ExceptionGroup as problem:
        if problem.subgroup(IntegrityError) is None:
            raise
        return True


PATHS = ["cubbyhole/x", "auth/token/lookup", "sys/wrapping/lookup", "sys/capabilities"]


@pytest.mark.parametrize("name", ["plain", "grandchild", "governed", "wrapping"])
def test_whom_anybody_met_dead_is_dead_for_those_who_come_later(beginning, name):
    requests = [
        request
        for request in of_the_cast(beginning.cast)
        if request.is_about(name) and request.path in PATHS
    ]
    deaths = 0
    for seed in range(20):
        drawn = random.Random(seed)  # noqa: S311 - a known order
        round_ = Wavering(beginning, f"{name} {seed}", Commit)

        round_.run(drawn.choices(requests, k=12), {})

        dead = [each.ended for each in round_.asked if getattr(each.outcome, "code", None) in DEAD]
        alive = [each.began for each in round_.asked if isinstance(each.outcome, Response)]
        assert max(alive, default=0) < min(dead, default=NEVER)
        deaths += len(dead)

    assert deaths > 20
