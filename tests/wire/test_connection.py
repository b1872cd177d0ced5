"""The two ends of a connection keep these rules.

- What one end sends, the other reads back equal: requests, answers, refusals.
- Arbitrary bytes are understood, refused, or break the connection; there is no fourth outcome.
- A request that is no request costs its sender a refusal, not the connection.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import PEER, ids, maps, operations, refusals, responses, secrets, values

from cubbyd import codec
from cubbyd.errors import (
    REFUSALS,
    FrameTooLargeError,
    MalformedFrameError,
    NotFoundError,
    TooLargeError,
    WireError,
)
from cubbyd.messages import Operation, Request, Response
from cubbyd.secret import Secret
from cubbyd.wire.connection import Asked, ClientConnection, Misasked, Need, ServerConnection
from cubbyd.wire.framing import MAX_ANSWER_BYTES, frame

wrap_ttls = st.none() | st.integers(0, 2**64 - 1) | st.text(max_size=8)
request_like = (
    st.fixed_dictionaries(
        {},
        optional={
            "id": ids | values,
            "operation": st.sampled_from(["read", "write", "list", "delete"]) | values,
            "path": st.text(max_size=20) | values,
            "token": st.text(max_size=20) | values,
            "data": maps | values,
            "wrap_ttl": wrap_ttls | values,
        },
    )
    | maps
)


def framed(value):
    """A frame around whatever value."""
    return frame(codec.encode(value), max_bytes=2**32 - 1)


def a_server(stream):
    """The daemon's end, with these bytes received."""
    server = ServerConnection(PEER)
    server.receive_data(stream)
    return server


def a_client(stream):
    """A client's end, with these bytes received."""
    client = ClientConnection()
    client.receive_data(stream)
    return client


@given(operations, st.text(max_size=20), st.none() | secrets, st.none() | maps, wrap_ttls)
def test_a_request_arrives_as_it_was_sent(operation, path, token, data, wrap_ttl):
    request_id, sent = ClientConnection().ask(
        operation, path, token=token, data=data, wrap_ttl=wrap_ttl
    )

    event = a_server(sent).next_event()

    assert event == Asked(
        request_id,
        Request(
            operation=operation, path=path, peer=PEER, token=token, data=data, wrap_ttl=wrap_ttl
        ),
    )


@given(ids, responses)
def test_an_answer_arrives_as_it_was_sent(request_id, response):
    sent = ServerConnection(PEER).answer(request_id, response)
    assert a_client(sent).next_event() == (request_id, response)


@given(st.none() | ids, refusals)
def test_a_refusal_arrives_as_it_was_sent(request_id, error):
    sent = ServerConnection(PEER).refuse(request_id, error)

    received_id, received = a_client(sent).next_event()

    assert received_id == request_id
    assert type(received) is type(error)
    assert (received.code, received.status) == (error.code, error.status)
    assert (received.messages, received.detail) == (error.messages, error.detail)


@pytest.mark.parametrize("kind", REFUSALS.values())
def test_every_code_survives_the_wire(kind):
    _, received = a_client(ServerConnection(PEER).refuse(1, kind("no"))).next_event()
    assert type(received) is kind
    assert (received.code, received.status) == (kind.code, kind.status)


def test_a_refusal_without_words_arrives_with_its_code_for_words():
    _, received = a_client(ServerConnection(PEER).refuse(1, NotFoundError())).next_event()
    assert received.messages == ("not_found",)


@pytest.mark.parametrize("error", [MalformedFrameError("no map"), FrameTooLargeError("too long")])
def test_a_broken_frame_is_answered_too(error):
    request_id, received = a_client(ServerConnection(PEER).refuse(None, error)).next_event()
    assert request_id is None
    assert (received.code, received.status) == (error.code, error.status)
    assert received.messages == (str(error),)


@given(st.binary(max_size=60) | values.map(framed) | request_like.map(framed))
def test_a_daemon_survives_any_bytes(stream):
    server = a_server(stream)
    for _ in range(len(stream) + 1):
        try:
            event = server.next_event()
        except WireError:
            return
        if event is Need.DATA:
            return
        assert isinstance(event, Asked | Misasked)
    raise AssertionError("more events than bytes")


@given(st.binary(max_size=60) | values.map(framed) | maps.map(framed))
def test_a_client_survives_any_bytes(stream):
    client = a_client(stream)
    try:
        client.next_event()
    except WireError:
        return


@given(request_like)
def test_any_map_is_a_request_or_leaves_the_connection_alive(fields):
    server = a_server(framed(fields) + framed({"id": 7, "operation": "read", "path": "x"}))

    assert isinstance(server.next_event(), Asked | Misasked)

    assert server.next_event().id == 7


@given(request_like)
def test_a_refused_request_is_told_by_its_id(fields):
    event = a_server(framed(fields)).next_event()

    request_id = fields.get("id")
    has_id = type(request_id) is int and 0 <= request_id < 2**64
    assert event.id == (request_id if has_id else None)


def test_requests_may_be_sent_before_answers_are_read():
    client = ClientConnection()
    sent = [client.ask(Operation.READ, f"cubbyhole/{n}") for n in range(3)]
    server = a_server(b"".join(data for _, data in sent))

    asked = [server.next_event() for _ in sent]
    for each in asked:
        client.receive_data(server.answer(each.id, Response(request_id=each.request.path)))

    answers = [client.next_event() for _ in sent]
    assert [request_id for request_id, _ in answers] == [request_id for request_id, _ in sent]
    assert [answer.request_id for _, answer in answers] == [f"cubbyhole/{n}" for n in range(3)]
    assert client.next_event() is Need.DATA


def test_a_daemon_may_take_less_than_the_default():
    server = ServerConnection(PEER, max_frame_bytes=20)
    _, sent = ClientConnection().ask(Operation.READ, "cubbyhole/a-longer-path")
    server.receive_data(sent)
    with pytest.raises(FrameTooLargeError, match="the limit is 20"):
        server.next_event()


def test_a_daemon_may_take_more_than_the_default():
    """The limit is the daemon's to name, so a client does not hold itself to the default."""
    data = {"file": bytes(2 * 1024 * 1024)}
    _, sent = ClientConnection().ask(Operation.WRITE, "cubbyhole/file", data=data)
    server = ServerConnection(PEER, max_frame_bytes=4 * 1024 * 1024)
    server.receive_data(sent)
    assert server.next_event().request.data == data


def test_an_answer_that_no_client_would_take_is_refused_before_it_is_sent():
    response = Response(data={"file": bytes(MAX_ANSWER_BYTES)})
    with pytest.raises(TooLargeError, match="the limit is 67108864"):
        ServerConnection(PEER).answer(1, response)


def test_a_client_refuses_what_it_cannot_say():
    client = ClientConnection()
    with pytest.raises(ValueError, match="cubbyd cannot carry this value"):
        client.ask(Operation.WRITE, "cubbyhole/x", data={"when": object()})
    with pytest.raises(ValueError, match="cubbyd cannot carry this value"):
        client.ask(Operation.READ, "cubbyhole/\ud800")
    with pytest.raises(ValueError, match="not text"):
        client.ask(Operation.READ, "cubbyhole/x", token=Secret(b"\xff"))


def test_an_unknown_key_is_counted_and_not_repeated():
    event = a_server(framed({"id": 1, "operation": "read", "path": "x", "xyzzy": 1})).next_event()
    assert "1 unknown key(s)" in str(event.error)
    assert "xyzzy" not in str(event.error)
