"""Values become JSON in one way only, and byte strings in base64url without padding."""

import json
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import values

from cubbyd.value import base64url, to_json


@pytest.mark.parametrize(
    ("data", "text"),
    [  # RFC 4648, section 10, without the padding; and the two digits that plain base64 lacks
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"\xfb\xff", "-_8"),
    ],
)
def test_bytes_are_rendered_as_base64url(data, text):
    assert base64url(data) == text


@given(st.binary(max_size=100))
def test_base64url_loses_nothing(data):
    text = base64url(data)
    assert "=" not in text
    assert urlsafe_b64decode(text + "=" * (-len(text) % 4)) == data


@given(values)
def test_every_value_has_a_json_form(value):
    assert json.loads(json.dumps(to_json(value), allow_nan=False)) == to_json(value)


@given(values)
def test_only_bytes_change(value):
    def without_bytes(item):
        match item:
            case bytes():
                return base64url(item)
            case list():
                return list(map(without_bytes, item))
            case dict():
                return dict(zip(item, map(without_bytes, item.values()), strict=True))
        return item

    assert repr(to_json(value)) == repr(without_bytes(value))


def test_the_original_is_left_as_it_was():
    value = {"key": [b"\x00"], "other": {"cert": b"\x01"}}
    assert to_json(value) == {"key": ["AA"], "other": {"cert": "AQ"}}
    assert value == {"key": [b"\x00"], "other": {"cert": b"\x01"}}
