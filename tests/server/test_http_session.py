"""One connection on the HTTP door, served.

The rules: each wait for a client has a deadline that the client cannot move; answers come in order,
and the last one says so; whoever is refused in the middle of sending can still read why; and of a
request nothing stays behind.
"""

import gc
import logging

import pytest
import trio
from house import open_house
from http_session import everything, exchange, serve
from http_talk import GET, chunked, get, post, read_answers, sized
from session_client import IDLE, LIMITS, PEER, answering, echo_path
from trio.testing import memory_stream_pair

from cubbyd.errors import (
    BusyError,
    NotFoundError,
)
from cubbyd.messages import Request, Response
from cubbyd.secret import Secret
from cubbyd.server import session
from cubbyd.server.http.connection import HttpConnection
from cubbyd.server.http.incoming import Incoming
from cubbyd.server.http.request import HttpRequest

EXPECT = b"Expect: 100-continue"


@pytest.fixture
def ends():
    """A client's end of a connection, and the session's."""
    return memory_stream_pair()


def read(name):
    return get(path=b"/v1/" + name)


# -- order


async def test_requests_are_answered_in_order(ends):
    answering_some = answering({"b": NotFoundError(), "c": KeyError()})

    answers = await exchange(
        ends, read(b"a") + read(b"b"), read(b"c") + read(b"d"), answer=answering_some
    )

    assert [each.status for each in answers] == [200, 404, 500, 200]
    assert [answers[0].json["data"], answers[3].json["data"]] == [{"path": "a"}, {"path": "d"}]


async def test_requests_may_come_in_any_pieces(ends):
    stream = sized(b"{}") + chunked(b"2\r\n{}\r\n0\r\n\r\n") + GET

    answers = await exchange(ends, *(stream[n : n + 1] for n in range(len(stream))))

    assert [each.status for each in answers] == [200, 200, 200]


async def test_a_broken_request_is_answered_after_those_before_it_and_is_the_last(ends, caplog):
    first, last = await exchange(ends, read(b"a") + b"GET / HTTP/1.1\n" + GET)

    assert (first.status, last.status) == (200, 400)
    assert "connection" not in first.headers
    assert last.headers["connection"] == "close"
    assert "uid 1000" in caplog.text


async def test_what_a_client_says_is_its_last_is_the_last(ends):
    """What it sends behind that is not carried out."""
    asked = []

    async def answer(request, encode):
        asked.append(request.path)
        return await echo_path(request, encode)

    [only] = await exchange(
        ends, get(b"Connection: close", path=b"/v1/a") + read(b"b"), answer=answer
    )

    assert only.headers["connection"] == "close"
    assert asked == ["a"]


async def test_after_the_last_answer_the_daemon_ends_the_connection(ends):
    """A client of HTTP/1.0 waits for that."""
    client, server = ends
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, server)
        await client.send_all(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))

        assert [each.status for each in read_answers(await everything(client))] == [200]


async def test_headers_that_are_no_text_cost_one_answer(ends, caplog):
    """Also where the refusal quotes them."""
    patch = sized(b"{}", b"Content-Type: \xff").replace(b"POST", b"PATCH")
    asked = get(b"X-Vault-Token: \xff", b"X-Vault-Wrap-TTL: \xff", path=b"/v1/cubbyhole/x")

    async with open_house() as house:
        answers = await exchange(ends, patch + asked + GET, answer=house.router.answer)

    assert [each.status for each in answers] == [415, 400, 200]
    assert all(each.errors for each in answers[:2])
    assert not caplog.records


async def test_a_bug_costs_one_answer_and_tells_no_value(ends, caplog):
    bug, fine = await exchange(
        ends, read(b"bug") + read(b"fine"), answer=answering({"bug": KeyError("hunter2")})
    )

    assert (bug.status, bug.errors, fine.status) == (500, ["internal error"], 200)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "hunter2" not in caplog.text


# -- going ahead


async def test_a_client_that_waits_for_the_go_ahead_gets_it(ends):
    client, server = ends
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, server)
        await client.send_all(post(EXPECT, b"Content-Length: 2"))
        told = read_answers(await client.receive_some())
        await client.send_all(b"{}")
        await client.send_eof()
        answers = read_answers(await everything(client))

    assert [each.status for each in told] == [100]
    assert [each.status for each in answers] == [200]


