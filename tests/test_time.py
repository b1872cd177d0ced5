"""Clocks that are set, machines that sleep, and the years to come.

A token is dead at its deadline by the clock on the wall, however that came to be so late; who meets
it dead, by any request, ends it for good, wherever the clock goes afterwards; and what nobody met
dead lives by what the clock says now. ``test_reaper`` has what the reaper makes of all this.
"""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import trio
from fakes import EPOCH, MemoryFiles
from house import open_house
from trio.testing import wait_all_tasks_blocked

from cubbyd.errors import RefusedError
from cubbyd.reaper import reap

TTL = 100
ODD_YEARS = {
    "1969": "1969-12-31T23:59:30",
    "1970": "1970-01-01T00:00:00",
    "midnight": "2026-11-22T23:59:30",
    "new year": "2026-12-31T23:59:30",
    "summer time": "2027-03-28T00:59:30",
    "leap day": "2028-02-28T23:59:30",
    "2038": "2038-01-19T03:13:30",
    "2100": "2100-02-28T23:59:30",
    "2106": "2106-02-07T06:27:30",
    "year 9999": "9999-12-31T23:57:00",
}


class Wall:
    """A clock that goes only when it is set, as while a machine sleeps: trio's stands still."""

    def __init__(self, now=EPOCH):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def wall():
    return Wall()


