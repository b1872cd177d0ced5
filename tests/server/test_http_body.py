"""A request's body: one JSON object by the book, or a form.

The rules: what Python would take and JSON does not have is refused; what cubbyd cannot carry is
refused here, before anybody looks at a token; and no complaint repeats what it complains of.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import maps

from cubbyd import codec
from cubbyd.errors import InvalidRequestError, RefusedError
from cubbyd.server.http.body import FORM, MAX_FORM_BYTES, MAX_FORM_FIELDS, pairs, parse_body
from cubbyd.value import to_json

JSON = "application/json"


def refusal(body, content_type=JSON):
    with pytest.raises(InvalidRequestError) as caught:
        parse_body(body, content_type)
    assert caught.value.status == 400
    return str(caught.value)


# -- JSON


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"", None),
        (b"null", None),
        (b"{}", {}),
        (b' \t\r\n{"a": [true, null, {"b": "c"}]} \n', {"a": [True, None, {"b": "c"}]}),
        (b'{"a": [1, -0.5, 1e3, -0]}', {"a": [1, -0.5, 1000.0, 0]}),
        (b'{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}),
        (b'{"\\u00e9\\ud83d\\ude00": "\\u0000"}', {"é😀": "\0"}),
        ('{"é": "😀"}'.encode(), {"é": "😀"}),
        (b'{"a": 18446744073709551616}', {"a": 2**64}),
        (b'{"": ""}', {"": ""}),
    ],
)
def test_an_object_is_data(body, data):
    """Of a name that is there twice the last counts, as in OpenBao."""
    assert parse_body(body, JSON) == data


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json; charset=latin-1"])
def test_a_content_type_does_not_matter(content_type):
    assert parse_body('{"a": "é"}'.encode(), content_type) == {"a": "é"}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"text"',
        b"1",
        b"true",
        b"[{}]",
        b" ",
        b"{",
        b'{"a"}',
        b'{"a": 1,}',
        b"{'a': 1}",
        b"{a: 1}",
        b"{1: 1}",
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": 1.}',
        b'{"a": +1}',
        b'{"a": 0x10}',
        b'{"a": 1_000}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": "\n"}',
        b'{"a": "\0"}',
        b'{"a": "\\x41"}',
        b'{"a": "\\u12"}',
        b'{"a": 1} // remark',
        b"\0",
        b'\0{"a": 1}',
        b"\xa0{}",
        b"\x0b{}",
    ],
)
def test_what_is_no_json_object_is_refused(body):
    assert refusal(body).startswith("failed to decode JSON input: it is not ") or body.endswith(
        b"remark"
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-be"])
def test_json_is_utf_8_without_a_mark(encoding):
    refusal('{"a": 1}'.encode(encoding))


@pytest.mark.parametrize(
    "text", [b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]
)
def test_text_is_utf_8(text):
    refusal(b'{"a": "' + text + b'"}')
    refusal(b'{"' + text + b'": 1}')


@pytest.mark.parametrize("lone", [b"\\ud800", b"\\udc00", b"\\udc00\\ud800", b"a\\ud800b"])
def test_half_of_a_character_is_no_text(lone):
    """Python keeps it, and then nothing can write it down."""
    refusal(b'{"a": "' + lone + b'"}')
    refusal(b'{"' + lone + b'": 1}')


@pytest.mark.parametrize(
    "number", [b"1e400", b"-1e400", b"9" * 200, b"-" + b"9" * 200, b"9" * 5000]
)
def test_a_number_beyond_what_is_kept_is_refused(number):
    refusal(b'{"a": ' + number + b"}")


def test_a_number_too_small_to_tell_from_nothing_is_nothing():
    assert parse_body(b'{"a": 1e-400}', JSON) == {"a": 0.0}


@pytest.mark.parametrize("rest", [b"{}", b" [1]", b"null", b'"x"', b"1", b"\n{} garbage"])
def test_a_second_value_is_ignored(rest):
    """As in OpenBao, which reads one value from the stream and stops."""
    assert parse_body(b'{"a": 1}' + rest, JSON) == {"a": 1}


@pytest.mark.parametrize("rest", [b"}", b"]", b",", b"x", b"\0", b"{", b"[" * 100_000, b"NaN"])
def test_something_else_behind_the_object_is_refused(rest):
    assert "something follows the object" in refusal(b'{"a": 1}' + rest)


# -- how much


def nested(depth):
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_a_body_nests_as_deep_as_a_frame_may():
    assert parse_body(nested(codec.MAX_DEPTH), JSON)
    refusal(nested(codec.MAX_DEPTH + 1))


@pytest.mark.parametrize("opens", [b"[", b'{"a":', b'[{"a":'])
def test_a_body_that_is_nothing_but_depth_is_refused_and_not_a_bug(opens):
    refusal(b'{"a":' + opens * 150_000)


def test_a_body_holds_as_many_items_as_a_frame_may():
    most = codec.MAX_ITEMS - 3  # the map, its key and the list count too
    assert parse_body(json.dumps({"a": [1] * most}).encode(), JSON)
    refusal(json.dumps({"a": [1] * (most + 1)}).encode())


def test_text_may_hold_as_many_separators_as_it_likes():
    """Only what stands between items is counted."""
    text = ',":\\' * 20_000

    assert parse_body(json.dumps({text: text}).encode(), JSON) == {text: text}


def test_the_most_items_of_the_most_separators_pass():
    members = {str(n): str(n) for n in range(codec.MAX_ITEMS // 2 - 1)}

    assert parse_body(json.dumps(members).encode(), JSON) == members


@pytest.mark.parametrize(
    "piece", [b"[],", b"{},", b"1,", b'"",', b'""', b":", b'{"a":', b'{"a":1},', b'"', b'"\\"']
)
def test_far_too_many_items_are_refused_before_they_are_built(piece):
    """Also in what ends in the middle, or is no JSON at all."""
    assert "more than 10000 items" in refusal(b'{"a":[' + piece * 50_000)


@pytest.mark.parametrize("text", [b"\\", b'\\"', b"\\u0022", b"a"])
def test_text_that_does_not_end_is_refused_in_one_go(text):
    """A search that began anew at each of its quotes would take hours."""
    refusal(b'{"a": "' + text * 300_000)


# -- forms


@pytest.mark.parametrize("content_type", [FORM, FORM.upper(), f" {FORM} ; charset=utf-8"])
def test_a_form_is_data(content_type):
    body = b"a=1&b=x+y%20z&%C3%A9=%F0%9F%98%80&c=&d&a=2"

    assert parse_body(body, content_type) == {"a": "1,2", "b": "x y z", "é": "😀", "c": "", "d": ""}


@pytest.mark.parametrize("body", [b'{"a": "b"}', b'["a"]'])
def test_what_looks_like_json_is_no_form(body):
    """curl -d says that it is one, whatever it is."""
    if body.startswith(b"{"):
        assert parse_body(body, FORM) == {"a": "b"}
    else:
        refusal(body, FORM)


@pytest.mark.parametrize("body", [b"a=%ff", b"%ff=a", b"a=\xff", b"a=%ed%a0%80"])
def test_a_form_is_utf_8(body):
    refusal(body, FORM)


def test_a_form_has_its_bound():
    assert len(pairs(b"&".join(b"a%d=" % n for n in range(MAX_FORM_FIELDS)))) == MAX_FORM_FIELDS
    refusal(b"&".join([b"a="] * (MAX_FORM_FIELDS + 1)), FORM)


# -- complaints


@pytest.mark.parametrize("content_type", [JSON, FORM])
@pytest.mark.parametrize(
    "body",
    [
        b"hunter2=\xff",
        b'{"hunter2": hunter2}',
        b'{"a": "hunter2\xff"}',
        b'{"a": "hunter2\\ud800"}',
        b'{"a": "hunter2", "b": 1e400}',
        b'{"a": "hunter2"} hunter2',
        b'"hunter2"',
        b"&hunter2" * 2000,
    ],
)
def test_a_complaint_quotes_nothing(body, content_type):
    """Neither does what it was raised from, which crash reporters show."""
    try:
        parse_body(body, content_type)
    except RefusedError as error:
        chain = [error, error.__cause__, error.__context__]
        assert "hunter2" not in repr([(each, vars(each)) for each in chain if each])


# -- properties


@given(maps)
def test_whatever_a_frame_carries_json_carries(data):
    """Byte strings as text, since JSON has none."""
    plain = to_json(data)

    assert parse_body(json.dumps(plain).encode(), JSON) == plain
    assert parse_body(json.dumps(plain, ensure_ascii=False).encode(), JSON) == plain


@given(
    st.binary(max_size=60) | st.text('{}[]",:\\u0018eE.-+ dfNaInty', max_size=40).map(str.encode),
    st.sampled_from([JSON, FORM]),
)
def test_arbitrary_bytes_are_data_that_can_be_kept_or_a_refusal(body, content_type):
    try:
        data = parse_body(body, content_type)
    except InvalidRequestError:
        return
    assert data is None or codec.decode(codec.encode(data)) == data


@pytest.mark.parametrize("blank", [b" ", b"\n", b"\r\n\t "])
def test_json_that_curl_calls_a_form_is_json(blank):
    """curl -d says so of whatever it sends; read as a form, all of it would be one odd name."""
    assert parse_body(blank + b'{"ttl": "60s"}', FORM) == {"ttl": "60s"}


@pytest.mark.parametrize("form", [b"a=1;b=2", b"password=100%", b"a=%zz", b"a=\xff"])
def test_a_form_that_could_be_read_in_two_ways_is_refused(form):
    with pytest.raises(InvalidRequestError, match="error parsing form data"):
        parse_body(form, FORM)


def test_a_form_is_bounded():
    fits = b"a=" + b"x" * (MAX_FORM_BYTES - 2)

    assert len(parse_body(fits, FORM)["a"]) == MAX_FORM_BYTES - 2
    with pytest.raises(InvalidRequestError, match="send JSON"):
        parse_body(fits + b"x", FORM)
