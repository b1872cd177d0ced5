"""The daemon and its process for the disk, each of which may end before the other.

- When the daemon is killed, what it had told the other is done, whole, and nobody else has the
  store before; then the other ends as well.
- When the other is killed, nothing is answered as done any more, and the daemon says why it stops.
- What is sent to both stops them in order, and leaves neither.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from real_daemon import PATIENCE, RealDaemon, children, clean_environment, eventually, lives

from cubbyd.client import OutcomeUnknownError, UnavailableError
from cubbyd.messages import Operation, Response
from cubbyd.wire.connection import ClientConnection, Need


@pytest.fixture
def job(tmp_path):
    """A daemon as a shell starts it. (Stopped, its processes are continued when the first ends.)"""
    daemon = RealDaemon(tmp_path, has_own_group=True)
    yield daemon
    daemon.close()


class Pipe:
    """A connection on which writes are sent, whatever becomes of the answers."""

    def __init__(self, daemon, token):
        self._asking = ClientConnection()
        self._token = token
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(daemon.socket))

    def send(self, *numbers):
        frames = b""
        for each in numbers:
            path, data = f"cubbyhole/{each}", {"number": each}
            asked = self._asking.ask(Operation.WRITE, path, token=self._token, data=data)
            frames += asked[1]
        self._socket.sendall(frames)

    def wait_for_an_answer(self):
        self._asking.receive_data(self._socket.recv(1))

    def answers(self):
        """How many were done, when the daemon has gone away."""
        while data := self._socket.recv(65536):
            self._asking.receive_data(data)
        count = 0
        while (event := self._asking.next_event()) is not Need.DATA:
            assert isinstance(event[1], Response)
            count += 1
        return count

    def close(self):
        self._socket.close()


@contextmanager
def stopped(pid):
    """A process that does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if lives(pid):
            os.kill(pid, signal.SIGCONT)


def new_token(daemon):
    with daemon.client() as client:
        return client.create_token(policies=["default"]).client_token


def have_it_take(daemon, pipe, number):
    """Have the daemon take a write, and tell the disk of it, which is slow to answer."""
    pipe.send(number)
    with daemon.client() as client:
        for _ in range(10):  # each answer is a turn of its loop
            client.health()


def read(daemon, token, number):
    with daemon.client(token) as client:
        return client.read(f"cubbyhole/{number}")


def fsck(daemon):
    return subprocess.run(
        [sys.executable, "-m", "cubbyd.cli.serve", *daemon.options(), "fsck"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
        timeout=PATIENCE,
    )


# -- the daemon is killed


def test_with_a_killed_daemon_its_other_process_ends_and_the_store_is_free(daemon):
    """A start waits for that, so one that comes at once is not refused."""
    for _ in range(3):
        assert daemon.start()
        other = daemon.disk_pid

        daemon.process.kill()

        assert daemon.start()
        assert not lives(other)
        daemon.end(signal.SIGKILL)


def test_what_a_killed_daemon_had_told_the_disk_is_done_before_another_starts(daemon):
    daemon.start()
    token, other = new_token(daemon), daemon.disk_pid
    with closing(Pipe(daemon, token)) as pipe:
        with stopped(other):
            have_it_take(daemon, pipe, 1)
            daemon.process.kill()
            daemon.process.wait()

            assert daemon.start() == ""
            status, stderr = daemon.wait()
            assert status == 1
            assert f"another cubbyd has the store {daemon.store}" in stderr

        assert daemon.start()
        assert pipe.answers() == 0
    assert not lives(other)
    assert read(daemon, token, 1) == {"number": 1}
    assert daemon.end() == (0, "")
    looked = fsck(daemon)
    assert (looked.returncode, looked.stderr) == (0, "")
    assert not [path for path in daemon.store.iterdir() if "staged" in path.name]


def test_a_start_waits_for_what_a_killed_daemon_has_left_at_work(daemon):
    daemon.start()
    token, other = new_token(daemon), daemon.disk_pid
    with closing(Pipe(daemon, token)) as pipe, stopped(other):
        have_it_take(daemon, pipe, 1)
        daemon.process.kill()
        daemon.process.wait()

        daemon.begin()
        assert eventually(lambda: has_open(daemon.process, daemon.store / "lock"))
        os.kill(other, signal.SIGCONT)

        assert daemon.process.stdout.readline()
    assert read(daemon, token, 1) == {"number": 1}


def has_open(process, path):
    """Whether a process has a file open, or has ended."""
    if process.poll() is not None:
        return True
    found = Path(f"/proc/{process.pid}/fd").iterdir()
    with suppress(FileNotFoundError):  # it closes others meanwhile
        return any(each.readlink() == path for each in found)
    return False


def test_a_daemon_without_standard_streams_leaves_no_door_open_in_the_other(daemon):
    """Or what it opens first would have their numbers, which the other keeps."""
    command = [sys.executable, *daemon.program, *daemon.options()]
    daemon.process = subprocess.Popen(["/bin/sh", "-c", 'exec "$0" "$@" 0<&- 1>&- 2>&-', *command])
    daemon.started.append(daemon.process)
    assert eventually(lambda: answers(daemon))

    for pid in (daemon.process.pid, daemon.disk_pid):
        first = [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)]
        assert first == ["/dev/null"] * 3