async def test_a_client_that_is_refused_instead_gets_no_go_ahead(ends):
    [refused] = await exchange(ends, post(EXPECT, b"Content-Length: 9999999"))

    assert refused.status == 413


# -- time


async def test_an_idle_client_is_let_go_without_a_word(ends, autojump_clock):
    client, server = ends

    await serve(server)

    assert trio.current_time() == IDLE
    assert await client.receive_some() == b""


async def test_between_two_requests_the_idle_time_begins_anew(ends, autojump_clock):
    client, server = ends

    async def talk():
        await client.send_all(GET)
        await trio.sleep(60)
        await client.send_all(GET)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await serve(server)

    assert trio.current_time() == 60 + IDLE


@pytest.mark.parametrize(
    ("begin", "rest"),
    [
        (b"GET /", b"a" * 1000),
        (GET[:-2], b"X: y\r\n" * 90),
        (post(b"Content-Length: 1000"), b" " * 999),
        (post(b"Transfer-Encoding: chunked"), b"1\r\n \r\n" * 300),
        (post(b"Transfer-Encoding: chunked") + b"2;", b"a" * 255),
        (post(EXPECT, b"Content-Length: 100"), b" " * 99),
    ],
)
async def test_a_request_has_its_time_however_it_is_dribbled(ends, autojump_clock, begin, rest):
    """From its first byte on; each byte more, and our go-ahead, change nothing."""
    client, server = ends

    async def dribble():
        await client.send_all(begin)
        for byte in rest:
            await trio.sleep(LIMITS.frame_timeout / 50)
            await client.send_all(bytes([byte]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dribble)
        await serve(server)
        nursery.cancel_scope.cancel()

    assert trio.current_time() == LIMITS.frame_timeout


async def test_a_client_that_stops_reading_is_let_go(ends, autojump_clock):
    client, server = ends

    class Stuck:
        receive_some = server.receive_some

        async def send_all(self, _data):
            await trio.sleep_forever()

    await client.send_all(GET)
    await session.serve(Stuck(), PEER, answer=echo_path, limits=LIMITS, connect=HttpConnection)

    assert trio.current_time() == LIMITS.send_timeout


async def test_whoever_is_still_sending_can_read_why_it_is_refused(ends, autojump_clock):
    """The rest is taken from it, unread, for as long as nginx would."""
    client, server = ends
    answers = []

    async def talk():
        await client.send_all(post(b"Content-Length: 1000000000"))
        answers.extend(read_answers(await everything(client)))
        while True:
            await trio.sleep(1)
            await client.send_all(bytes(10_000))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await session.serve(server, PEER, answer=echo_path, limits=LIMITS, connect=HttpConnection)
        nursery.cancel_scope.cancel()

    assert [each.status for each in answers] == [413]
    assert trio.current_time() == session.LINGER_SECONDS


async def test_nobody_lingers_for_a_client_that_has_gone(ends, autojump_clock):
    client, server = ends
    await client.send_all(b"\0")
    await client.aclose()

    await serve(server)

    assert trio.current_time() == 0


# -- secrets


@pytest.mark.parametrize("path", [b"fine", b"refused", b"bug", b"%ff", b"/x"])
async def test_nothing_of_a_request_is_kept_while_its_client_is_idle(path):
    """Not by a variable, and not by an exception whose frames hold it."""
    client, server = memory_stream_pair()

    async def answer(request, encode):
        if request.path == "refused":
            raise BusyError
        if request.path == "bug":
            raise KeyError
        return encode(Response(data={"password": "hunter2"}))

    request = sized(b'{"password": "hunter2"}', b"X-Vault-Token: hunter2", path=b"/v1/" + path)
    gc.collect()
    gc.disable()  # a cycle would be held until the next collection
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, server, answer)
            await client.send_all(request)
            assert b"HTTP/1.1" in await client.receive_some()
            await trio.testing.wait_all_tasks_blocked()
            kept = [each for each in gc.get_objects() if is_of_a_request(each)]
            await client.send_eof()
    finally:
        gc.enable()

    assert kept == []


def is_of_a_request(thing):
    if isinstance(thing, Request):
        return thing.token == Secret(b"hunter2")
    if isinstance(thing, HttpRequest):
        return thing.headers.get("x-vault-token") == "hunter2"
    return isinstance(thing, Incoming)
