"""The codec keeps these rules.

- What it encodes it decodes to the same value, type by type.
- It accepts exactly the subset: a second reader, written apart from it, agrees on every payload.
- Whatever is wrong, the error is a MalformedFrameError, and a ValueError for a caller's own value.
- Its errors say what and where, and never repeat what they were given.
"""

import datetime as dt
import enum
import re
import struct
from collections import OrderedDict
from decimal import Decimal
from itertools import product
from types import MappingProxyType
from uuid import UUID

import cbor2
import pytest
from cbor_oracle import OutsideError, read, structure
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import maps, values

from cubbyd import codec
from cubbyd.errors import MalformedFrameError

NOT_TO_BE_QUOTED = "xyzzy"


def wide(value):
    """The value with every length in eight bytes: valid CBOR, and as long as it gets."""
    match value:
        case bytes():
            return b"\x5b" + struct.pack(">Q", len(value)) + value
        case str():
            return b"\x7b" + struct.pack(">Q", len(value.encode())) + value.encode()
        case list():
            return b"\x9b" + struct.pack(">Q", len(value)) + b"".join(map(wide, value))
        case dict():
            pairs = (wide(key) + wide(item) for key, item in value.items())
            return b"\xbb" + struct.pack(">Q", len(value)) + b"".join(pairs)
        case _:
            return codec.encode(value)


def verdict(reader, payload):
    """What a reader says: the value, exactly (True is not 1, nor -0.0 0.0), or that it refuses."""
    try:
        return repr(reader(payload))
    except (MalformedFrameError, OutsideError):
        return "refused"


heads = st.builds(
    lambda major, info, tail: bytes([major << 5 | info]) + tail,
    st.integers(0, 7),
    st.integers(0, 31),
    st.binary(max_size=9),
)
almost_cbor = st.lists(heads, max_size=12).map(b"".join)


@st.composite
def damaged(draw):
    """A good payload in which one stretch was replaced by another."""
    payload = codec.encode(draw(values))
    start = draw(st.integers(0, len(payload)))
    end = draw(st.integers(start, min(start + 3, len(payload))))
    return payload[:start] + draw(st.binary(max_size=3)) + payload[end:]


@given(values)
def test_decode_inverts_encode(value):
    assert repr(codec.decode(codec.encode(value))) == repr(value)


@given(st.dictionaries(st.text(), values, max_size=30), st.text(), values)
def test_a_member_is_added_as_if_it_had_been_there(fields, key, value):
    """To a map of up to 22, whose number stands in its first byte."""
    fields.pop(key, None)
    if len(fields) > 22:
        with pytest.raises(ValueError, match="too many members"):
            codec.with_member(codec.encode(fields), key, value)
    else:
        added = codec.with_member(codec.encode(fields), key, value)
        assert added == codec.encode({**fields, key: value})


@given(values.filter(lambda value: not isinstance(value, dict)))
def test_a_member_is_added_to_a_map_alone(value):
    with pytest.raises(ValueError, match="no map"):
        codec.with_member(codec.encode(value), "key", 1)


@given(values)
def test_lengths_need_not_be_the_shortest(value):
    assert repr(codec.decode(wide(value))) == repr(value)


@given(st.binary(max_size=40) | almost_cbor | damaged())
@example(bytes.fromhex("a2616100616100"))
@example(bytes.fromhex("a261610078016100"))
def test_a_second_reader_agrees_on_every_payload(payload):
    assert verdict(codec.decode, payload) == verdict(read, payload)


def test_a_second_reader_agrees_on_all_of_at_most_two_bytes():
    for length in range(3):
        for payload in map(bytes, product(range(256), repeat=length)):
            assert verdict(codec.decode, payload) == verdict(read, payload), payload.hex()


@given(almost_cbor | damaged())
def test_check_leaves_to_cbor2_only_texts_and_keys(payload):
    is_accepted = verdict(codec.check, payload) != "refused"
    assert is_accepted == (verdict(structure, payload) != "refused")


@given(values)
def test_no_part_of_a_payload_is_a_payload(value):
    payload = codec.encode(value)
    for end in range(len(payload)):
        with pytest.raises(MalformedFrameError):
            codec.decode(payload[:end])


@given(values, st.binary(min_size=1, max_size=3))
def test_nothing_may_follow(value, rest):
    with pytest.raises(MalformedFrameError, match="follows"):
        codec.decode(codec.encode(value) + rest)


def test_a_length_that_lies_is_not_believed():
    """A head may announce more than the universe holds; nothing is allocated for it."""
    for major in ("5b", "7b", "9b", "bb"):
        with pytest.raises(MalformedFrameError, match="cut short"):
            codec.decode(bytes.fromhex(major + "ff" * 8))


def test_many_tiny_items_are_refused_at_the_first_too_many():
    with pytest.raises(MalformedFrameError, match="more than 10000 items, at byte 10004"):
        codec.decode(b"\x9a\x00\x0f\x00\x00" + b"\x80" * 0xF0000)


def test_a_client_takes_more_items_than_a_daemon():
    payload = codec.encode([None] * codec.MAX_ITEMS)
    with pytest.raises(MalformedFrameError):
        codec.decode(payload)
    assert codec.decode(payload, max_items=len(payload)) == [None] * codec.MAX_ITEMS


def test_what_we_sealed_ourselves_is_read_without_the_walk():
    payload = codec.encode([None] * codec.MAX_ITEMS)
    assert codec.decode_own(payload) == [None] * codec.MAX_ITEMS
    with pytest.raises(MalformedFrameError):
        codec.decode_own(b"\x9b")


