"""What the code says and takes is what cubbyd/protocol.cddl says.

pycddl does not follow a rule that leads back to itself, so ``value`` is ``any`` here: this is about
the messages, and tests/test_codec.py about the values in them.
"""

import re
from importlib.resources import files

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycddl import Schema, ValidationError
from strategies import PEER, ids, maps, operations, refusals, responses, secrets

from cubbyd import codec
from cubbyd.wire.connection import Asked, ClientConnection, ServerConnection
from cubbyd.wire.framing import HEADER_BYTES, frame

GRAMMAR = (files("cubbyd") / "protocol.cddl").read_text()
ENVELOPES = re.sub(r"^value = .*$", "value = any", GRAMMAR, flags=re.MULTILINE)


def rule(name):
    """The grammar with that rule first, which is the one that pycddl asks for."""
    return Schema(f"root = {name}\n{ENVELOPES}")


REQUEST, REPLY, ANSWER = rule("request"), rule("reply"), rule("answer")


def conforms(schema, payload):
    """Whether the payload is what the schema describes."""
    try:
        schema.validate_cbor(payload)
    except ValidationError:
        return False
    return True


def is_taken(fields):
    """Whether a daemon understands the map as a request."""
    server = ServerConnection(PEER)
    server.receive_data(frame(codec.encode(fields), max_bytes=2**32 - 1))
    return isinstance(server.next_event(), Asked)


def test_the_one_rule_that_is_replaced_is_there():
    assert ENVELOPES != GRAMMAR


@given(
    operations,
    st.text(max_size=20),
    st.none() | secrets,
    st.none() | maps,
    st.none() | ids | st.text(max_size=5),
)
def test_requests_conform(operation, path, token, data, wrap_ttl):
    _, sent = ClientConnection().ask(operation, path, token=token, data=data, wrap_ttl=wrap_ttl)
    assert conforms(REQUEST, sent[HEADER_BYTES:])


@given(ids, responses)
def test_answers_conform(request_id, response):
    sent = ServerConnection(PEER).answer(request_id, response)
    assert conforms(ANSWER, sent[HEADER_BYTES:])
    assert conforms(REPLY, sent[HEADER_BYTES:])


@given(st.none() | ids, refusals)
def test_refusals_conform(request_id, error):
    sent = ServerConnection(PEER).refuse(request_id, error)
    assert conforms(REPLY, sent[HEADER_BYTES:])
    assert not conforms(ANSWER, sent[HEADER_BYTES:])


A_REQUEST = {
    "id": 1,
    "operation": "write",
    "path": "cubbyhole/db",
    "token": "cbys_example",
    "data": {"password": "s3cret"},
    "wrap_ttl": 300,
}
# No map with something in it, which pycddl takes for text, and no bytes, over which it falls.
wrong = st.sampled_from([None, True, -1, 1.5, "", "update", 300, [], {}])


@given(
    st.dictionaries(st.sampled_from([*A_REQUEST, "peer"]), wrong),
    st.sets(st.sampled_from([*A_REQUEST])),
)
def test_what_conforms_is_taken_and_nothing_else(changes, lost):
    """Requests with members replaced and left out: grammar and code agree on each."""
    fields = {key: value for key, value in {**A_REQUEST, **changes}.items() if key not in lost}
    assert conforms(REQUEST, codec.encode(fields)) == is_taken(fields)


@pytest.mark.parametrize("key", ["id", "request_id"])
def test_an_answer_without_its_ids_does_not_conform(key):
    fields = {"id": 1, "request_id": "7f"}
    assert conforms(REPLY, cbor2.dumps(fields))
    del fields[key]
    assert not conforms(REPLY, cbor2.dumps(fields))


def test_an_optional_member_is_never_null():
    for key in ("data", "auth", "wrap_info", "warnings", "status", "renewable"):
        assert not conforms(ANSWER, cbor2.dumps({"id": 1, "request_id": "", key: None}))
