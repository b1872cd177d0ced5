"""What holds for every stream of bytes that comes through the HTTP door.

The rules: how it was cut into reads changes nothing; requests or an error come out, and nothing
else; and whatever is read, a second reader who goes by the grammar alone reads likewise.
"""

from itertools import pairwise

from fakes import OWNER
from http_events import bytewise, connected, events
from http_oracle import read_requests
from http_shapes import SHAPES
from http_talk import GET, chunked, chunks, get, post, sized
from hypothesis import example, given
from hypothesis import strategies as st

from cubbyd.errors import MalformedHttpError, RefusedError
from cubbyd.messages import Request
from cubbyd.server.http.request import HttpRequest, to_request
from cubbyd.server.protocol import Interim
from cubbyd.wire.connection import Asked, Misasked

VALID = [
    GET,
    sized(b'{"a": [1]}'),
    chunked(chunks(b'{"a":', b" 2}")),
    post(),
    get(b"Connection: close"),
    post(b"Expect: 100-continue", b"Content-Length: 2", body=b"{}"),
    GET.replace(b"1.1", b"1.0"),
]
NASTY = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"2", b"F", b"\r\n\r\n"]
NASTY += [b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b"\x0b", b"\x80", b"\xa0"]
NASTY += [b"Connection: close\r\n", b"X", b"#", b"%", b"HTTP/1.1", b"/", b"-", b"+", b"_", b"@"]
good = st.lists(st.sampled_from(VALID), min_size=1, max_size=4).map(b"".join)
requests = good | st.tuples(good, st.sampled_from([*SHAPES.values()]), good).map(b"".join)


@st.composite
def mutated(draw):
    """Good requests, spoilt in a few places."""
    stream = draw(requests)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(stream)))
        stream = stream[:at] + draw(st.sampled_from(NASTY)) + stream[at + draw(st.integers(0, 2)) :]
    return stream


def cut(stream, places):
    """The stream, cut at these places."""
    ends = sorted({min(place, len(stream)) for place in places} | {0, len(stream)})
    return [stream[a:b] for a, b in pairwise(ends)]


def outcomes(found):
    """What can be compared: requests, refusals' words, and that the stream broke."""
    return [
        event.request
        if isinstance(event, Asked)
        else str(event.error)
        if isinstance(event, Misasked)
        else "broken"
        for event in found
        if not isinstance(event, Interim)
    ]


@given(mutated(), st.sets(st.integers(0, 900), max_size=6))
def test_any_split_yields_the_same_events(stream, places):
    """But for the go-ahead, which is for those who wait."""
    whole = outcomes(events(connected(), stream))

    assert outcomes(events(connected(), *cut(stream, places))) == whole
    assert outcomes(events(connected(), *bytewise(stream))) == whole


@given(st.binary(max_size=300) | mutated())
def test_arbitrary_bytes_are_requests_or_an_error(stream):
    """Nothing else ever leaves the state machine."""
    for event in events(connected(), stream):
        assert isinstance(event, Asked | Misasked | Interim | MalformedHttpError)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"Content-Length: 300", b"Transfer-Encoding: chunked"]),
)
def test_arbitrary_bodies_are_requests_or_an_error(body, header):
    for event in events(connected(), post(header, body=body)):
        assert isinstance(event, Asked | Misasked | Interim | MalformedHttpError)


@given(mutated())
@example(chunked(b"2 \r\n{}\r\n0\r\n\r\n"))
@example(post(b"Content-Length: 2, 2", body=b"{}"))
def test_whatever_is_read_a_strict_reader_reads_likewise(stream):
    """It may read on where we refuse, and never the other way round."""
    ours = [each for each in outcomes(events(connected(), stream)) if each != "broken"]
    theirs = []
    for each in read_requests(stream):
        http = HttpRequest(
            method=each.method, target=each.target, headers=each.headers, body=each.body
        )
        try:
            theirs.append(to_request(http, OWNER))
        except (RefusedError, MalformedHttpError) as error:
            theirs.append(str(error))

    assert [as_owner(each) for each in ours] == theirs[: len(ours)]


def as_owner(outcome):
    if isinstance(outcome, str):
        return outcome
    return Request(
        operation=outcome.operation,
        path=outcome.path,
        peer=OWNER,
        token=outcome.token,
        data=outcome.data,
        wrap_ttl=outcome.wrap_ttl,
    )