@given(values)
def test_a_callers_value_is_encoded_as_our_own(value):
    assert codec.encode_foreign(value) == codec.encode(value)


@pytest.mark.parametrize(
    ("lent", "kept"),
    [
        ((1, 2), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (bytearray(b"key"), b"key"),
        (memoryview(b"key"), b"key"),
        ([memoryview(b"key")[::-1]], [b"yek"]),
        (enum.IntEnum("Port", {"HTTP": 80}).HTTP, 80),
    ],
)
def test_a_callers_value_may_be_of_a_kindred_type(lent, kept):
    assert repr(codec.decode(codec.encode_foreign(lent))) == repr(kept)


cyclic: list = [NOT_TO_BE_QUOTED]
cyclic.append(cyclic)
bottomless: list = []
for _ in range(100_000):
    bottomless = [bottomless]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({NOT_TO_BE_QUOTED}, id="set"),
        pytest.param(Decimal("1.5"), id="decimal"),
        pytest.param(dt.datetime(2026, 11, 22, tzinfo=dt.UTC), id="instant"),
        pytest.param(dt.datetime(2026, 11, 22), id="instant without zone"),  # noqa: DTZ001
        pytest.param(UUID(int=0), id="uuid"),
        pytest.param(re.compile(NOT_TO_BE_QUOTED), id="pattern"),
        pytest.param(cbor2.undefined, id="undefined"),
        pytest.param(cbor2.CBORSimpleValue(99), id="simple"),
        pytest.param(cbor2.CBORTag(24, NOT_TO_BE_QUOTED.encode()), id="tag"),
        pytest.param(float("nan"), id="nan"),
        pytest.param(float("inf"), id="inf"),
        pytest.param(1 << 512, id="too large"),
        pytest.param(-(1 << 512) - 1, id="too small"),
        pytest.param(f"{NOT_TO_BE_QUOTED}\ud800", id="lone surrogate"),
        pytest.param({f"{NOT_TO_BE_QUOTED}\ud800": 1}, id="lone surrogate in a key"),
        pytest.param({1: NOT_TO_BE_QUOTED}, id="number as key"),
        pytest.param({NOT_TO_BE_QUOTED.encode(): 1}, id="bytes as key"),
        pytest.param({None: 1}, id="null as key"),
        pytest.param(object(), id="object"),
        pytest.param((each for each in [NOT_TO_BE_QUOTED]), id="generator"),
        pytest.param(cyclic, id="cyclic"),
        pytest.param(bottomless, id="bottomless"),
        pytest.param([NOT_TO_BE_QUOTED] * codec.MAX_ITEMS, id="too many"),
    ],
)
@pytest.mark.parametrize("place", [lambda value: value, lambda value: {"data": [value]}])
def test_a_callers_value_outside_the_subset_is_refused_unquoted(value, place):
    with pytest.raises(ValueError, match="cubbyd cannot carry this value") as caught:
        codec.encode_foreign(place(value))

    assert NOT_TO_BE_QUOTED not in repr(caught.value)
    assert caught.value.__context__ is None


@given(maps)
def test_what_a_caller_may_send_the_daemon_can_read(data):
    assert repr(codec.decode(codec.encode_foreign(data))) == repr(data)


def by_the_walk(payload):
    codec.check(payload)
    return codec.decode_own(payload)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text("aZ0") | st.just(b"A"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("ab", max_size=2) | st.just(b"A") | st.integers(0, 2), inner)
    ),
)


@st.composite
def almost_plain(draw):
    """What the quick way is for, some of it damaged by bytes that it does not send away."""
    payload = bytearray(cbor2.dumps(draw(plain)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(payload)))
        end = at + draw(st.integers(0, 2))
        payload[at:end] = draw(st.binary(max_size=3).map(lambda few: few.translate(PLAIN)))
    return bytes(payload)


PLAIN = bytes(each if each < 0xC0 else 0xF4 + each % 3 for each in range(256))


def reason(reader, payload):
    """The value, exactly, or the words of the refusal."""
    try:
        return repr(reader(payload))
    except MalformedFrameError as error:
        return str(error)


@given(almost_plain() | almost_cbor | damaged() | st.binary(max_size=40))
@example(bytes.fromhex("a14161f6"))
@example(bytes.fromhex("a10001"))
@example(bytes.fromhex("a1a000"))
@example(bytes.fromhex("a26161016161f4"))
@example(bytes.fromhex("8100f4"))
@example(bytes.fromhex("41"))
@example(bytes.fromhex("8200"))
@example(bytes.fromhex("5f4100"))
@example(bytes.fromhex("9b0000000100000000"))
@example(b"\x81" * 64 + b"\x80")
@example(b"\x81" * 64 + b"\x00")
@example(b"\x81" * 63 + b"\x80")
def test_the_quick_way_and_the_walk_agree_to_the_word(payload):
    assert reason(codec.decode, payload) == reason(by_the_walk, payload)


def test_the_quick_way_and_the_walk_agree_on_all_that_is_short_and_plain():
    heads = [each for each in range(0xC0) if each & 31 in {0, 1, 2, 24, 28, 31}]
    for payload in map(bytes, product([*heads, 0xF4, 0xF6], repeat=3)):
        assert reason(codec.decode, payload) == reason(by_the_walk, payload)
