"""The process for the disk, with a real one, and with calls that say when they may go on.

- What it is told to do is done to its end, and what it may not do is refused as on the loop.
- It ends with the daemon, and the store is locked until it has.
- When it is gone, or does not know what it did, nobody is told that all is well.
"""

import logging
import os
import signal
import socket
from contextlib import closing, contextmanager
from errno import EAGAIN, EDQUOT, EIO
from pathlib import Path

import pytest
import trio
from forked import Faulty, forked, together
from trio.testing import wait_all_tasks_blocked

from cubbyd.errors import DiskProcessError, IntegrityError, StartError, StorageFullError, StoreError
from cubbyd.store import files as files_module
from cubbyd.store.batch import FileChange
from cubbyd.store.disk_messages import job_message
from cubbyd.store.disk_process import DiskProcess
from cubbyd.store.disk_worker import RECEIVED_BYTES
from cubbyd.store.files import DiskFiles

# From 3.12 on Python warns of a fork where there are threads, as trio's and pytest's here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "store"


async def test_changes_are_carried_out_in_their_order(directory):
    with forked(directory) as (files, disk):
        assert await disk.carry_out([FileChange("a", b"1"), FileChange("b", b"2")]) is None
        assert await disk.carry_out([FileChange("b", None), FileChange("a", b"3")]) is None

        assert (files.read("a"), files.read("b")) == (b"3", None)


@pytest.mark.parametrize("size", [0, RECEIVED_BYTES, 5 * 1024 * 1024])
async def test_what_is_longer_than_a_sockets_buffer_gets_there(directory, size):
    data = os.urandom(size)
    with forked(directory) as (files, disk):
        await disk.carry_out([FileChange("a", data)])
        await disk.carry_out([FileChange("b", data), FileChange("c", b"1")])

        assert [files.read(name) for name in "abc"] == [data, data, b"1"]


async def test_a_refusal_is_told_as_on_the_loop(directory):
    def full_at_second(files):
        return Faulty(files, fails_at=2, errno=EDQUOT)

    with forked(directory, wrong=full_at_second) as (files, disk):
        results = await together(disk, [[FileChange(name, b"x")] for name in "abc"])

        assert [type(each) for each in results] == [type(None), StorageFullError, type(None)]
        assert results[1].messages == StorageFullError().messages
        assert (files.read("b"), files.read("c")) == (None, b"x")


async def test_a_disk_that_will_not_sync_a_file_is_told_as_on_the_loop(directory):
    with forked(directory, wrong=lambda files: Faulty(files, fails_at=2, errno=EIO)) as (_, disk):
        refused = await disk.carry_out([FileChange("a", b"x")])

        assert isinstance(refused, IntegrityError)
        assert "the store cannot be read or written" in str(refused)


async def test_of_a_directory_that_is_not_synced_nobody_knows_anything(directory):
    with (
        forked(directory, wrong=lambda files: Faulty(files, fails_at=4)) as (_, disk),
        pytest.raises(StoreError, match="directory cannot be synced"),
    ):
        await disk.carry_out([FileChange("a", b"x")])


async def test_nor_after_a_bug(directory):
    class Broken(Faulty):
        def publish(self, _staged, _name):
            raise ZeroDivisionError

    with (
        forked(directory, wrong=Broken) as (_, disk),
        pytest.raises(StoreError, match="a bug in carrying changes out: ZeroDivisionError"),
    ):
        await disk.carry_out([FileChange("a", b"x")])


async def test_nor_when_it_ends_of_itself(directory, capfd):
    """For want of memory, say; then it says why, since nobody else can."""

    class Starved(Faulty):
        def publish(self, _staged, _name):
            raise SystemExit

    with (
        logging_to_standard_error(),
        forked(directory, wrong=Starved) as (_, disk),
        pytest.raises(DiskProcessError, match="has ended"),
    ):
        await disk.carry_out([FileChange("a", b"x")])

    said = capfd.readouterr().err
    assert said == "the process that writes to the disk ends: SystemExit\n"


