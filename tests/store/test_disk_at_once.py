"""The process for the disk with many at once: what goes together, and who is told what.

- What comes while it is busy is carried out next, whatever the daemon does meanwhile.
- Each is told of its own change and no other, whoever is cancelled and whatever is refused.
- After a failure nothing more is carried out, and all who wait are told that nobody knows.
"""

import os
import signal
from random import Random

import pytest
import trio
from forked import Faulty, forked, together
from trio.testing import wait_all_tasks_blocked

from cubbyd.errors import DiskProcessError, IntegrityError, StoreError
from cubbyd.store import disk_process
from cubbyd.store.batch import FileChange
from cubbyd.store.disk_worker import RECEIVED_BYTES

# From 3.12 on Python warns of a fork where there are threads, as trio's and pytest's here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")

SECONDS = 30


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def calls(tmp_path):
    """Where the other process tells what it does."""
    return tmp_path / "calls"


def telling(calls):
    """A directory that writes down what is done to it."""

    class Telling(Faulty):
        def _may_fail(self, call):
            with calls.open("a") as told:
                told.write(f"{call}\n")

    return Telling


@pytest.mark.parametrize(("count", "size"), [(50, 1), (30, 3000)])
async def test_many_changes_are_made_with_one_sync(directory, calls, count, size):
    """Also where they are more than is received at once; a socket holds twice as much."""
    jobs = [[FileChange(f"{number}", bytes([number]) * size)] for number in range(count)]
    assert size == 1 or RECEIVED_BYTES < count * size < 2 * RECEIVED_BYTES
    with forked(directory, wrong=telling(calls)) as (files, disk):
        assert await together(disk, jobs) == [None] * count

        assert [files.read(change.name) for [change] in jobs] == [job[0].data for job in jobs]
    assert calls.read_text().split().count("sync") == 1


async def test_they_are_made_in_the_order_in_which_they_came(directory):
    jobs = [[FileChange("a", b"1")], [FileChange("a", None)], [FileChange("a", b"3")]]
    with forked(directory) as (files, disk):
        assert await together(disk, jobs) == [None] * 3

        assert files.read("a") == b"3"


@pytest.fixture
def gate(tmp_path):
    """What who writes to it lets through."""
    os.mkfifo(tmp_path / "gate")
    return tmp_path / "gate"


def gated(gate, **faulty):
    """A directory that takes nothing until the gate is opened, once."""

    class Gated(Faulty):
        is_open = False

        def stage(self, data):
            if not self.is_open:
                self.is_open = gate.read_bytes() == b"open"
            return super().stage(data)

    return lambda files: Gated(files, **faulty)


async def while_it_is_at_the_first(gate, nursery, carry_out):
    """Have two changes carried out, the second sent while the process is at the first."""
    nursery.start_soon(carry_out, "a")
    await wait_all_tasks_blocked()
    reached = os.open(gate, os.O_WRONLY)  # returns when the process has come to it
    nursery.start_soon(carry_out, "b")
    await wait_all_tasks_blocked()
    os.write(reached, b"open")
    os.close(reached)


async def test_it_does_not_wait_for_the_daemon_between_two(directory, gate):
    async def change(name):
        assert await disk.carry_out([FileChange(name, b"x")]) is None

    with forked(directory, wrong=gated(gate)) as (files, disk), trio.fail_after(SECONDS) as limit:
        async with trio.open_nursery() as nursery:
            await while_it_is_at_the_first(gate, nursery, change)

            while files.read("b") is None:  # nothing here goes on meanwhile
                assert trio.current_time() < limit.deadline
                os.sched_yield()


