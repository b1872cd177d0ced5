"""The daemon's end of an HTTP connection: bytes in, requests out, one after the other.

The rules: how the stream was cut into reads changes nothing; nothing is lost between two requests;
what is too large is refused before it is waited for; and where a generous reader and a strict one
would part, the connection ends.
"""

import pytest
from fakes import OWNER
from http_events import MAX_BYTES, bytewise, connected, events
from http_shapes import CHUNKS, LENGTHS, OTHER_STATUS, SHAPES
from http_talk import GET, chunked, chunks, get, post, read_answer, sized

from cubbyd.errors import PermissionDeniedError
from cubbyd.messages import Operation, Request, Response, Role
from cubbyd.secret import Secret
from cubbyd.server.http.connection import turn_away
from cubbyd.server.protocol import Interim
from cubbyd.wire.connection import Asked, Misasked

GO_AHEAD = Interim(b"HTTP/1.1 100 Continue\r\n\r\n")


def paths(found):
    return [event.request.path for event in found]


def read(name):
    return get(path=b"/v1/cubbyhole/" + name)


# -- one request


def test_a_request_is_what_the_client_sent():
    [asked] = events(connected(), sized(b'{"a": 1}', b"X-Vault-Token: t", b"X-Vault-Wrap-TTL: 60"))

    assert asked == Asked(
        0,
        Request(
            operation=Operation.WRITE,
            path="cubbyhole/x",
            peer=asked.request.peer,
            token=Secret(b"t"),
            data={"a": 1},
            wrap_ttl="60",
        ),
    )


def test_an_owner_is_nobody_here_without_a_token():
    """Whoever forwards HTTP does so with its own uid, which must not speak for those behind it."""
    [asked] = events(connected(), GET)

    assert asked.request.peer.role is Role.BEARER
    assert asked.request.peer.uid == OWNER.uid


def test_what_is_no_request_of_ours_costs_one_answer():
    first, second = events(connected(), get(path=b"/v2/x") + GET)

    assert isinstance(first, Misasked)
    assert isinstance(second, Asked)


# -- one after the other


def test_requests_may_be_sent_without_waiting():
    stream = read(b"a") + sized(b'{"k": "v"}') + post(path=b"/v1/b") + chunked(chunks(b"{}")) + GET

    found = events(connected(), stream)

    assert paths(found) == ["cubbyhole/a", "cubbyhole/x", "b", "cubbyhole/x", "sys/health"]
    assert [event.request.data for event in found] == [None, {"k": "v"}, None, {}, None]


def test_one_request_is_handed_out_at_a_time():
    """The answer to the first is made between the two."""
    connection = connected()
    connection.receive_data(read(b"a").replace(b"GET", b"HEAD") + read(b"b"))

    connection.next_event()
    assert not read_answer(connection.refuse(0, PermissionDeniedError()), is_head=True).body
    connection.next_event()
    assert read_answer(connection.refuse(0, PermissionDeniedError())).body


def test_a_body_longer_than_its_length_is_the_next_request():
    first, second = events(connected(), post(b"Content-Length: 2", body=b"{}{}\r\n\r\n"))

    assert first.request.data == {}
    assert second.status == 400


def test_a_request_that_has_begun_is_owed():
    connection = connected()
    owed = []
    for piece in (b"", b"G", GET[1:-1], GET[-1:], post(b"Content-Length: 2"), b"{", b"}"):
        events(connection, piece)
        owed.append(connection.is_mid_frame)

    assert owed == [False, True, True, False, True, True, False]


# -- keeping alive


def is_over_after(request):
    connection = connected()
    found = events(connection, request + read(b"next"))
    closes = "connection" in read_answer(connection.answer(0, Response())).headers
    assert closes == connection.is_over
    assert len(found) == (1 if closes else 2)
    return connection.is_over


