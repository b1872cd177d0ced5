"""The head of an HTTP request, judged by its bytes.

The rules: what the grammar has one reading for passes; whatever is longer, or more, than any client
sends is refused with the status that says so; and no complaint repeats what it complains of.
"""

import pytest
from fakes import OWNER
from http_shapes import HEADERS, LINES
from http_talk import GET, HOST, get

from cubbyd.errors import MalformedHttpError
from cubbyd.server.http import head
from cubbyd.server.http.connection import HttpConnection


def check(request):
    head.check(request.removesuffix(head.END))


def refusal(judge, *given):
    with pytest.raises(MalformedHttpError) as caught:
        judge(*given)
    return caught.value


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/1.1",
        b"GET /v1/sys/health HTTP/1.0",
        b"LIST /v1/cubbyhole/ HTTP/1.1",
        b"get /v1/x?list=true&a=%20 HTTP/1.1",
        b"M-SEARCH /~a/b;c=d/e:f@g,h!$'()*+=|{}^\"<>` HTTP/1.1",
    ],
)
def test_a_request_line_in_origin_form_passes(request_line):
    """Also with what a URL should escape, since curl does not, and nobody reads it otherwise."""
    check(request_line + b"\r\n" + HOST + b"\r\n")


@pytest.mark.parametrize(
    "header",
    [
        b"X: ",
        b"X:",
        b"X:y",
        b"X: \t y \t ",
        b"X: a b\tc",
        b"X: caf\xe9",
        b"X: :",
        b"!#$%&'*+-.^_`|~09aZ: y",
        b"Content-Length: 0",
        b"Content-Length:  007 ",
        b"Content-Length: " + b"9" * 18,
        b"transfer-encoding: Chunked",
    ],
)
def test_a_header_by_the_grammar_passes(header):
    check(get(header))


@pytest.mark.parametrize(
    "host",
    [b"", b"localhost", b"localhost:8200", b"[::1]:8200", b"127.0.0.1", b"%2Frun%2Fcubbyd.sock"],
)
def test_any_host_will_do_that_is_one(host):
    """Clients of Unix sockets send the strangest; nothing depends on it."""
    check(GET.replace(b"localhost", host))


@pytest.mark.parametrize("name", LINES | HEADERS)
def test_what_two_readers_could_take_for_different_requests_is_refused(name):
    """By this check or by h11, whichever comes first; and so for each beginning that shows it."""
    connection = HttpConnection(OWNER)
    connection.receive_data((LINES | HEADERS)[name] + GET)

    assert refusal(connection.next_event).status == 400


@pytest.mark.parametrize("number", [*range(9), *range(10, 32), 127])
def test_a_control_character_in_a_header_is_refused(number):
    """All but the tab."""
    assert refusal(check, get(b"X: a%cb" % number)).status == 400


def test_a_length_that_some_readers_cannot_count_is_refused():
    """2^63 has 19 digits."""
    assert refusal(check, get(b"Content-Length: " + b"9" * 19)).status == 400


@pytest.mark.parametrize(
    "name",
    [
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"content-type",
        b"expect",
        b"authorization",
        b"x-vault-token",
        b"x-vault-namespace",
        b"x-vault-wrap-ttl",
    ],
)
def test_a_header_that_means_something_is_there_once(name):
    value = {b"host": b"localhost", b"content-length": b"1"}.get(name, b"x")
    twice = get(name + b": " + value, b"X: y", name.title() + b": " + value)

    assert "twice" in str(refusal(check, twice))


def test_other_headers_may_be_there_again():
    check(get(b"Accept: a", b"Accept: b", b"Connection: a", b"Connection: close"))


def test_only_the_two_versions_are_spoken():
    for version in (b"0.9", b"1.2", b"2.0", b"3.0", b"9.9"):
        assert refusal(check, GET.replace(b"1.1", version)).status == 505


# -- how much


def padded(size, line=b"X: "):
    """A head of so many bytes, without its end."""
    begin = GET.removesuffix(b"\r\n") + line
    return begin + b"a" * (size - len(begin))


def test_a_head_has_its_bound():
    whole = padded(head.MAX_HEAD_BYTES)
    connection = HttpConnection(OWNER)

    head.check_beginning(whole)
    connection.receive_data(whole + head.END)
    connection.next_event()

    assert refusal(head.check_beginning, whole + b"a").status == 431


def test_a_head_that_ends_behind_the_bound_is_refused_likewise():
    connection = HttpConnection(OWNER)
    connection.receive_data(padded(head.MAX_HEAD_BYTES + 1) + head.END)

    assert refusal(connection.next_event).status == 431


def test_a_request_line_beyond_the_bound_has_a_status_of_its_own():
    long = b"GET /" + b"a" * head.MAX_HEAD_BYTES

    assert refusal(head.check_beginning, long).status == 414


def test_headers_are_counted():
    check(get(*[b"X: y"] * (head.MAX_HEADERS - 1)))

    assert refusal(check, get(*[b"X: y"] * head.MAX_HEADERS)).status == 431


# -- early


@pytest.mark.parametrize(
    "beginning", [b"", b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: x\r\n"]
)
def test_a_beginning_that_may_become_a_request_is_waited_for(beginning):
    head.check_beginning(beginning)


@pytest.mark.parametrize(
    "beginning",
    [b"\n", b"\r", b"\0", b" ", b"\x16", b"\x80", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nX\n"],
)
def test_a_beginning_that_never_will_is_refused_at_once(beginning):
    """Whoever ends lines with a bare LF would otherwise wait for an answer until it times out."""
    assert refusal(head.check_beginning, beginning).status == 400


@pytest.mark.parametrize("shape", (LINES | HEADERS).values())
def test_a_complaint_quotes_nothing(shape):
    marked = shape.replace(b"health", b"hunter2").replace(b"X: a", b"X: hunter2")
    connection = HttpConnection(OWNER)
    connection.receive_data(marked + GET)

    error = refusal(connection.next_event)

    assert "hunter2" not in str(error)
    assert error.__context__ is None
