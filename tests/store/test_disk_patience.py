"""How long the loop waits for the disk where it stands, and for whom."""

import os
import signal

import pytest
import trio
from forked import forked
from house import House

from cubbyd.store import disk_process
from cubbyd.store.batch import FileChange
from cubbyd.store.commit import Commit
from cubbyd.store.disk_process import OTHERS_TURN, PATIENCE, RESTRAINT

# From 3.12 on Python warns of a fork where there are threads, as trio's and pytest's here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "store"


class Watched:
    """Whether each answer that was waited for in place had come."""

    def __init__(self, disk, monkeypatch) -> None:
        self.seen = []
        self._wait_in_place = disk._wait_in_place  # noqa: SLF001 - nothing else shows it
        monkeypatch.setattr(disk_process, "PATIENCE", 60)
        monkeypatch.setattr(disk, "_wait_in_place", self.wait_in_place)

    def wait_in_place(self, deadline):
        self.seen.append(self._wait_in_place(deadline))
        return self.seen[-1]


async def test_who_changes_things_alone_is_waited_for_in_place(directory, monkeypatch):
    with forked(directory) as (_, disk):
        watched = Watched(disk, monkeypatch)
        for number in range(3):
            await disk.carry_out([FileChange("a", b"%d" % number)])

    assert watched.seen == [True, True]


class Processor:
    """A clock, an answer that is there after so many looks, and others who take their turn."""

    def __init__(self, disk, monkeypatch) -> None:
        self.now = 0.0
        self.turn = 0.0
        self.looks_left = 0
        self.asleep = []
        monkeypatch.setattr(disk, "_answer", self)
        monkeypatch.setattr(os, "sched_yield", self.sched_yield)
        monkeypatch.setattr(disk_process, "perf_counter", lambda: self.now)

    def poll(self, milliseconds):
        if milliseconds:
            self.asleep.append(milliseconds)
        self.looks_left -= 1
        return self.looks_left < 0

    def sched_yield(self):
        self.now += self.turn


async def test_who_waits_in_place_is_awake_until_the_deadline(directory, monkeypatch):
    with forked(directory) as (_, disk), monkeypatch.context() as patches:
        processor = Processor(disk, patches)
        processor.turn = OTHERS_TURN / 2

        for looks, comes in ((0, True), (3, True), (99, False)):
            processor.looks_left = looks
            deadline = processor.now + 10 * OTHERS_TURN
            assert disk._wait_in_place(deadline) is comes  # noqa: SLF001 - nothing else shows it
            assert processor.now <= deadline + OTHERS_TURN

        assert processor.asleep == []


async def test_where_others_want_the_processor_it_is_left_to_them_for_a_while(
    directory, monkeypatch
):
    with forked(directory) as (_, disk), monkeypatch.context() as patches:
        processor = Processor(disk, patches)

        def wait():
            processor.looks_left = 1
            before = processor.now
            disk._wait_in_place(before + PATIENCE)  # noqa: SLF001 - nothing else shows it
            return processor.now - before

        processor.turn = 0.004
        assert [wait() for _ in range(RESTRAINT)] == [0.004] + [0] * (RESTRAINT - 1)
        assert processor.asleep == [PATIENCE * 1000] * (RESTRAINT - 1)
        processor.turn = OTHERS_TURN / 2
        assert wait() == pytest.approx(OTHERS_TURN / 2)
        assert len(processor.asleep) == RESTRAINT - 1


async def test_of_several_nobody_is(directory, monkeypatch):
    with forked(directory) as (_, disk):
        watched = Watched(disk, monkeypatch)
        commit = Commit(disk.carry_out)

        async def change(name):
            for _ in range(3):
                await commit.carry_out([[FileChange(name, b"x")]], lambda _: None)
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            for name in "ab":
                nursery.start_soon(change, name)

    assert len(watched.seen) <= 2  # of six: the last who is left is alone


async def test_after_a_slow_change_nobody_is_before_it_is_quick_again(directory, monkeypatch):
    with forked(directory) as (_, disk):
        watched = Watched(disk, monkeypatch)

        async def is_waited_for():
            before = len(watched.seen)
            await disk.carry_out([FileChange("a", b"x")])
            return len(watched.seen) > before

        assert [await is_waited_for() for _ in range(2)] == [False, True]
        monkeypatch.setattr(disk_process, "PATIENCE", 0)
        assert [await is_waited_for() for _ in range(2)] == [True, False]
        monkeypatch.setattr(disk_process, "PATIENCE", 60)
        assert [await is_waited_for() for _ in range(2)] == [False, True]


async def test_whoever_reads_is_served_while_one_who_writes_waits_for_a_slow_sync(directory):
    """The first sync that is slow comes when all before were quick."""
    with forked(directory) as (files, disk):
        house = House(files, commit=Commit(disk.carry_out))
        async with house.running():
            mine, yours = await house.token(), await house.token()
            await house.guest.ask("write", "cubbyhole/x", {"is": "yours"}, token=yours)
            stopped, done = trio.Event(), trio.Event()

            async def write():
                for _ in range(4):
                    await house.guest.ask("write", "cubbyhole/x", {"is": "mine"}, token=mine)
                os.kill(disk.pid, signal.SIGSTOP)
                stopped.set()
                await house.guest.ask("write", "cubbyhole/x", {"is": "last"}, token=mine)
                done.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                with trio.fail_after(30):
                    await stopped.wait()
                    for _ in range(100):
                        found = await house.guest.ask("read", "cubbyhole/x", token=yours)
                        assert found.data == {"is": "yours"}
                assert not done.is_set()
                os.kill(disk.pid, signal.SIGCONT)

            found = await house.guest.ask("read", "cubbyhole/x", token=mine)
            assert found.data == {"is": "last"}
