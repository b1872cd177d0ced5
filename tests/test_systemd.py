"""What systemd tells us, and what we tell it.

- Sockets are taken where the variables name our own pid, and only what listens as we need it.
- The variables are gone afterwards.
- Without a service manager nothing is told, and nothing fails.
- Signs of life come from the event loop, at half the interval that is asked for.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from cubbyd.errors import StartError
from cubbyd.systemd import Notifier, activated_sockets, by_door, keep_alive

ROOT = Path(__file__).parents[1]

CHILD = """
import json, os, sys
from cubbyd.errors import StartError
from cubbyd.systemd import activated_sockets
os.environ["LISTEN_PID"] = sys.argv[1].replace("own", str(os.getpid()))
try:
    found = {name: sock.getsockname() for name, sock in activated_sockets(os.environ).items()}
except StartError as error:
    found = str(error)
left = [name for name in os.environ if name.startswith("LISTEN_")]
print(json.dumps([found, left]))
"""


@pytest.fixture
def listening(tmp_path):
    """Makes listening sockets, whose names are their paths."""
    made = []

    def listen(name, kind=socket.SOCK_STREAM):
        sock = socket.socket(socket.AF_UNIX, kind)
        made.append(sock)
        sock.bind(str(tmp_path / name))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        return sock

    yield listen
    for sock in made:
        sock.close()


def activated(*sockets, names=None, pid="own"):
    """What a child finds that is given these sockets, from descriptor 3 on."""
    environment = {"LISTEN_FDS": str(len(sockets)), "PATH": "/usr/bin:/bin"}
    if names is not None:
        environment["LISTEN_FDNAMES"] = names
    fds = [each.fileno() for each in sockets]
    # As systemd does it: put in place after the fork, before the program begins.
    moves = "; ".join(f"os.dup2({fd}, {3 + place}, True)" for place, fd in enumerate(fds))
    starter = f"import os, sys; {moves}; os.execv(sys.executable, ['python', '-c', *sys.argv[1:]])"
    ran = subprocess.run(
        [sys.executable, "-c", starter, CHILD, pid],
        cwd=ROOT,
        env=environment,
        pass_fds=fds,
        capture_output=True,
        text=True,
        check=True,
    )
    found, left = json.loads(ran.stdout)
    assert left == []
    return found


def test_sockets_come_by_their_names(listening, tmp_path):
    sockets = [listening("a"), listening("b")]

    found = activated(*sockets, names="cbor:http")

    assert found == {"cbor": str(tmp_path / "a"), "http": str(tmp_path / "b")}


def test_one_without_a_name_is_unknown(listening, tmp_path):
    assert activated(listening("a")) == {"unknown": str(tmp_path / "a")}


@pytest.mark.parametrize("pid", ["1", "", "own1"])
def test_what_is_meant_for_another_process_is_not_taken(listening, pid):
    assert activated(listening("a"), names="cbor", pid=pid) == {}


def test_no_two_have_one_name(listening):
    told = activated(listening("a"), listening("b"), names="cbor:cbor")

    assert told == "systemd hands over two sockets with the name 'cbor'"


def test_there_is_a_name_for_each(listening):
    told = activated(listening("a"), listening("b"), names="cbor")

    assert told == "systemd hands over 2 sockets, and 1 names"


DOORS = ("cbor", "http")


@pytest.mark.parametrize("name", ["cbor", "unknown", "cubbyd.socket"])
def test_one_that_is_alone_is_the_main_doors(listening, name):
    sock = listening("a")

    assert by_door({name: sock}, DOORS) == {"cbor": sock}


def test_one_that_is_alone_keeps_the_name_it_was_given(listening):
    sock = listening("a")

    assert by_door({"http": sock}, DOORS) == {"http": sock}
    with pytest.raises(StartError, match="FileDescriptorName=cbor or http"):
        by_door({"api": sock}, DOORS)


def test_of_two_each_needs_a_doors_name(listening):
    first, second = listening("a"), listening("b")

    assert by_door({"http": first, "cbor": second}, DOORS) == {"http": first, "cbor": second}
    with pytest.raises(StartError, match=r"'cubbyd\.socket'"):
        by_door({"cubbyd.socket": first, "http": second}, DOORS)


def test_one_that_does_not_listen_is_refused(listening):
    assert "no listening Unix stream socket" in activated(
        listening("a", socket.SOCK_DGRAM), names="cbor"
    )


def test_nothing_is_found_without_systemd():
    assert activated_sockets({}) == {}
    assert activated_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"}) == {}


# -- notifications


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A socket such as a service manager has, and the address by which it is named."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        path = str(tmp_path / "notify")
        sock.bind("\0" + path if request.param == "abstract" else path)
        sock.settimeout(0)
        yield sock, ("@" + path if request.param == "abstract" else path)


def told(sock):
    return sock.recv(4096).decode().split("\n")


def test_each_message_is_one_datagram(manager):
    sock, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address})

    notifier.ready("serving")
    assert told(sock) == ["READY=1", "STATUS=serving"]
    notifier.status("one client")
    assert told(sock) == ["STATUS=one client"]
    notifier.alive()
    assert told(sock) == ["WATCHDOG=1"]
    notifier.reloading()
    first, second = told(sock)
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    notifier.stopping()
    assert told(sock)[0] == "STOPPING=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/none"}])
def test_nobody_has_to_listen(environment):
    Notifier(environment).ready("serving")


@pytest.mark.parametrize(
    ("more", "interval"),
    [
        ({"WATCHDOG_USEC": "2000000"}, 2),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_a_sign_of_life_is_wanted_of_us_alone(more, interval):
    assert Notifier({"NOTIFY_SOCKET": "/none", **more}).watchdog_interval == interval


async def test_signs_of_life_come_twice_in_the_interval(tmp_path, autojump_clock: MockClock):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(0)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000"}

        with trio.move_on_after(9):
            await keep_alive(Notifier(environment))

        assert [told(sock) for _ in range(5)] == [["WATCHDOG=1"]] * 5
        with pytest.raises(BlockingIOError):
            sock.recv(100)


async def test_none_come_where_none_are_wanted(autojump_clock: MockClock):
    await keep_alive(Notifier({}))
