"""Clients that are slow, or gone, on the CBOR door.

The rules: each wait for a client has a deadline that the client cannot move; the daemon's own time
is not charged to it; a request is done whole or not begun; and none of this makes noise.
"""

from contextlib import suppress

import trio
from session_client import IDLE, LIMITS, PEER, echo_path, outcome, serve

from cubbyd.server import session


async def test_an_idle_client_is_let_go(streams, autojump_clock):
    _, server = streams

    await serve(server)

    assert trio.current_time() == IDLE


async def test_a_request_starts_the_idle_time_anew(streams, autojump_clock):
    client, server = streams

    async def talk():
        await trio.sleep(60)
        await client.send("a")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await serve(server)

    assert trio.current_time() == 60 + IDLE


async def test_dribbling_does_not_extend_the_time_for_a_frame(streams, autojump_clock):
    """A byte every now and then keeps a frame's deadline where its first byte put it."""
    client, server = streams

    async def dribble():
        for byte in client.request("a" * 100):
            await trio.sleep(3)
            await client.stream.send_all(bytes([byte]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dribble)
        await serve(server)
        nursery.cancel_scope.cancel()

    assert trio.current_time() == 3 + LIMITS.frame_timeout


async def test_each_frame_has_its_own_time(streams, autojump_clock):
    """A client that sends the end of one frame with the start of the next may go on for ever."""
    client, server = streams
    frames = b"".join(client.request("a") for _ in range(10))
    half = len(frames) // 20

    async def talk():
        for start in range(0, len(frames), 2 * half):
            await client.stream.send_all(frames[max(start - half, 0) : start + half])
            await trio.sleep(LIMITS.frame_timeout - 1)
        await client.stream.send_all(frames[start + half :])
        await client.stream.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await serve(server)

    assert len(await client.rest()) == 10


async def test_a_client_that_stops_reading_is_let_go(streams, autojump_clock):
    client, server = streams

    class Stuck:
        receive_some = server.receive_some

        async def send_all(self, _data):
            await trio.sleep_forever()

    await client.send("a")
    await session.serve(Stuck(), PEER, answer=echo_path, limits=LIMITS)

    assert trio.current_time() == LIMITS.send_timeout


async def test_the_daemons_own_work_is_not_charged_to_the_client(streams, autojump_clock):
    client, server = streams

    async def slow(request, encode):
        await trio.sleep(1000)
        return await echo_path(request, encode)

    await client.send("a", "b")
    await client.stream.send_eof()
    await serve(server, slow)

    assert [outcome(each) for each in await client.rest()] == [(1, "a"), (2, "b")]


async def test_a_request_that_comes_at_the_last_moment_is_not_half_done(streams, autojump_clock):
    """Where deadline and data coincide, the request is answered or never begun."""
    client, server = streams
    begun, done = [], []

    async def answer(request, encode):
        begun.append(request)
        await trio.lowlevel.checkpoint()
        done.append(request)
        return await echo_path(request, encode)

    async def talk():
        await trio.sleep(LIMITS.idle_timeout)
        with suppress(trio.BrokenResourceError):
            await client.send("a")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await serve(server, answer)

    assert begun == done


async def test_a_client_that_vanishes_ends_its_session_without_noise(streams, caplog):
    client, server = streams
    await client.send("a", "b")
    await client.stream.aclose()

    await serve(server)

    assert not caplog.records


async def test_a_frame_that_is_cut_short_ends_the_session_without_noise(streams, caplog):
    client, server = streams
    await client.stream.send_all(client.request("a")[:-1])
    await client.stream.send_eof()

    await serve(server)

    assert await client.rest() == []
    assert not caplog.records


async def test_cancelling_reaches_the_work_in_progress(streams, autojump_clock):
    """After its stop timeout the daemon cancels what is left."""
    client, server = streams
    await client.send("a")

    async def never(_request, _encode):
        await trio.sleep_forever()

    with trio.move_on_after(5) as stop:
        await serve(server, never)

    assert stop.cancelled_caught


async def test_a_busy_client_may_be_idle_for_as_long_as_any(streams, autojump_clock):
    """Its deadline is not moved for each request, but in time: it gains a hundredth at most."""
    client, server = streams
    pause = LIMITS.idle_timeout / 400

    async def talk():
        for _ in range(1000):
            await client.send("a")
            await trio.sleep(pause)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await serve(server)

    idle_since = 999 * pause
    idle = trio.current_time() - idle_since
    assert LIMITS.idle_timeout <= idle <= IDLE


async def test_work_that_does_not_wait_does_not_leave_the_deadline_behind(streams, mock_clock):
    """A frame that came in time is answered, however long others take their turns meanwhile."""
    client, server = streams

    async def slow(request, encode):
        mock_clock.jump(2 * LIMITS.frame_timeout)
        return await echo_path(request, encode)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, server, slow)
        frames = client.request("a") + client.request("b")
        await client.stream.send_all(frames[:-1])
        await trio.testing.wait_all_tasks_blocked()
        await client.stream.send_all(frames[-1:] + client.request("c"))
        await client.stream.send_eof()
        answers = await client.rest()

    assert [outcome(each) for each in answers] == [(1, "a"), (2, "b"), (3, "c")]
