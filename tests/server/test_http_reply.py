"""Our one response as HTTP.

The rules: a status that says what happened, nothing that a cache would keep, a length that is true,
and no body where HTTP has none.
"""

import re

import pytest
from http_talk import read_answer
from hypothesis import given
from strategies import refusals, responses

from cubbyd.errors import (
    BusyError,
    MalformedFrameError,
    MalformedHttpError,
    NotFoundError,
    TooLargeError,
)
from cubbyd.messages import Response
from cubbyd.server.http import reply
from cubbyd.server.http.request import RedirectError, Shape, WordlessError
from cubbyd.wire.framing import MAX_ANSWER_BYTES

DATE = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"


def answered(response, *, shape=Shape.ENVELOPE, is_head=False, **options):
    message = reply.answer(response, shape=shape, is_head=is_head, **options)
    return read_answer(message, is_head=is_head)


def refused(error, *, closes=False, **options):
    return read_answer(reply.refuse(error, closes=closes, **options), **options)


# -- answers


def test_an_answer_is_json_in_openbaos_envelope():
    answer = answered(Response(request_id="id", data={"a": "é", "b": [b"\xff"]}))

    assert answer.status == 200
    assert "é".encode() in answer.body
    assert answer.json == {
        "request_id": "id",
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": {"a": "é", "b": ["_w"]},
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }


def test_the_headers_are_few_and_forbid_keeping_it():
    headers = answered(Response(data={})).headers

    assert re.fullmatch(DATE, headers.pop("date"))
    assert int(headers.pop("content-length")) > 0
    assert headers == {"cache-control": "no-store", "content-type": "application/json"}


def test_an_answer_without_anything_is_204_and_has_no_body():
    """Nor anything that speaks of one."""
    message = reply.answer(Response(request_id="id"), shape=Shape.ENVELOPE)
    answer = read_answer(message)

    assert answer.status == 204
    assert message.endswith(b"\r\n\r\n")
    assert answer.headers.keys() == {"date", "cache-control"}


def test_an_answer_may_have_a_status_of_its_own():
    assert answered(Response(data={}, status=202)).status == 202


@pytest.mark.parametrize(
    ("shape", "members"),
    [(Shape.BARE, {"a"}), (Shape.SPREAD, {"a", "data"}), (Shape.ENVELOPE, {"data"})],
)
def test_data_is_where_openbaos_clients_look_for_it(shape, members):
    found = answered(Response(data={"a": 1}), shape=shape).json

    assert found.keys() & {"a", "data"} == members


def test_data_beside_the_envelope_does_not_replace_it():
    found = answered(Response(request_id="id", data={"request_id": "x"}), shape=Shape.SPREAD).json

    assert found["request_id"] == "id"


@pytest.mark.parametrize("is_head", [False, True])
def test_the_last_answer_says_so(is_head):
    answer = answered(Response(data={}), is_head=is_head, closes=True)

    assert answer.headers["connection"] == "close"


def test_an_answer_to_head_has_the_length_of_what_is_left_out():
    full, bare = answered(Response(data={})), answered(Response(data={}), is_head=True)

    assert bare.headers["content-length"] == full.headers["content-length"] == str(len(full.body))


def test_an_answer_that_no_client_would_take_is_refused():
    with pytest.raises(TooLargeError):
        answered(Response(data={"a": bytes(MAX_ANSWER_BYTES)}))


# -- refusals


@pytest.mark.parametrize(
    ("error", "status", "errors"),
    [
        (BusyError("a", "b"), 503, ["a", "b"]),
        (NotFoundError(), 404, []),
        (NotFoundError(status=403), 403, []),
        (WordlessError(status=405), 405, []),
        (MalformedHttpError("m"), 400, ["m"]),
        (MalformedHttpError("m", status=431), 431, ["m"]),
        (MalformedFrameError("m"), 400, ["m"]),
    ],
)
def test_a_refusal_is_a_list_of_words(error, status, errors):
    answer = refused(error)

    assert (answer.status, answer.json) == (status, {"errors": errors})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_a_redirect_is_a_place():
    answer = refused(RedirectError("/v1/x?a"))

    assert (answer.status, answer.headers["location"], answer.body) == (307, "/v1/x?a", b"")


def test_a_refusal_of_head_has_no_body():
    assert not refused(BusyError(), is_head=True).body


def test_the_go_ahead_has_no_headers():
    answer = read_answer(reply.CONTINUE)

    assert (answer.status, answer.headers) == (100, {})


# -- properties


@given(responses)
def test_every_answer_can_be_written(response):
    """And is framed by its own length, whatever is in it."""
    if response.status is not None:
        return  # those that occur have a phrase
    for shape in Shape:
        answered(response, shape=shape)


@given(refusals)
def test_every_refusal_can_be_written(error):
    error.status = type(error).status
    answer = refused(error)

    assert answer.errors == [*error.messages]
