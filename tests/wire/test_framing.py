"""Frames keep these rules.

- However a stream is cut, the same payloads come out.
- A length over the limit is refused when its header is there; the body is not awaited.
"""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.errors import FrameTooLargeError, MalformedFrameError
from cubbyd.wire.framing import HEADER_BYTES, FrameReader, frame

payloads = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


def read_all(reader):
    """The payloads that are whole by now."""
    return list(iter(reader.next_payload, None))


@st.composite
def cut_streams(draw):
    """Payloads, and their frames as some sequence of reads."""
    sent = draw(payloads)
    stream = b"".join(frame(payload, max_bytes=40) for payload in sent)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    edges = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    return sent, [stream[start:end] for start, end in edges]


@given(cut_streams())
def test_any_split_of_the_stream_yields_the_same_frames(stream):
    sent, reads = stream
    reader = FrameReader(max_bytes=40)

    received = []
    for data in reads:
        reader.receive_data(data)
        received += read_all(reader)

    assert received == sent
    assert not reader.is_mid_frame


def test_a_frame_is_a_length_and_so_many_bytes():
    assert frame(b"abc", max_bytes=3) == b"\x00\x00\x00\x03abc"


def test_a_payload_over_the_receivers_limit_gets_no_frame():
    with pytest.raises(FrameTooLargeError, match="a frame of 4 bytes; the limit is 3"):
        frame(b"abcd", max_bytes=3)


def test_too_long_a_frame_is_refused_by_its_header_alone():
    reader = FrameReader(max_bytes=3)
    reader.receive_data(b"\x00\x00\x00")
    assert reader.next_payload() is None

    reader.receive_data(b"\x04")

    with pytest.raises(FrameTooLargeError, match="a frame of 4 bytes; the limit is 3"):
        reader.next_payload()


def test_a_frame_of_nothing_is_malformed():
    reader = FrameReader(max_bytes=3)
    reader.receive_data(bytes(HEADER_BYTES))
    with pytest.raises(MalformedFrameError, match="0 bytes"):
        reader.next_payload()


def test_a_reader_knows_when_it_is_owed_the_rest():
    reader = FrameReader(max_bytes=3)
    assert not reader.is_mid_frame
    for byte in (0, 0, 0, 2, ord("a")):
        reader.receive_data(bytes([byte]))
        assert reader.next_payload() is None
        assert reader.is_mid_frame
    reader.receive_data(b"b")
    assert reader.next_payload() == b"ab"
    assert not reader.is_mid_frame


def test_a_frame_in_small_pieces_is_not_copied_for_each():
    reader = FrameReader(max_bytes=2**24)
    reader.receive_data((2**24).to_bytes(4, "big") + bytes(2**24 - 1000))
    reader.receive_data(b"a")
    tracemalloc.start()
    try:
        for _ in range(100):
            assert reader.next_payload() is None
            reader.receive_data(b"a")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2**20
