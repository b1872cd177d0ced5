"""One connection on the CBOR door.

The rules: requests are answered in order; the client's time is bounded and the daemon's is not
charged to it; what breaks is one answer, or this connection, and never more.
"""

import gc
import logging

import pytest
import trio
from session_client import PEER, answering, converse, echo_path, outcome, sends_of, serve

from cubbyd import codec
from cubbyd.errors import (
    BusyError,
    InternalError,
    NotFoundError,
    PermissionDeniedError,
    StoreError,
    TooLargeError,
)
from cubbyd.messages import Operation, Request, Response
from cubbyd.secret import Secret
from cubbyd.server import session
from cubbyd.wire.connection import ClientConnection
from cubbyd.wire.framing import frame

# -- answering


async def test_requests_are_answered_in_order(streams):
    client, server = streams
    await client.send("a", "b", "c")
    await client.stream.send_eof()

    await serve(server)

    assert [outcome(each) for each in await client.rest()] == [(1, "a"), (2, "b"), (3, "c")]


async def test_a_request_is_what_the_client_sent_and_the_kernel_attested(streams):
    client, server = streams
    asked = []

    async def answer(request, encode):
        asked.append(request)
        return encode(Response())

    await client.stream.send_all(client.request("x", token=Secret(b"t"), data={"k": b"v"}))
    await client.stream.send_eof()
    await serve(server, answer)

    expected = Request(
        operation=Operation.READ, path="x", token=Secret(b"t"), data={"k": b"v"}, peer=PEER
    )
    assert asked == [expected]


async def test_a_client_that_closes_its_sending_side_still_gets_its_answers(streams):
    """EOF after the requests is a way to say: that was all."""
    client, server = streams
    await client.send("slow")
    await client.stream.send_eof()

    async def slow(request, encode):
        await trio.lowlevel.checkpoint()
        return await echo_path(request, encode)

    await serve(server, slow)

    assert [outcome(each) for each in await client.rest()] == [(1, "slow")]


async def test_frames_may_come_in_any_pieces(streams):
    async def talk(client):
        for byte in client.request("a") + client.request("b"):
            await client.stream.send_all(bytes([byte]))
            await trio.testing.wait_all_tasks_blocked()
        await client.stream.send_eof()
        return await client.rest()

    answers = await converse(streams, echo_path, talk)
    assert [outcome(each) for each in answers] == [(1, "a"), (2, "b")]


async def test_buffered_requests_are_answered_in_one_send(streams):
    """Pipelining is fast because the answers travel together."""
    client, server = streams
    await client.send(*"abcdefgh")
    await client.stream.send_eof()

    assert len(await sends_of(server, echo_path)) == 1


async def test_large_answers_do_not_pile_up(streams):
    """Answers that wait to be sent together are bounded."""
    client, server = streams
    large = Response(data={"blob": bytes(session.FLUSH_BYTES)})
    await client.send(*"abc")
    await client.stream.send_eof()

    assert len(await sends_of(server, answering(dict.fromkeys("abc", large)))) == 3


async def test_others_get_their_turn_while_one_pipelines(streams, mock_clock):
    """After TURN_SECONDS of one client's buffered requests, the answers go out and others run."""
    client, server = streams

    async def half_a_turn(request, encode):
        mock_clock.jump(session.TURN_SECONDS / 2)
        return await echo_path(request, encode)

    await client.send(*"abcdef")
    await client.stream.send_eof()

    assert len(await sends_of(server, half_a_turn)) == 3


# -- refusing


async def test_a_refusal_costs_one_answer(streams):
    client, server = streams
    refusing = answering({"b": NotFoundError(), "c": PermissionDeniedError()})
    await client.send("a", "b", "c", "d")
    await client.stream.send_eof()

    await serve(server, refusing)

    assert [outcome(each) for each in await client.rest()] == [
        (1, "a"),
        (2, "not_found"),
        (3, "permission_denied"),
        (4, "d"),
    ]


