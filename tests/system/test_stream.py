"""A socket as a session reads and writes it: the bytes are trio's matter, the waiting is ours."""

import socket

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cubbyd.server.stream import SocketStream

MUCH = bytes(4 * 1024 * 1024)
"""More than a socket holds."""


@pytest.fixture
def pair():
    """Both ends of a connection: ours, and a client's that trio reads and writes."""
    ours, client = socket.socketpair()
    with ours, client:
        ours.settimeout(0)
        yield SocketStream(ours), trio.SocketStream(trio.socket.from_stdlib_socket(client))


async def test_what_is_sent_is_received(pair):
    stream, client = pair
    await client.send_all(b"question")
    assert await stream.receive_some(100) == b"question"
    await stream.send_all(b"answer")
    assert await client.receive_some(100) == b"answer"


async def test_no_more_is_received_than_was_asked_for(pair):
    stream, client = pair
    await client.send_all(b"abc")
    assert await stream.receive_some(2) == b"ab"
    assert await stream.receive_some(2) == b"c"


async def test_it_waits_for_what_comes_later(pair):
    stream, client = pair

    async def receive():
        assert await stream.receive_some(100) == b"late"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        await client.send_all(b"late")


async def test_what_does_not_fit_waits_for_the_reader(pair):
    stream, client = pair
    received = bytearray()

    async def send():
        await stream.send_all(MUCH)
        await stream.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        async for data in client:
            received += data

    assert received == MUCH


async def test_the_end_is_no_bytes(pair):
    stream, client = pair
    await client.send_eof()
    assert await stream.receive_some(100) == b""


async def test_receiving_lets_others_run_even_if_there_is_something(pair):
    stream, client = pair
    await client.send_all(b"now")
    with trio.CancelScope() as scope:
        scope.cancel()
        await stream.receive_some(100)
    assert scope.cancelled_caught
    assert await stream.receive_some(100) == b"now"


@pytest.mark.parametrize("words", [b"few", MUCH])
async def test_a_reader_that_has_gone_is_told_apart_from_our_bugs(pair, words):
    stream, client = pair
    await client.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(words)


async def test_a_reader_that_goes_while_we_wait_is_too(pair):
    stream, client = pair

    async def send():
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(MUCH)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        await client.aclose()


async def test_a_client_that_breaks_off_with_unread_answers_is_no_bug(pair):
    stream, client = pair
    await stream.send_all(b"unread")
    await client.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some(100)