async def test_after_a_failure_nothing_more_is_carried_out(directory, gate):
    told = []

    async def change(name):
        with pytest.raises(StoreError) as refused:
            await disk.carry_out([FileChange(name, b"x")])
        told.append((name, str(refused.value)))

    with forked(directory, wrong=gated(gate, fails_at=4)) as (files, disk):
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                await while_it_is_at_the_first(gate, nursery, change)
        _, status = await trio.to_thread.run_sync(os.waitpid, disk.pid, 0)

        assert os.waitstatus_to_exitcode(status) == 1
        assert (files.read("a"), files.read("b")) == (b"x", None)
    words = "the store's directory cannot be synced: the disk will not"
    assert sorted(told) == [("a", words), ("b", words)]


async def test_when_it_goes_all_who_wait_are_told(directory):
    """Those who send, those who were sent, and who looks for answers."""
    told = []

    async def change(size):
        with pytest.raises(DiskProcessError, match="has ended"):
            await disk.carry_out([FileChange("a", bytes(size))])
        told.append(size)

    sizes = [1, 2, 10**6, 3, 2 * 10**6]
    with forked(directory) as (_, disk):
        async with trio.open_nursery() as nursery:
            os.kill(disk.pid, signal.SIGSTOP)
            for size in sizes:
                nursery.start_soon(change, size)
                await wait_all_tasks_blocked()
            os.kill(disk.pid, signal.SIGKILL)

    assert sorted(told) == sorted(sizes)


async def test_who_was_alone_takes_nobody_elses_answer(directory, monkeypatch):
    """Who was alone so far may stand still for an answer; not once another has come."""
    monkeypatch.setattr(disk_process, "PATIENCE", 60)
    with forked(directory) as (_, disk), trio.fail_after(SECONDS):
        for _ in range(40):
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    await disk.carry_out([FileChange("a", b"alone")])
                for name in "bc":  # they begin when it waits for room in the socket
                    nursery.start_soon(disk.carry_out, [FileChange(name, bytes(300_000))])
                assert await disk.carry_out([FileChange("a", bytes(300_000))]) is None


async def test_nobody_sends_for_all_others_for_ever(directory):
    """Who has been told goes on, however much others send."""
    done = []
    with forked(directory) as (_, disk), trio.fail_after(SECONDS):

        async def client(name):
            while len(done) < 8 * 16:
                await disk.carry_out([FileChange(f"{name}", bytes(10**5))])
                done.append(name)

        async with trio.open_nursery() as nursery:
            for name in range(16):
                nursery.start_soon(client, name)

    assert all(done.count(name) >= 2 for name in range(16))


async def test_large_changes_at_once_get_there(directory):
    """More than a socket holds, of several who send at once."""
    jobs = [[FileChange(f"{number}", os.urandom(10**6))] for number in range(8)]
    with forked(directory) as (files, disk):
        assert await together(disk, jobs) == [None] * 8

        assert [files.read(change.name) for [change] in jobs] == [job[0].data for job in jobs]


@pytest.mark.parametrize("seed", range(5))
async def test_each_is_told_of_its_own(directory, seed):
    """Refused or not, small or large, cancelled or not."""
    random = Random(seed)  # noqa: S311 - no secret
    with forked(directory) as (files, disk):
        (directory / "full").mkdir()

        async def client(name):
            for number in range(20):
                data = b"%d" % number + bytes(random.choice([0, 100, 10**5]))
                is_refused = random.random() < 0.3
                with trio.CancelScope() as scope:
                    if random.random() < 0.2:
                        scope.cancel()
                    told = await disk.carry_out([FileChange("full" if is_refused else name, data)])
                assert isinstance(told, IntegrityError) == is_refused
                assert is_refused or files.read(name) == data
                if random.random() < 0.3:
                    await trio.lowlevel.checkpoint()

        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                for number in range(12):
                    nursery.start_soon(client, f"{number}")


async def test_a_cancelled_caller_gets_its_answer(directory):
    with forked(directory) as (files, disk), trio.CancelScope() as scope:
        scope.cancel()
        assert await disk.carry_out([FileChange("a", b"1" * 10**6)]) is None
        assert len(files.read("a")) == 10**6