@asynccontextmanager
async def waking(wall, files=None):
    """A house with a reaper, who is asleep for a minute by trio's clock when the wall's is set."""
    async with (
        open_house(MemoryFiles() if files is None else files, clock=wall) as house,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(reap, house.store, wall)
        await wait_all_tasks_blocked()
        yield house
        nursery.cancel_scope.cancel()


class Family:
    """A token, its child, and a wrapped secret; all end at one moment."""

    def __init__(self, house):
        self.house = house

    async def found(self):
        self.token = await self.house.token("root", ttl=TTL)
        self.child = await self.house.token("root", parent=self.token, ttl=10 * TTL)
        self.wrapping = await self.house.wrapped({"k": "secret"}, ttl=TTL)
        self.tokens = {"token": self.token, "child": self.child, "wrapping": self.wrapping}
        return self

    def ask(self, *request, name=None, by=None):
        """A request about one of the tokens, or by one of them."""
        data = None if name is None else {"token": self.tokens[name]}
        if request[1].endswith("accessor"):
            data = {"accessor": self.house.accessor(self.tokens[name])}
        if request[1] == "sys/capabilities":
            data["path"] = "x"
        token = None if by is None else self.tokens[by]
        return partial(self.house.owner.ask, *request, data, token=token)


MEETINGS = {
    "lookup": ("token", ["write", "auth/token/lookup"], "name"),
    "lookup by accessor": ("token", ["write", "auth/token/lookup-accessor"], "name"),
    "use": ("token", ["read", "auth/token/lookup-self"], "by"),
    "renewal": ("token", ["write", "auth/token/renew"], "name"),
    "renewal by itself": ("token", ["write", "auth/token/renew-self"], "by"),
    "renewal by accessor": ("token", ["write", "auth/token/renew-accessor"], "name"),
    "revocation": ("token", ["write", "auth/token/revoke"], "name"),
    "revocation alone": ("token", ["write", "auth/token/revoke-orphan"], "name"),
    "capabilities": ("token", ["write", "sys/capabilities"], "name"),
    "reading": ("token", ["read", "cubbyhole/x"], "by"),
    "creating": ("token", ["write", "auth/token/create"], "by"),
    "child": ("child", ["write", "auth/token/lookup"], "name"),
    "use of a child": ("child", ["read", "cubbyhole/x"], "by"),
    "wrapping lookup": ("wrapping", ["write", "sys/wrapping/lookup"], "name"),
    "unwrapping": ("wrapping", ["write", "sys/wrapping/unwrap"], "name"),
    "unwrapping by itself": ("wrapping", ["write", "sys/wrapping/unwrap"], "by"),
    "rewrapping": ("wrapping", ["write", "sys/wrapping/rewrap"], "name"),
    "response": ("wrapping", ["read", "cubbyhole/response"], "by"),
}


@pytest.mark.parametrize("meeting", MEETINGS.values(), ids=MEETINGS)
async def test_who_was_met_dead_is_dead_wherever_the_clock_goes(wall, meeting):
    """The machine slept past the deadline; then the clock is set back, and the daemon restarted."""
    name, request, role = meeting
    files = MemoryFiles()
    async with waking(wall, files) as house:
        family = await Family(house).found()
        ask = family.ask(*request, **{role: name})

        wall.now = EPOCH + TTL
        refused = await _outcome(ask)
        met = family.tokens[name]
        assert not house.has_file(met)
        assert isinstance(refused, RefusedError) or request[1] == "auth/token/revoke"
        for now in (EPOCH, EPOCH - 10**9, EPOCH + TTL, EPOCH + 1):
            wall.now = now
            assert not await house.is_alive(met)

    wall.now = EPOCH
    async with waking(wall, files) as house:
        assert not await house.is_alive(met)


async def _outcome(ask):
    try:
        return await ask()
    except RefusedError as refused:
        return refused


@pytest.mark.parametrize("name", ["token", "child", "wrapping"])
async def test_the_reaper_meets_the_dead_too(wall, name, autojump_clock):
    async with waking(wall) as house:
        family = await Family(house).found()

        wall.now = EPOCH + TTL
        await trio.sleep(61)
        wall.now = EPOCH

        assert not await house.is_alive(family.tokens[name])


async def test_a_token_that_nobody_met_dead_lives_when_the_clock_is_set_right(wall):
    """A clock that was wrong for a moment has cost nothing that was not looked at then."""
    async with waking(wall) as house:
        family = await Family(house).found()

        wall.now = EPOCH + TTL
        wall.now = EPOCH + TTL - 1

        assert [await house.is_alive(each) for each in family.tokens.values()] == [True] * 3


@pytest.mark.parametrize("days", [1, 365, 50 * 365])
async def test_before_they_were_made_tokens_do_all_that_they_do(wall, days):
    """The clock was set back to before they were made; what they were given is not cut by it."""
    async with waking(wall) as house:
        family = await Family(house).found()

        wall.now = EPOCH - days * 24 * 3600
        looked_up = await family.ask("write", "auth/token/lookup", name="token")()
        renewed = await family.ask("write", "auth/token/renew", name="token")()
        await family.ask("write", "sys/wrapping/rewrap", name="wrapping")()

        assert looked_up.data["ttl"] == days * 24 * 3600 + TTL
        assert renewed.auth.lease_duration == TTL
        wall.now += TTL
        assert not await house.is_alive(family.token)


@pytest.mark.parametrize("moment", ODD_YEARS.values(), ids=ODD_YEARS)
async def test_in_any_year_a_token_lives_up_to_its_deadline(wall, moment):
    """Over midnight, the end of a year, the end of 32 bits; in the files, and as it is told."""
    began = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    wall.now = began.timestamp()
    files = MemoryFiles()
    async with waking(wall, files) as house:
        family = await Family(house).found()
        renewable = await house.token(ttl=TTL // 2)
        wall.now += 10
        await house.owner.ask(
            "write", "auth/token/renew", {"token": renewable, "increment": TTL - 10}
        )
        family.tokens["renewed"] = renewable

    async with waking(wall, files) as house:
        family.house = house
        for name in ("token", "renewed"):
            told = await family.ask("write", "auth/token/lookup", name=name)()
            assert _instant(told.data["expire_time"]) == began + timedelta(seconds=TTL)
            assert _instant(told.data["issue_time"]) == began
            assert told.data["ttl"] == TTL - 10
        wrapped = await family.ask("write", "sys/wrapping/lookup", name="wrapping")()
        assert _instant(wrapped.data["creation_time"]) == began

        wall.now = began.timestamp() + TTL - 0.001
        assert all([await house.is_alive(each) for each in family.tokens.values()])
        wall.now = began.timestamp() + TTL
        assert not any([await house.is_alive(each) for each in family.tokens.values()])


def _instant(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("moment", [253_402_300_700.0, 1e15, -1e12])
async def test_a_clock_that_is_out_of_its_mind_stops_nobody(wall, moment):
    """Beyond the last year that has a name, or before the first."""
    wall.now = moment
    async with waking(wall) as house:
        family = await Family(house).found()
        await family.ask("write", "auth/token/renew", name="token")()
        told = await family.ask("write", "auth/token/lookup", name="token")()
        assert told.data["ttl"] == TTL

        wall.now += 2 * TTL
        assert not await house.is_alive(family.token)


async def test_whole_seconds_are_a_clock_too(wall):
    """What is written is what is read: integers stay what they are."""
    wall.now = int(EPOCH)
    files = MemoryFiles()
    async with waking(wall, files) as house:
        family = await Family(house).found()

    async with waking(wall, files) as house:
        assert await house.is_alive(family.token)
        wall.now += TTL
        assert not await house.is_alive(family.token)