def test_a_connection_is_kept_unless_somebody_says_otherwise():
    assert not is_over_after(GET)
    assert not is_over_after(get(b"Connection: keep-alive"))
    assert not is_over_after(get(b"Connection: upgrade, http2-settings", b"Upgrade: h2c"))
    assert not is_over_after(get(b"Connection: closed"))


@pytest.mark.parametrize(
    "headers",
    [
        [b"Connection: close"],
        [b"connection:CLOSE"],
        [b"Connection: TE, close"],
        [b"Connection: close", b"Connection: keep-alive"],
        [b"Connection: keep-alive", b"Connection: close"],
        [b"Connection: ,close,"],
    ],
)
def test_a_client_may_say_that_this_was_all(headers):
    """Several headers are one list. What comes behind is not read."""
    assert is_over_after(get(*headers))


@pytest.mark.parametrize("headers", [[], [b"Connection: keep-alive"]])
def test_http_1_0_is_one_request(headers):
    """Its keep-alive is an extension that not everybody in between understood."""
    assert is_over_after(get(*headers).replace(b"HTTP/1.1", b"HTTP/1.0"))


def test_http_1_0_needs_no_host():
    assert is_over_after(b"GET /v1/sys/health HTTP/1.0\r\n\r\n")


def test_a_refusal_that_is_the_last_says_so_too():
    connection = connected()
    for request, closes in ((get(path=b"/v2/"), False), (get(b"Connection: close"), True)):
        events(connection, request)
        answer = read_answer(connection.refuse(0, PermissionDeniedError()))
        assert ("connection" in answer.headers) == closes


# -- HEAD


def test_an_answer_to_head_has_the_headers_alone():
    connection = connected()
    connection.receive_data(GET.replace(b"GET", b"HEAD"))
    connection.next_event()

    told = read_answer(connection.answer(0, Response(data={"a": 1})), is_head=True)

    assert told.headers["content-length"] == "8"
    assert not told.body


def test_a_head_that_cannot_be_read_has_no_body_either():
    connection = connected()
    [error] = events(connection, get(path=b"/v1/%").replace(b"GET", b"HEAD"))

    assert read_answer(connection.refuse(None, error), is_head=True).status == 400


def test_after_head_a_broken_request_is_told_in_full():
    """Whether that was a HEAD is not known."""
    connection = connected()
    [_, error] = events(connection, GET.replace(b"GET", b"HEAD") + b"\0")

    assert read_answer(connection.refuse(None, error)).errors


# -- chunks


