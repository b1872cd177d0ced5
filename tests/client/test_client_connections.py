"""What a client does when the other end is slow, gone, strange or somebody else.

One suite, both shells. The rules: one connection serves many requests; a request that left whole is
never sent twice; what the daemon said before it hung up is heard; a stream with an answer still to
come is closed.
"""

import socket
import subprocess
import sys
from threading import Event, Thread

import pytest
import trio
from fake_daemon import FakeDaemon, HangUpError, RawAnswer
from fakes import OWNER

from cubbyd.client import AsyncClient, Client, OutcomeUnknownError
from cubbyd.client import trust as trust_module
from cubbyd.errors import BusyError, NotFoundError, RefusedError, UnavailableError
from cubbyd.messages import Response
from cubbyd.wire.connection import ServerConnection


def answer(_request):
    return Response(data={"k": "v"})


def hang_up(_request):
    raise HangUpError


async def test_one_connection_serves_many_requests(shell, daemon):
    for _ in range(3):
        with pytest.raises(NotFoundError):
            await shell.do("read", "x")

    assert len(daemon.requests) == 3
    assert daemon.connections == 1


async def test_nothing_is_opened_before_it_is_needed(shell, daemon):
    shell.open()
    await shell.close()

    assert daemon.connections == 0


async def test_a_closed_client_opens_anew(shell, daemon):
    daemon.handler = answer
    await shell.do("read", "x")
    await shell.close()
    await shell.do("read", "x")

    assert daemon.connections == 2


async def test_a_daemon_that_was_restarted_is_found_again(shell, daemon):
    daemon.handler = answer
    await shell.do("read", "x")
    daemon.hang_up()

    assert await shell.do("read", "x") == {"k": "v"}
    assert daemon.connections == 2


async def test_a_request_that_left_is_never_sent_again(shell, daemon):
    daemon.handler = hang_up

    with pytest.raises(OutcomeUnknownError, match="whether the request was carried out"):
        await shell.do("unwrap", "cbyw_token")

    assert len(daemon.requests) == 1
    assert daemon.connections == 1


async def test_an_answer_that_comes_too_late_ends_the_connection(shell, daemon):
    released = Event()

    def answer_late(_request):
        assert released.wait(10)
        return Response(data={"late": True})

    daemon.handler = answer_late
    shell.open(timeout=0.02)

    with pytest.raises(OutcomeUnknownError, match="no answer came in time"):
        await shell.do("read", "x")
    released.set()
    daemon.handler = answer
    await shell.close()
    shell.open()

    assert await shell.do("read", "x") == {"k": "v"}


async def test_a_refusal_of_the_frame_is_heard_though_sending_it_failed(tmp_path, shell):
    """The daemon refuses when the header arrives, and closes while we still send."""
    with FakeDaemon(tmp_path / "cubbyd.sock", answer, max_frame_bytes=1000) as daemon:
        with pytest.raises(RefusedError) as caught:
            await shell.do("write", "x", {"large": b"x" * 4_000_000})
        assert caught.value.code == "frame_too_large"
        assert caught.value.status == 413

        assert await shell.do("read", "x") == {"k": "v"}
        assert daemon.connections == 2


async def test_a_refusal_at_accept_is_heard(shell, daemon):
    daemon.greeting = ServerConnection(OWNER).refuse(None, BusyError())

    with pytest.raises(BusyError):
        await shell.do("write", "x", {"large": b"x" * 4_000_000})
    with pytest.raises(BusyError):
        await shell.do("read", "x")

    assert not daemon.requests


async def test_a_daemon_that_goes_away_midway_has_done_nothing(shell, daemon):
    daemon.greeting = b""

    with pytest.raises(UnavailableError, match="was not carried out") as caught:
        await shell.do("write", "x", {"large": b"x" * 4_000_000})

    assert not isinstance(caught.value, OutcomeUnknownError)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\0\0",
        b"\0\0\0\x01\x80",
        ServerConnection(OWNER).answer(99, Response()),
        ServerConnection(OWNER).refuse(99, NotFoundError()),
    ],
    ids=["http", "empty", "no map", "another's answer", "another's refusal"],
)
async def test_an_answer_that_makes_no_sense_ends_the_connection(shell, daemon, data):
    def answer_raw(_request):
        raise RawAnswer(data)

    daemon.handler = answer_raw
    with pytest.raises(OutcomeUnknownError):
        await shell.do("read", "x")

    daemon.handler = answer
    assert await shell.do("read", "x") == {"k": "v"}
    assert daemon.connections == 2


