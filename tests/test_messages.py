"""Responses keep these rules on their way into maps and back.

- ``from_map`` inverts ``to_map``; what is absent has no key, and is never null.
- A reader ignores what it does not know, and refuses what it knows in the wrong type.
- Nothing that may be secret is shown by ``repr``.
"""

import json

import pytest
from hypothesis import given
from strategies import PEER, auths, maps, responses, wrap_infos

from cubbyd.errors import MalformedFrameError
from cubbyd.messages import Auth, Operation, Request, Response, WrapInfo
from cubbyd.secret import Secret
from cubbyd.value import to_json

AUTH = Auth(
    client_token=Secret(b"cbys_example"),
    accessor="ab12",
    policies=("default",),
    lease_duration=3600,
    renewable=True,
    orphan=False,
    num_uses=0,
)


@given(responses)
def test_a_response_survives_its_map(response):
    assert Response.from_map(response.to_map()) == response


@given(auths)
def test_auth_survives_its_map(auth):
    assert Auth.from_map(auth.to_map()) == auth


@given(wrap_infos)
def test_wrap_info_survives_its_map(wrap_info):
    assert WrapInfo.from_map(wrap_info.to_map()) == wrap_info


@given(responses)
def test_what_is_absent_has_no_key(response):
    fields = response.to_map()
    assert None not in fields.values()
    assert fields.get("warnings") != []


@given(responses, maps)
def test_keys_from_the_future_are_ignored(response, news):
    fields = response.to_map()
    future = {f"x-{key}": value for key, value in news.items()}
    assert Response.from_map({**fields, **future}) == response


def test_auth_has_the_members_that_clients_of_openbao_look_for():
    assert AUTH.to_map() == {
        "client_token": "cbys_example",
        "accessor": "ab12",
        "policies": ["default"],
        "token_policies": ["default"],
        "lease_duration": 3600,
        "renewable": True,
        "entity_id": "",
        "token_type": "service",
        "orphan": False,
        "num_uses": 0,
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("request_id", 7),
        ("request_id", None),
        ("data", ["xyzzy"]),
        ("auth", "xyzzy"),
        ("auth", {"client_token": "xyzzy"}),
        ("auth", {**AUTH.to_map(), "policies": [b"xyzzy"]}),
        ("auth", {**AUTH.to_map(), "num_uses": False}),
        ("auth", {**AUTH.to_map(), "renewable": 1}),
        ("wrap_info", []),
        ("wrap_info", {"token": b"xyzzy"}),
        ("warnings", "xyzzy"),
        ("warnings", [None]),
        ("status", True),
        ("lease_duration", 1.0),
        ("renewable", 0),
    ],
)
def test_a_known_key_of_the_wrong_type_is_malformed(key, value):
    with pytest.raises(MalformedFrameError, match=r"missing|not of type|not text") as caught:
        Response.from_map({"request_id": "", key: value})
    assert "xyzzy" not in str(caught.value)


@pytest.mark.parametrize("key", ["client_token", "accessor", "lease_duration", "token_type"])
def test_auth_lacks_nothing(key):
    fields = AUTH.to_map()
    del fields[key]
    with pytest.raises(MalformedFrameError, match=f"'{key}' is missing"):
        Auth.from_map(fields)


def test_an_empty_response_has_nothing_to_wrap():
    assert Response().is_empty
    assert Response(request_id="7f", status=202, lease_id="").is_empty
    assert not Response(data={}).is_empty
    assert not Response(auth=AUTH).is_empty
    assert not Response(warnings=("mind the gap",)).is_empty


def test_messages_do_not_show_what_they_carry():
    request = Request(
        operation=Operation.WRITE,
        path="cubbyhole/db",
        peer=PEER,
        token=Secret(b"xyzzy"),
        data={"password": "xyzzy"},
    )
    response = Response(data={"password": "xyzzy"}, auth=AUTH)

    assert "xyzzy" not in repr(request)
    assert "xyzzy" not in repr(response)
    assert "cbys_example" not in repr(response)
    assert "cubbyhole/db" in repr(request)


@given(responses)
def test_the_json_envelope_has_every_key_that_openbaos_has(response):
    """What ``cubbyhole/response`` holds: absent is null or empty there, and bytes are text."""
    envelope = json.loads(json.dumps(response.to_envelope(), allow_nan=False))
    assert set(envelope) == {
        "request_id",
        "lease_id",
        "renewable",
        "lease_duration",
        "data",
        "wrap_info",
        "warnings",
        "auth",
    }
    assert envelope["data"] == to_json(response.data)
    assert envelope["request_id"] == response.request_id
    assert bool(envelope["auth"]) == (response.auth is not None)