@contextmanager
def logging_to_standard_error():
    """To the descriptor, which is all that the other process keeps."""
    with os.fdopen(2, "w", closefd=False) as stream:
        handler = logging.StreamHandler(stream)
        logging.getLogger("cubbyd").addHandler(handler)
        try:
            yield
        finally:
            logging.getLogger("cubbyd").removeHandler(handler)


async def test_nor_when_it_is_gone(directory):
    with forked(directory) as (_, disk):
        await disk.carry_out([FileChange("a", b"1")])
        os.kill(disk.pid, signal.SIGKILL)

        for _ in range(2):
            with pytest.raises(DiskProcessError, match="has ended"):
                await disk.carry_out([FileChange("a", b"2")])


async def test_nor_when_it_goes_in_the_midst(directory, nursery):
    with forked(directory) as (_, disk):
        os.kill(disk.pid, signal.SIGSTOP)
        nursery.start_soon(kill_when_blocked, disk.pid)

        with pytest.raises(DiskProcessError, match="has ended"):
            await disk.carry_out([FileChange("a", b"1" * 10**6)])


async def kill_when_blocked(pid):
    await wait_all_tasks_blocked()
    os.kill(pid, signal.SIGKILL)


def test_a_system_without_a_process_to_give_is_an_error_at_the_start(directory, monkeypatch):
    def fork():
        raise BlockingIOError(EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(StartError, match="TasksMax="), forked(directory):
        raise AssertionError("forked")


# -- as long as the daemon, and a little longer


@pytest.mark.parametrize("each", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
async def test_what_stops_the_daemon_does_not_stop_it(directory, each):
    with forked(directory) as (_, disk):
        await disk.carry_out([FileChange("a", b"1")])
        os.kill(disk.pid, each)

        assert await disk.carry_out([FileChange("a", b"2")]) is None


def test_the_store_is_locked_until_it_has_ended(directory, monkeypatch):
    monkeypatch.setattr(files_module, "LOCK_TRIES", 2)
    with closing(DiskFiles(directory)) as second:
        with closing(DiskFiles(directory)) as first, first.locked():
            disk = DiskProcess(first)
            os.kill(disk.pid, signal.SIGSTOP)

        with pytest.raises(StartError, match="another cubbyd has the store"), second.locked():
            raise AssertionError("both have it")

        os.kill(disk.pid, signal.SIGCONT)
        disk.close()
        with second.locked():
            pass


async def test_it_has_nothing_open_of_what_the_daemon_has(directory):
    """A client must not find somebody at the socket of a daemon that has ended."""
    ours, theirs = socket.socketpair()
    with ours, forked(directory) as (files, disk):
        theirs.close()
        await disk.carry_out([])

        ours.settimeout(30)
        assert ours.recv(1) == b""
        kept = {what for fd, what in opened_by(os.getpid()).items() if fd in files.descriptors}
        others = {what for fd, what in opened_by(disk.pid).items() if fd > 2}
        assert kept < others
        assert len(others - kept) == 1


def opened_by(pid):
    """What a process has open, by descriptor."""
    links = [*Path(f"/proc/{pid}/fd").iterdir()]
    return {int(each.name): str(each.readlink()) for each in links if each.is_symlink()}


async def test_it_ends_without_a_word_where_its_answer_is_not_read(directory, capfd):
    with logging_to_standard_error(), forked(directory) as (_, disk):
        message = job_message([FileChange("a", b"x")])
        disk._socket.send(message)  # noqa: SLF001 - as a daemon that is killed
        await trio.lowlevel.wait_readable(disk._socket)  # noqa: SLF001
        disk._socket.close()  # noqa: SLF001

        _, status = await trio.to_thread.run_sync(os.waitpid, disk.pid, 0)

    assert (status, capfd.readouterr().err) == (0, "")
