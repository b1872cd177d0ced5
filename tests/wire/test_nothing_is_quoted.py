"""No error of the wire repeats what was sent: not in its text, nor in what it was raised from.

Each payload here holds a marked word and breaks in its own way. The errors are then turned inside
out as a crash reporter would do it: their text, arguments and attributes, and those of every error
they are chained to.
"""

import traceback

import pytest
from strategies import PEER

from cubbyd import codec
from cubbyd.errors import CubbydError
from cubbyd.wire.connection import ClientConnection, Misasked, ServerConnection

MARK = "canary" + "-7d1f"  # in two pieces, for tracebacks show the lines of this file
TEXT = codec.encode(MARK)
SHORT = bytes([0x60 | len(MARK)])
REQUEST = {"id": 1, "operation": "read", "path": "x"}


def told_by(error):
    """Everything that an error and its causes carry."""
    told = ["".join(traceback.format_exception(error))]
    chain = [error]
    for each in chain:
        chain += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
        told += [repr(each), repr(each.args), repr(getattr(each, "__dict__", {}))]
        told.append(repr(getattr(each, "object", "")))
    return "\n".join(told)


def framed(payload):
    """A frame around these bytes, whatever they are."""
    return len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(TEXT + TEXT, id="something follows"),
        pytest.param(TEXT[:-1], id="cut short"),
        pytest.param(b"\xa2" + TEXT + b"\x00" + TEXT + b"\x01", id="key twice"),
        pytest.param(b"\xa1" + codec.encode(MARK.encode()) + b"\x00", id="bytes as key"),
        pytest.param(bytes([SHORT[0] + 1]) + MARK.encode() + b"\xff", id="not UTF-8"),
        pytest.param(
            b"\xa1" + bytes([SHORT[0] + 1]) + MARK.encode() + b"\xff\x00", id="key not UTF-8"
        ),
        pytest.param(b"\x7f" + TEXT + b"\xff", id="indefinite"),
        pytest.param(b"\xd8\x23" + TEXT, id="tagged"),
        pytest.param(b"\xc2" + TEXT, id="bignum of text"),
        pytest.param(b"\x82" + TEXT + b"\xf9\x7e\x00", id="not a number"),
        pytest.param(b"\x82" + TEXT + b"\xf7", id="undefined"),
        pytest.param(b"\x9a\x00\x00\x27\x10" + TEXT * 10_000, id="too many"),
        pytest.param(TEXT, id="not a map"),
        pytest.param(codec.encode([MARK]), id="an array"),
        pytest.param(codec.encode({"id": MARK}), id="no id"),
        pytest.param(codec.encode({**REQUEST, MARK: MARK}), id="unknown key"),
        pytest.param(codec.encode({**REQUEST, "operation": MARK}), id="unknown operation"),
        pytest.param(codec.encode({**REQUEST, "path": [MARK]}), id="path of the wrong type"),
        pytest.param(codec.encode({**REQUEST, "token": {MARK: 1}}), id="token of the wrong type"),
        pytest.param(codec.encode({**REQUEST, "token": MARK.encode()}), id="token as bytes"),
        pytest.param(codec.encode({**REQUEST, "data": MARK}), id="data of the wrong type"),
        pytest.param(
            codec.encode({**REQUEST, "wrap_ttl": [MARK]}), id="wrap_ttl of the wrong type"
        ),
        pytest.param(codec.encode({"id": 1, "request_id": [MARK]}), id="request_id"),
        pytest.param(codec.encode({"id": 1, "request_id": "", "auth": MARK}), id="auth"),
        pytest.param(codec.encode({"id": 1, "error": {"code": [MARK]}}), id="error"),
    ],
)
def test_both_ends_refuse_it_unquoted(payload):
    for connection in (ServerConnection(PEER), ClientConnection()):
        connection.receive_data(framed(payload))
        try:
            event = connection.next_event()
        except CubbydError as error:
            found = error
        else:
            assert isinstance(event, Misasked)
            found = event.error
        assert MARK not in told_by(found)
        assert repr(MARK.encode())[2:-1] not in told_by(found)


def test_the_marked_word_would_be_found():
    """The search itself works: Python's own errors do carry what they choked on."""
    with pytest.raises(UnicodeDecodeError) as caught:
        (MARK.encode() + b"\xff").decode()
    translated = ValueError("translated")
    translated.__context__ = caught.value

    assert MARK in told_by(translated)