@pytest.mark.parametrize(
    "body",
    [
        b"2\r\n{}\r\n0\r\n\r\n",
        b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        b"0000000000000002\r\n{}\r\n0000\r\n\r\n",
        b"a\r\n{        }\r\n0\r\n\r\n",
        b"A\r\n{        }\r\n0\r\n\r\n",
        b'2;a;b=c;d="e f"\r\n{}\r\n0;last\r\n\r\n',
        b"2;" + b"x" * 255 + b"\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_a_body_may_come_in_chunks(body):
    """Extensions are ignored."""
    for pieces in ([chunked(body) + GET], bytewise(chunked(body) + GET)):
        first, second = events(connected(), *pieces)
        assert first.request.data == {}
        assert second.request.path == "sys/health"


def test_chunks_may_hold_what_looks_like_their_end():
    body = b'"\r\n0\r\n\r\n"'
    [asked] = events(connected(), chunked(chunks(body)))

    assert isinstance(asked, Misasked)


# -- shapes


@pytest.mark.parametrize("name", SHAPES)
def test_what_could_be_read_in_two_ways_ends_the_connection(name):
    """With the same status, however it is cut; and what lies behind is never a request."""
    for pieces in ([SHAPES[name] + GET], bytewise(SHAPES[name] + GET)):
        connection = connected()
        [error] = events(connection, *pieces)
        assert error.status == OTHER_STATUS.get(name, 400)
        answer = read_answer(connection.refuse(None, error))
        assert answer.status == error.status
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("shape", (LENGTHS | CHUNKS).values())
def test_a_complaint_quotes_nothing(shape):
    marked = shape.replace(b"{}", b"{hunter2}").replace(b";a", b";hunter2")
    [*_, error] = events(connected(), marked + GET)

    assert "hunter2" not in str(error)
    assert getattr(error, "__context__", None) is None


# -- limits


def test_a_body_has_its_bound():
    largest = b" " * MAX_BYTES

    assert isinstance(*events(connected(), sized(largest)), Misasked)
    assert isinstance(*events(connected(), chunked(chunks(largest))), Misasked)


@pytest.mark.parametrize(
    "beginning",
    [
        post(b"Content-Length: %d" % (MAX_BYTES + 1)),
        post(b"Content-Length: 999999999999999999"),
        chunked(b"%x\r\n" % (MAX_BYTES + 1)),
        chunked(b"FFFFFFFFFFFFFFFF\r\n"),
        chunked(b"1\r\n \r\n%x\r\n" % MAX_BYTES),
    ],
)
def test_a_body_beyond_is_refused_when_its_size_is_known(beginning):
    [error] = events(connected(), beginning)

    assert error.status == 413


def test_chunks_that_are_mostly_framing_are_too_large():
    """A client would make us work at no cost of its own."""
    [error] = events(connected(), chunked(b"1\r\n \r\n" * (MAX_BYTES - 1)))

    assert error.status == 413


@pytest.mark.parametrize("line", [b"0" * 17, b"2;" + b"x" * 256, b"2;"])
def test_a_chunks_line_that_does_not_end_is_not_waited_for(line):
    stream = chunked(line + b"x" * 256)

    assert [error.status for error in events(connected(), stream)] == [400]
    assert [error.status for error in events(connected(), *bytewise(stream))] == [400]


@pytest.mark.parametrize(
    "line", [b"x", b"2\n", b"2 ", b"2\r\r", b"\r", b"-", b"0\r\n\n", b"0\r\nX"]
)
def test_a_chunks_line_that_never_will_be_one_is_refused_at_once(line):
    assert [error.status for error in events(connected(), chunked(line))] == [400]


# -- 100-continue

EXPECT = b"Expect: 100-continue"


@pytest.mark.parametrize("body_header", [b"Content-Length: 2", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("expect", [EXPECT, b"expect:100-Continue"])
def test_a_client_that_waits_is_told_to_go_on(expect, body_header):
    """Once, before its body."""
    connection = connected()
    body = b"{}" if b"Length" in body_header else chunks(b"{}")

    assert events(connection, post(expect, body_header)) == [GO_AHEAD]
    [asked] = events(connection, *bytewise(body))
    assert asked.request.data == {}


def test_a_client_that_does_not_wait_after_all_is_told_nothing():
    [asked] = events(connected(), post(EXPECT, b"Content-Length: 2", body=b"{}"))

    assert asked.request.data == {}


@pytest.mark.parametrize(
    "request_",
    [post(EXPECT), post(EXPECT, b"Content-Length: 0"), get(EXPECT)],
)
def test_where_there_is_no_body_nobody_waits(request_):
    assert isinstance(*events(connected(), request_), Asked)


def test_http_1_0_knows_no_waiting():
    old = post(EXPECT, b"Content-Length: 2").replace(b"HTTP/1.1", b"HTTP/1.0")

    assert events(connected(), old) == []


def test_a_body_that_is_too_large_is_refused_instead():
    [error] = events(connected(), post(EXPECT, b"Content-Length: %d" % (MAX_BYTES + 1)))

    assert error.status == 413


# -- those who do not come in


def test_whoever_is_turned_away_is_told_so_in_http():
    answer = read_answer(turn_away(PermissionDeniedError("no")))

    assert (answer.status, answer.errors) == (403, ["no"])
    assert answer.headers["connection"] == "close"