def answers(daemon):
    with suppress(UnavailableError), daemon.client() as client:
        return bool(client.health())


# -- the process for the disk is killed


def test_without_its_process_for_the_disk_the_daemon_reads_and_stops_at_a_change(daemon):
    daemon.start()
    token = new_token(daemon)
    with daemon.client(token) as client:
        client.write("cubbyhole/1", {"number": 1})

        os.kill(daemon.disk_pid, signal.SIGKILL)

        assert client.read("cubbyhole/1") == {"number": 1}
        assert client.health()
        with pytest.raises(OutcomeUnknownError, match="went away"):
            client.write("cubbyhole/1", {"number": 2})
    status, stderr = daemon.wait()
    assert status == 1  # which units restart, as they do not where a sync has failed
    assert "the process that writes to the disk has ended" in stderr
    assert "Traceback" not in stderr
    daemon.start()
    assert read(daemon, token, 1) == {"number": 1}


def test_a_change_in_the_midst_of_which_it_is_killed_is_not_answered(daemon):
    daemon.start()
    token, other = new_token(daemon), daemon.disk_pid
    with closing(Pipe(daemon, token)) as pipe:
        pipe.send(1)
        pipe.wait_for_an_answer()
        with stopped(other):
            have_it_take(daemon, pipe, 2)

            os.kill(other, signal.SIGKILL)

            assert daemon.wait()[0] == 1
        assert pipe.answers() == 1
    daemon.start()
    assert read(daemon, token, 1) == {"number": 1}


# -- both are told to stop


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_stops_both_loses_no_answer_and_leaves_no_process(job, how):
    """systemd sends SIGTERM to all processes of a unit, and a terminal SIGINT to all of a job."""
    job.start()
    group, other = job.process.pid, job.disk_pid
    tokens = [new_token(job) for _ in range(4)]
    pipes = [Pipe(job, token) for token in tokens]
    for pipe in pipes:
        pipe.send(*range(50))
    for pipe in pipes:
        pipe.wait_for_an_answer()

    os.killpg(group, how)

    answers = [pipe.answers() for pipe in pipes]
    assert job.wait() == (0, "")
    assert answers == [50] * 4
    assert not lives(other)
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
    job.start()
    for token in tokens:
        assert read(job, token, 49) == {"number": 49}
    for pipe in pipes:
        pipe.close()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_the_demo_leaves_no_process(tmp_path_factory, ending):
    """Neither Ctrl-C, which goes to all that the terminal knows of, nor a kill of all those."""
    with subprocess.Popen(
        [sys.executable, "-m", "cubbyd.cli.main", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment() | {"TMPDIR": str(tmp_path_factory.mktemp("d"))},
        process_group=0,
    ) as process:
        assert process.stdout.readline().startswith(b"* A daemon serves at ")
        first = children(process.pid)
        both = [*first, *(each for pid in first for each in children(pid))]
        assert len(both) >= 2

        os.killpg(process.pid, ending)

        _, stderr = process.communicate(timeout=PATIENCE)
    assert stderr.strip() == b""
    assert eventually(lambda: not any(map(lives, both)))