async def test_an_answer_without_what_was_asked_for_is_told(shell, daemon):
    daemon.handler = answer

    with pytest.raises(OutcomeUnknownError, match="the answer has no token"):
        await shell.do("create_token")
    assert await shell.do("read", "x") == {"k": "v"}

    assert daemon.connections == 1


async def test_without_a_daemon_the_remedy_is_told(shell):
    with pytest.raises(UnavailableError, match="start one with 'cubbyd'"):
        await shell.do("read", "x")


async def test_a_socket_that_nobody_serves_is_no_daemon(shell, tmp_path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "cubbyd.sock"))

    with pytest.raises(UnavailableError, match="start one with 'cubbyd'"):
        await shell.do("read", "x")


async def test_a_full_queue_of_connections_is_waited_for(shell, tmp_path):
    """A Unix socket's connect does not wait; the client does, up to its timeout."""
    path = str(tmp_path / "cubbyd.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        shell.open(timeout=0.02)

        with pytest.raises(UnavailableError, match="overloaded or stopped"):
            await shell.do("read", "x")


async def test_a_listener_that_is_not_trusted_is_told_nothing(shell, daemon, monkeypatch):
    monkeypatch.setattr(trust_module, "listener_uid", lambda _sock: 4711)
    daemon.handler = answer

    with pytest.raises(UnavailableError, match="uid 4711"):
        await shell.do("read", "x")

    assert not daemon.requests


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_path_that_is_too_long_is_an_error_at_once(kind, tmp_path):
    with pytest.raises(ValueError, match="107"):
        kind(socket=tmp_path / ("x" * 120))


async def test_tasks_that_share_a_client_take_turns(daemon):
    daemon.handler = lambda request: Response(data={"path": request.path})
    results = {}

    async def read(path):
        results[path] = await client.read(path)

    async with AsyncClient(socket=daemon.path) as client, trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(read, f"x/{number}")

    assert results == {f"x/{number}": {"path": f"x/{number}"} for number in range(10)}
    assert daemon.connections == 1


def test_threads_that_share_a_client_take_turns(daemon):
    daemon.handler = lambda request: Response(data={"path": request.path})
    results = {}

    with Client(socket=daemon.path) as client:
        threads = [
            Thread(target=lambda path=f"x/{number}": results.update({path: client.read(path)}))
            for number in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert results == {f"x/{number}": {"path": f"x/{number}"} for number in range(10)}
    assert daemon.connections == 1


async def test_a_cancelled_request_takes_its_connection_with_it(daemon):
    """Else the next request would be given its answer."""
    asked, released = trio.Event(), Event()
    token = trio.lowlevel.current_trio_token()

    def answer_late(_request):
        token.run_sync_soon(asked.set)
        assert released.wait(10)
        return Response(data={"late": True})

    daemon.handler = answer_late
    async with AsyncClient(socket=daemon.path) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.read, "x")
            await asked.wait()
            nursery.cancel_scope.cancel()
        daemon.handler = answer
        released.set()

        assert await client.read("x") == {"k": "v"}
    assert daemon.connections == 2


async def test_closing_wakes_who_waits(daemon):
    asked, released = trio.Event(), Event()
    token = trio.lowlevel.current_trio_token()

    def answer_late(_request):
        token.run_sync_soon(asked.set)
        assert released.wait(10)
        return Response()

    async def read():
        with pytest.raises(trio.ClosedResourceError):
            await client.read("x")

    daemon.handler = answer_late
    client = AsyncClient(socket=daemon.path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await asked.wait()
        await client.aclose()
    released.set()


def test_the_blocking_client_brings_neither_trio_nor_nacl():
    loaded = subprocess.run(
        [sys.executable, "-c", "import cubbyd.client, sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    assert "cubbyd.client.sync_client" in loaded
    assert not {"trio", "nacl"} & {name.partition(".")[0] for name in loaded}


def test_a_client_shows_no_token():
    assert "s3cret" not in repr(vars(Client("cbys_s3cret", "x")))
