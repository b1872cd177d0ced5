"""The daemon under a service manager, which is played here; a real one is asked in ``systemd/``.

- It serves at the sockets it was handed, and leaves them as they are when it ends.
- It says when it serves, reloads and ends, and lives; nothing else.
- SIGHUP takes up what can hold at once, and a wrong file changes nothing.
- Where it was asked to, it ends when nobody has been there for a while.
"""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from real_daemon import PATIENCE, RealDaemon, clean_environment, eventually

from cubbyd.client import Client
from cubbyd.errors import InvalidRequestError

# As systemd does it: put in place after the fork, before the program begins.
STARTER = """
import os, sys
count = int(sys.argv[1])
for place in range(count):
    os.dup2(int(sys.argv[2 + place]), 3 + place, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(count)}
os.execv(sys.executable, [sys.executable, "-m", "cubbyd.cli.serve", *sys.argv[2 + count:]])
"""


class Manager:
    """What a service manager does for one daemon."""

    def __init__(self, directory):
        self.daemon = RealDaemon(directory)
        self.directory = directory
        self.sockets = []
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(str(directory / "notify"))
        self.told.settimeout(PATIENCE)
        self.environment = clean_environment() | {"NOTIFY_SOCKET": str(directory / "notify")}

    def listen(self, name):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(self.directory / name))
        sock.listen()
        self.sockets.append(sock)
        return self.directory / name

    def start(self, *options, names=None):
        if names is not None:
            self.environment["LISTEN_FDNAMES"] = names
        fds = [each.fileno() for each in self.sockets]
        starter = ["-c", STARTER, str(len(fds)), *map(str, fds)]
        self.daemon.process = subprocess.Popen(
            [sys.executable, *starter, *self.daemon.options(), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            pass_fds=fds,
            text=True,
        )
        self.daemon.started.append(self.daemon.process)

    def configure(self, text):
        self.daemon.options()
        (self.directory / "cubbyd.toml").write_text(text)

    def hear(self):
        """The next message, but for signs of life."""
        while (message := self.told.recv(4096).decode()) == "WATCHDOG=1":
            pass
        return dict(line.split("=", 1) for line in message.split("\n"))

    def close(self):
        self.daemon.close()
        for each in (*self.sockets, self.told):
            each.close()


@pytest.fixture
def manager(tmp_path):
    manager = Manager(tmp_path)
    yield manager
    manager.close()


def test_it_serves_at_what_it_was_handed_and_leaves_it_there(manager):
    """In place of the file that the settings name, which is not even made."""
    place = manager.listen("handed.sock")
    with Client(None, place) as early:
        manager.start()  # a client that came before is served: it has waited in the queue
        assert early.health()
    assert manager.hear() == {"READY": "1", "STATUS": f"serving at {place}"}
    assert str(place) in manager.daemon.process.stdout.readline()

    status, stderr = manager.daemon.end()

    assert (status, stderr) == (0, "")
    assert not manager.daemon.socket.exists()
    assert place.exists()
    manager.start()
    with Client(None, place) as client:
        assert client.health()


def test_each_door_knows_its_socket_by_name(manager):
    web, place = manager.listen("h.sock"), manager.listen("c.sock")

    manager.start(names="http:cbor")

    assert manager.hear()["STATUS"] == f"serving at {place} and {web} (HTTP)"
    with Client(None, place) as client:
        assert client.health()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(web))
        sock.sendall(b"GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(12) == b"HTTP/1.1 200"


def test_a_socket_that_no_door_has_stops_the_start(manager):
    manager.listen("a.sock")

    manager.start(names="api")

    status, stderr = manager.daemon.wait()
    assert status == 1
    assert "FileDescriptorName=cbor or http" in stderr
    assert not manager.daemon.store.exists()


def test_it_tells_how_it_goes(manager):
    manager.environment |= {"WATCHDOG_USEC": "200000"}
    manager.start()

    assert manager.hear()["READY"] == "1"
    assert [manager.told.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    manager.daemon.process.terminate()
    assert manager.hear()["STOPPING"] == "1"
    assert manager.daemon.wait() == (0, "")


@pytest.mark.slow
def test_it_takes_up_what_can_hold_at_once(manager):
    """Each new setting is a line; requests and connections from then on go by it."""
    manager.start()
    manager.hear()
    with manager.daemon.client() as before:
        before.wrap({"a": 1}, "2h")
        manager.configure('http_socket = "/other"\n[limits]\nmax_wrap_ttl = "1h"\n')

        manager.daemon.process.send_signal(signal.SIGHUP)

        reloading = manager.hear()
        assert reloading["RELOADING"] == "1"
        assert reloading["MONOTONIC_USEC"].isdecimal()
        assert manager.hear()["READY"] == "1"
        with pytest.raises(InvalidRequestError, match="exceeds the 3600s"):
            before.wrap({"a": 1}, "2h")
    _, stderr = manager.daemon.end()
    assert stderr.splitlines() == [
        "cubbyd: configuration: limits.max_wrap_ttl is now 1h, and was 768h",
        "cubbyd: configuration: http_socket is now /other, and was unset; it takes a restart",
    ]


def test_a_wrong_file_changes_nothing(manager):
    manager.start()
    manager.hear()
    manager.configure('log_level = "loud"\n[limits]\nmax_wrap_ttl = "1h"\n')

    manager.daemon.process.send_signal(signal.SIGHUP)

    assert manager.hear()["RELOADING"] == "1"
    assert manager.hear()["READY"] == "1"
    with manager.daemon.client() as client:
        client.wrap({"a": 1}, "2h")
    _, stderr = manager.daemon.end()
    assert "the configuration stays as it was" in stderr
    assert "log_level: must be one of" in stderr


@pytest.mark.slow
def test_it_ends_when_nobody_has_been_there_for_long_enough(manager):
    """And not while somebody is, however quiet."""
    place = manager.listen("a.sock")
    manager.configure('idle_exit = "1s"\n')
    began = time.monotonic()
    manager.start()
    manager.hear()
    with Client(None, place) as client:
        client.health()
        assert not eventually_ended(manager, within=1.5)

    assert manager.hear()["STOPPING"] == "1"
    assert manager.daemon.wait()[0] == 0
    assert time.monotonic() - began > 2.4


def eventually_ended(manager, *, within):
    deadline = time.monotonic() + within
    return eventually(
        lambda: manager.daemon.process.poll() is not None or time.monotonic() > deadline
    ) and (manager.daemon.process.poll() is not None)


def test_to_the_journal_it_speaks_with_priorities(manager):
    with open(manager.directory / "journal", "w+b") as journal:  # noqa: PTH123 - its descriptor
        found = os.fstat(journal.fileno())
        environment = clean_environment() | {
            "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}",
        }
        manager.configure('log_level = "loud"\nsocket = 3\n')
        ran = subprocess.run(
            [sys.executable, "-m", "cubbyd.cli.serve", *manager.daemon.options()],
            stderr=journal,
            env=environment,
            check=False,
            timeout=PATIENCE,
        )
        journal.seek(0)
        lines = journal.read().decode().splitlines()

    assert ran.returncode == 1
    assert len(lines) == 1
    assert lines[0].startswith("<3>cubbyd cannot start with the settings in ")
    assert "log_level: must be one of" in lines[0]
    assert "socket: must be a path" in lines[0]