async def test_an_answer_too_large_to_send_is_refused_before_anything_is_committed(streams):
    """The router encodes first, so the refusal comes through it."""
    client, server = streams
    committed = []

    async def answer(request, encode):
        frame = encode(Response(data={"blob": bytes(64 * 1024 * 1024)}))
        committed.append(request)
        return frame

    await client.send("a")
    await client.stream.send_eof()
    await serve(server, answer)

    [(identity, error)] = await client.rest()
    assert (identity, type(error), committed) == (1, TooLargeError, [])


async def test_a_map_that_is_no_request_is_refused_and_the_connection_lives(streams):
    client, server = streams
    payload = codec.encode({"id": 7, "operation": "peek"})
    await client.stream.send_all(frame(payload, max_bytes=len(payload)))
    await client.send("a")
    await client.stream.send_eof()

    await serve(server)

    assert [outcome(each) for each in await client.rest()] == [(7, "invalid_request"), (1, "a")]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (b"\0\0\0\1\xff", "malformed_frame"),
        (b"\0\0\0\0", "malformed_frame"),
        (b"\xff\xff\xff\xff", "frame_too_large"),
        (b"GET / HTTP/1.1\r\n", "frame_too_large"),
    ],
)
async def test_a_broken_frame_ends_the_connection_after_the_answers_before_it(
    streams, broken, code, autojump_clock
):
    client, server = streams
    await client.stream.send_all(client.request("a") + broken + client.request("never"))

    await serve(server)

    first, last = await client.rest()
    assert outcome(first) == (1, "a")
    assert outcome(last) == (None, code)


# -- our own mistakes


async def test_a_bug_costs_one_answer_and_tells_no_value(streams, caplog):
    """The log has the exception's type and the places it passed; its text may be a secret."""
    client, server = streams
    await client.send("bug", "fine")
    await client.stream.send_eof()

    await serve(server, answering({"bug": KeyError("hunter2")}))

    bug, fine = await client.rest()
    assert (bug[0], type(bug[1]), bug[1].messages) == (1, InternalError, ("internal error",))
    assert outcome(fine) == (2, "fine")
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "KeyError at " in caplog.text
    assert "session_client.py" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: ExceptionGroup("", [error])])
async def test_a_store_error_stops_the_daemon(streams, wrap):
    client, server = streams
    error = wrap(StoreError("a sync failed"))
    await client.send("a")

    with pytest.raises((StoreError, ExceptionGroup)) as caught:
        await serve(server, answering({"a": error}))

    assert caught.value is error


async def test_a_stream_that_breaks_inside_the_router_is_a_bug_of_ours(streams, caplog):
    """It is not taken for the client's: that would end the connection without a word."""
    client, server = streams
    await client.send("a")
    await client.stream.send_eof()

    await serve(server, answering({"a": trio.BrokenResourceError()}))

    assert [outcome(each) for each in await client.rest()] == [(1, "internal")]
    assert caplog.records


# -- secrets


@pytest.mark.parametrize("path", ["fine", "refused", "bug"])
async def test_nothing_of_a_request_is_kept_while_its_client_is_idle(streams, path):
    """Not by a variable, and not by an exception whose frames hold it."""

    async def answer(_request, encode):
        if path == "refused":
            raise BusyError
        if path == "bug":
            raise KeyError
        return encode(Response(data={"path": "secret"}))

    async def talk(client):
        gc.collect()
        gc.disable()  # a cycle would be held until the next collection
        try:
            await client.stream.send_all(client.request("a", data={"password": "hunter2"}))
            assert await client.next() is not None
            await trio.testing.wait_all_tasks_blocked()
            kept = [
                each
                for each in gc.get_objects()
                if isinstance(each, Request) and each.data == {"password": "hunter2"}
            ]
        finally:
            gc.enable()
        await client.stream.send_eof()
        return kept

    assert await converse(streams, answer, talk) == []


def test_whoever_is_turned_away_gets_a_frame_without_an_id():
    client = ClientConnection()
    client.receive_data(session.turn_away(BusyError("full")))

    identity, error = client.next_event()

    assert (identity, type(error), error.messages) == (None, BusyError, ("full",))
