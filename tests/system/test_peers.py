"""Who is at the other end, told by the kernel, with real sockets and real processes.

The rules: authority rests on what the kernel attests; a stranger gets one refusal; what is observed
about a process is left out when the process is gone.
"""

import os
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from door_client import ME, NOBODY_HERE, Client, open_doors, until, works

from cubbyd.errors import PermissionDeniedError
from cubbyd.server import session
from cubbyd.server.limits import Limits
from cubbyd.server.peer import Access
from cubbyd.server.socketfile import SocketFile
from cubbyd.server.unix import Door, Doors

EXECUTABLE = os.path.realpath(sys.executable)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cubbyd.sock"


async def test_a_peer_is_who_the_kernel_says(path):
    async with open_doors(path):
        client = await Client.connect(path)
        async with client.stream:
            answer = await client.ask()

    assert answer.data["uid"] == os.geteuid()
    assert answer.data["gid"] == os.getegid()
    assert answer.data["pid"] == os.getpid()
    assert set(answer.data["groups"]) == set(os.getgroups())
    assert answer.data["exe"] == EXECUTABLE
    assert answer.data["role"] == "owner"


CLIENT = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from cubbyd.wire.connection import ClientConnection, Need
from cubbyd.messages import Operation, Response
wire = ClientConnection()
sock = socket.socket(socket.AF_UNIX)
uid = int(sys.argv[3])
os.setgroups(eval(sys.argv[4]))
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
sock.connect(sys.argv[2])
try: sock.sendall(wire.ask(Operation.READ, "p")[1])
except BrokenPipeError: pass
while (event := wire.next_event()) is Need.DATA:
    wire.receive_data(sock.recv(65536))
answer = event[1]
print(repr(answer.data) if isinstance(answer, Response) else answer.code)
"""


async def ask_as(path, uid, groups=()):
    """What another user's process gets."""
    done = await trio.run_process(
        [
            sys.executable,
            "-c",
            CLIENT,
            str(Path(__file__).parents[2]),
            path,
            str(uid),
            repr(groups),
        ],
        capture_stdout=True,
    )
    return done.stdout.decode().strip()


@pytest.fixture
def public(path):
    """A path where other users can connect too."""
    for parent in path.parents[:-2]:
        parent.chmod(0o755)
    return path


@asynccontextmanager
async def public_doors(path, **options):
    async with open_doors(path, **options) as doors:
        path.chmod(0o666)
        yield doors


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")


@as_root
async def test_a_stranger_gets_a_refusal_and_the_next_one_is_served(public):
    async with public_doors(public) as doors:
        assert await ask_as(public, 4321) == "permission_denied"
        assert await works(public)
        await until(lambda: doors.connections == 0)


@as_root
async def test_a_guest_by_uid_and_a_guest_by_one_of_very_many_groups_are_served(public):
    """The list of groups is longer than what is asked for at first."""
    groups = tuple(range(5000, 6000))
    access = Access(daemon_uid=0, guest_uids=frozenset({4321}), guest_gids=frozenset({groups[-1]}))
    async with public_doors(public, access=access):
        by_uid = eval(await ask_as(public, 4321))  # noqa: S307 - our own repr
        by_group = eval(await ask_as(public, 4322, groups))  # noqa: S307 - our own repr
        stranger = await ask_as(public, 4322, groups[:-1])

    assert (by_uid["uid"], by_uid["role"]) == (4321, "guest")
    assert (by_group["uid"], by_group["role"]) == (4322, "guest")
    assert set(by_group["groups"]) == set(groups)
    assert stranger == "permission_denied"


@as_root
async def test_the_overflow_user_is_refused_even_as_a_configured_owner(public):
    access = Access(daemon_uid=0, owner_uids=frozenset({65534}))
    async with public_doors(public, access=access):
        assert await ask_as(public, 65534) == "permission_denied"


async def test_what_is_left_of_a_process_that_is_gone_is_its_ids(path):
    """Its pid may be another's by now, so nothing is looked up by it."""
    program = (
        "import socket, sys; from cubbyd.wire.connection import ClientConnection\n"
        "from cubbyd.messages import Operation\n"
        "sock = socket.fromfd(0, socket.AF_UNIX, socket.SOCK_STREAM)\n"
        "client = socket.socket(socket.AF_UNIX); client.connect(sys.argv[1])\n"
        "client.sendall(ClientConnection().ask(Operation.READ, 'p')[1])\n"
        "socket.send_fds(sock, [b'x'], [client.fileno()])\n"
    )
    ours, its = socket.socketpair()
    with SocketFile(path) as listener, ours, its:
        gone = subprocess.Popen(  # noqa: ASYNC220 - it ends at once
            [sys.executable, "-c", program, os.fspath(path)],
            stdin=its,
            cwd=Path(__file__).parents[2],
        )
        _, [descriptor], _, _ = socket.recv_fds(ours, 1, 1)
        gone.wait()
        with socket.socket(fileno=descriptor) as inherited:
            inherited.settimeout(0)
            peers = []

            async def note(_stream, peer, _limits):
                peers.append(peer)

            doors = Doors(ME, Limits())
            door = Door(listener=listener, serve=note, turn_away=session.turn_away)
            async with trio.open_nursery() as nursery:
                await nursery.start(doors.serve, [door])
                await until(lambda: peers)
                doors.finish()

    [peer] = peers
    assert (peer.uid, peer.pid) == (os.geteuid(), gone.pid)
    assert (peer.exe, peer.unit) == (None, None)


async def test_who_may_come_in_can_change_while_serving(path):
    async with open_doors(path, access=NOBODY_HERE) as doors:
        if os.geteuid() != 0:
            client = await Client.connect(path)
            async with client.stream:
                assert isinstance(await client.next(), PermissionDeniedError)
        doors.access = ME
        assert await works(path)
