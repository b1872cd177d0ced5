"""The doors, with real sockets.

The rules: a client that floods, dribbles, stops reading or sends garbage costs itself a refusal and
nobody else anything; what goes wrong in a session ends that session; finishing lets what was asked
be answered, and no client is left to guess.
"""

import errno
import os
import resource
import socket
from contextlib import closing
from pathlib import Path

import pytest
import trio
from door_client import ME, Client, echo_peer, open_doors, until, works

from cubbyd.errors import BusyError, StoreError
from cubbyd.messages import Response
from cubbyd.server import session
from cubbyd.server.limits import Limits
from cubbyd.server.socketfile import SocketFile
from cubbyd.server.unix import FIRST_WORD_SECONDS, MAX_FAREWELLS, Door, Doors


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cubbyd.sock"


def open_files():
    """Descriptors of this process, in which clients and doors live together."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


# -- how many


async def test_a_thousand_connections_cost_their_user_refusals_and_the_daemon_nothing(path):
    limits = Limits(max_connections=64, max_connections_per_uid=20)
    async with open_doors(path, limits=limits) as doors:
        early = await Client.connect(path)
        async with early.stream:
            assert isinstance(await early.ask(), Response)
            flood = [await Client.connect(path) for _ in range(1000)]
            refused = 0
            for each in flood[19:]:
                refused += isinstance(await each.next(), BusyError)
                await each.stream.aclose()
            assert refused == 981
            assert doors.connections == 20
            assert isinstance(await early.ask(), Response)
            for each in flood[:19]:
                await each.stream.aclose()
            await until(lambda: doors.connections == 1)
            assert await works(path)


async def test_who_is_turned_away_while_still_sending_reads_why(path):
    """A client that finds the other end closed would tell its user that, and never read on."""
    limits = Limits(max_connections=32, max_connections_per_uid=1)
    async with open_doors(path, limits=limits) as doors:
        inside = await Client.connect(path)
        async with inside.stream:
            assert isinstance(await inside.ask(), Response)
            for _ in range(20):
                refused = await Client.connect(path)
                async with refused.stream:
                    await refused.send(data={"blob": bytes(500_000)})
                    assert isinstance(await refused.next(), BusyError)
            assert doors.connections == 1


async def test_those_who_are_turned_away_and_stay_cost_a_bounded_number_of_descriptors(path):
    limits = Limits(max_connections=32, max_connections_per_uid=1)
    async with open_doors(path, limits=limits):
        inside = await Client.connect(path)
        async with inside.stream:
            assert isinstance(await inside.ask(), Response)
            before = open_files()
            flood = [await Client.connect(path) for _ in range(3 * MAX_FAREWELLS)]
            for each in flood:
                assert isinstance(await each.next(), BusyError)
            assert open_files() <= before + len(flood) + MAX_FAREWELLS
            for each in flood:
                await each.stream.aclose()


async def test_out_of_file_descriptors_those_inside_go_on(path, caplog):
    """Accepting rests, and goes on when there is room."""
    async with open_doors(path) as doors:
        inside = await Client.connect(path)
        async with inside.stream:
            assert isinstance(await inside.ask(), Response)
            with closing(socket.socket(socket.AF_UNIX)) as outside:
                soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
                resource.setrlimit(resource.RLIMIT_NOFILE, (outside.fileno() + 1, hard))
                try:
                    outside.connect(os.fspath(path))
                    await until(lambda: "cannot accept connections" in caplog.text)
                    assert isinstance(await inside.ask(), Response)
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                await until(lambda: doors.connections == 2)
                assert await works(path)
    assert os.strerror(errno.EMFILE) in caplog.text


# -- bad manners

IMPATIENT = Limits(frame_timeout=0.05, send_timeout=0.05, idle_timeout=60)


async def test_a_client_that_dribbles_is_let_go_and_others_are_served(path):
    async with open_doors(path, limits=IMPATIENT) as doors:
        client = await Client.connect(path)
        async with client.stream:
            await client.stream.send_all(b"\0\0")
            await until(lambda: doors.connections == 1)
            assert await works(path)
            assert await client.next() is None


async def test_a_client_that_stops_reading_is_let_go_and_others_are_served(path):
    large = Response(data={"blob": bytes(8 * 1024 * 1024)})

    async def answer(request, encode):
        return encode(large if request.path == "large" else Response(data={}))

    async with open_doors(path, limits=IMPATIENT, answer=answer) as doors:
        client = await Client.connect(path)
        async with client.stream:
            await client.send(path="large")
            await until(lambda: doors.connections == 1)
            assert await works(path)
            await until(lambda: doors.connections == 0)


async def test_garbage_gets_one_refusal(path):
    async with open_doors(path):
        client = await Client.connect(path)
        async with client.stream:
            await client.stream.send_all(b"\0\0\0\x05" + b"\xff" * 5 + b"GET / HTTP/1.1\r\n" * 100)
            assert (await client.next()).code == "malformed_frame"
            assert await client.next() is None
        assert await works(path)


async def test_a_frame_that_is_too_large_is_refused_at_its_header(path):
    """The client may still be sending it when it is told, and finishes before it looks."""
    async with open_doors(path):
        client = await Client.connect(path)
        async with client.stream:
            await client.send(data={"blob": bytes(4 * 1024 * 1024)})
            assert (await client.next()).code == "frame_too_large"


async def test_a_client_that_vanishes_leaves_the_others_alone(path, caplog):
    async with open_doors(path) as doors:
        for _ in range(50):
            client = await Client.connect(path)
            await client.send()
            await client.stream.aclose()
        await until(lambda: doors.connections == 0)
        assert await works(path)
    assert not caplog.records


# -- the end


async def test_what_was_asked_is_answered_and_what_comes_later_fails_at_the_client(path):
    """The kernel draws the line, so no client is left to guess whether it was heard."""
    release = trio.Event()

    async def answer(request, encode):
        await release.wait()
        return encode(Response(data={"path": request.path}))

    async with open_doors(path, answer=answer) as doors:
        busy, idle = await Client.connect(path), await Client.connect(path)
        async with busy.stream, idle.stream:
            for name in "abc":
                await busy.send(path=name)
            await until(lambda: doors.connections == 2)
            doors.finish()
            assert await idle.next() is None
            with pytest.raises(trio.BrokenResourceError):
                await busy.send(path="too late")
            release.set()
            assert [(await busy.next()).data["path"] for _ in "abc"] == ["a", "b", "c"]
            assert await busy.next() is None


async def test_after_finishing_nobody_is_let_in(path):
    async with open_doors(path) as doors:
        doors.finish()
        await until(lambda: not path.exists())
        with pytest.raises(OSError, match="No such file"):
            await trio.open_unix_socket(os.fspath(path))


async def test_who_has_just_come_may_still_ask(path):
    """Being let in was a promise: a restart under load breaks it to nobody."""
    async with open_doors(path) as doors:
        client = await Client.connect(path)
        await until(lambda: doors.connections == 1)
        doors.finish()

        assert isinstance(await client.ask(), Response)

        # But does not stay: a moment later it has been long enough.
        assert await client.next() is None
        await client.stream.aclose()


async def test_who_has_been_there_for_long_is_asked_to_go_at_once(path):
    async with open_doors(path) as doors:
        client = await Client.connect(path)
        assert isinstance(await client.ask(), Response)
        await trio.sleep(FIRST_WORD_SECONDS)
        began = trio.current_time()

        doors.finish()

        assert await client.next() is None
        assert trio.current_time() - began < FIRST_WORD_SECONDS / 2
        await client.stream.aclose()


async def test_a_bug_in_one_session_ends_that_session(path, caplog):
    async def serve(stream, peer, limits):
        if await stream.receive_some(1) == b"x":
            raise KeyError("hunter2")
        await session.serve(stream, peer, answer=echo_peer, limits=limits)

    doors = Doors(ME, Limits())
    with SocketFile(path) as listener:
        door = Door(listener=listener, serve=serve, turn_away=session.turn_away)
        async with trio.open_nursery() as nursery:
            await nursery.start(doors.serve, [door])
            async with await trio.open_unix_socket(os.fspath(path)) as client:
                await client.send_all(b"x")
                assert await client.receive_some() == b""
            assert doors.connections == 0
            async with await trio.open_unix_socket(os.fspath(path)) as client:
                await client.send_all(b"y\0\0\0\0")
                assert b"malformed_frame" in await client.receive_some()
            doors.finish()
    assert "KeyError at " in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_store_error_ends_them_all(path):
    async def answer(_request, _encode):
        raise StoreError("a sync failed")

    async def work():
        async with open_doors(path, answer=answer):
            client = await Client.connect(path)
            async with client.stream:
                await client.send()
                await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await work()

    assert caught.value.subgroup(StoreError)


async def test_several_doors_count_together_and_end_together(tmp_path):
    doors = Doors(ME, Limits(max_connections=64, max_connections_per_uid=2))

    async def serve(stream, peer, limits):
        await session.serve(stream, peer, answer=echo_peer, limits=limits)

    paths = [tmp_path / "one.sock", tmp_path / "two.sock"]
    listeners = [SocketFile(path) for path in paths]
    async with trio.open_nursery() as nursery:
        await nursery.start(
            doors.serve,
            [Door(listener=each, serve=serve, turn_away=session.turn_away) for each in listeners],
        )
        clients = [await Client.connect(path) for path in (*paths, paths[0])]
        assert isinstance(await clients[0].ask(), Response)
        assert isinstance(await clients[1].ask(), Response)
        assert isinstance(await clients[2].next(), BusyError)
        doors.finish()
        for each in clients:
            assert await each.next() is None
            await each.stream.aclose()
    assert not any(path.exists() for path in paths)


async def test_a_listener_that_was_handed_over_serves_like_one_of_ours(path):
    """As systemd does it: a bare socket, whose file is not ours to remove."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen()
        handed = socket.socket(fileno=os.dup(listener.fileno()))
        handed.settimeout(0)

        async def serve(stream, peer, limits):
            await session.serve(stream, peer, answer=echo_peer, limits=limits)

        doors = Doors(ME, Limits())
        async with trio.open_nursery() as nursery:
            await nursery.start(
                doors.serve, [Door(listener=handed, serve=serve, turn_away=session.turn_away)]
            )
            assert await works(path)
            doors.finish()
    assert path.exists()
