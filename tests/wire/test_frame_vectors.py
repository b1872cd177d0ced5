"""The frozen frames in tests/vectors/frames still mean what they meant.

A change that breaks one of them changes the protocol. Each file says how to read it, so that other
implementations can replay it too; here the daemon's end and the client's end do.
"""

import json
from pathlib import Path

import pytest
from strategies import PEER

from cubbyd import codec
from cubbyd.errors import RefusedError, WireError
from cubbyd.wire.connection import Asked, ClientConnection, Misasked, Need, ServerConnection

VECTORS = Path(__file__).parents[1] / "vectors" / "frames"


def vectors(name):
    """The vectors of one file, as parameters."""
    found = json.loads((VECTORS / name).read_text())["vectors"]
    return pytest.mark.parametrize("vector", found, ids=[vector["name"] for vector in found])


def bytes_of(pieces):
    """Hexadecimal digits, or a list of them and of repetitions, as bytes."""
    match pieces:
        case str():
            return bytes.fromhex(pieces)
        case {"repeat": digits, "times": times}:
            return bytes.fromhex(digits) * times
        case list():
            return b"".join(map(bytes_of, pieces))


def value_of(written):
    """A decoded value as the vectors write it, as the value itself."""
    match written:
        case dict() if len(written) == 1 and not written.keys().isdisjoint(NOTATIONS):
            ((name, argument),) = written.items()
            return NOTATIONS[name](argument)
        case dict():
            return {key: value_of(item) for key, item in written.items()}
        case list():
            return [value_of(item) for item in written]
        case _:
            return written


def nested(depth):
    """Arrays in each other, the innermost empty."""
    return [nested(depth - 1)] if depth > 1 else []


NOTATIONS = {
    "bytes": bytes_of,
    "integer": int,
    "zeros": lambda count: [0] * count,
    "nested": nested,
}


def stream_of(vector):
    """What arrives: as it stands, or behind the header that it needs."""
    if "stream" in vector:
        return bytes_of(vector["stream"])
    payload = bytes_of(vector["payload"])
    return len(payload).to_bytes(4, "big") + payload


def requests_in(stream):
    """What a daemon understands, event by event, in the words of the vectors."""
    connection = ServerConnection(PEER)
    connection.receive_data(stream)
    while True:
        try:
            event = connection.next_event()
        except WireError as error:
            yield {"closed": error.code}
            return
        match event:
            case Asked(request_id, request):
                yield {"request": _fields(request_id, request)}
            case Misasked(request_id, error):
                yield {"refused": error.code, "id": request_id}
            case Need.DATA:
                yield {"waiting": True}
                return


def _fields(request_id, request):
    """A request as it was written; what it does not have has no key."""
    fields = {
        "id": request_id,
        "operation": request.operation.value,
        "path": request.path,
        "token": request.token and request.token.reveal_text(),
        "data": request.data,
        "wrap_ttl": request.wrap_ttl,
    }
    return {key: value for key, value in fields.items() if value is not None}


def reply_in(stream):
    """What a client understands, in the words of the vectors."""
    connection = ClientConnection()
    connection.receive_data(stream)
    try:
        event = connection.next_event()
    except WireError as error:
        return {"broken": error.code}
    match event:
        case request_id, RefusedError() as error:
            return {"id": request_id, "refusal": _words(error), "as": type(error).code}
        case request_id, response:
            return {"id": request_id, "answer": response.to_map()}
        case _:
            return {"waiting": True}


def _words(error):
    detail = {"detail": error.detail} if error.detail else {}
    messages = list(error.messages)
    return {"code": error.code, "status": error.status, "messages": messages, **detail}


def same(one, other):
    """Equal to the last bit: True is not 1, 1 is not 1.0, and 0.0 is not -0.0."""
    return repr(_sorted(one)) == repr(_sorted(other))


def _sorted(value):
    match value:
        case dict():
            return {key: _sorted(value[key]) for key in sorted(value)}
        case list():
            return [_sorted(item) for item in value]
        case _:
            return value


@vectors("framing.json")
def test_streams(vector):
    assert same([*requests_in(stream_of(vector))], value_of(vector["expect"]))


@vectors("framing.json")
def test_streams_in_single_bytes(vector):
    """The same, however the bytes come; but for the one that is a mebibyte long."""
    stream = stream_of(vector)
    if len(stream) > 1000:
        return
    connection = ServerConnection(PEER)
    events = []
    for byte in stream:
        connection.receive_data(bytes([byte]))
        try:
            event = connection.next_event()
        except WireError:
            events.append("closed")
            break
        if event is not Need.DATA:
            events.append("request")
    assert events == [kind for each in vector["expect"] for kind in each if kind != "waiting"]


@vectors("requests.json")
def test_requests(vector):
    first, *_ = requests_in(stream_of(vector))
    assert same([first], value_of(vector["expect"]))


BEFORE_THE_VALUE = "a462696401696f7065726174696f6e657772697465647061746861786464617461a16176"


@vectors("values.json")
def test_values(vector):
    payload = [BEFORE_THE_VALUE, vector["value"]]
    if "decoded" not in vector:
        assert [*requests_in(stream_of({"payload": payload}))] == [{"closed": "malformed_frame"}]
        return
    data = {"v": value_of(vector["decoded"])}
    (event, _) = requests_in(stream_of({"payload": payload}))
    assert same(event, {"request": {"id": 1, "operation": "write", "path": "x", "data": data}})
    assert same(codec.decode(codec.encode(data)), data)


@vectors("replies.json")
def test_replies(vector):
    assert same(reply_in(stream_of(vector)), value_of(vector["expect"]))


def test_every_vector_has_a_name_of_its_own_and_a_reason():
    for path in VECTORS.glob("*.json"):
        found = json.loads(path.read_text())["vectors"]
        assert len({vector["name"] for vector in found}) == len(found)
        assert all(vector["why"] for vector in found)
