"""hvac's ``client.auth.token``, unmodified, over the Unix socket."""

import pytest

pytestmark = pytest.mark.conformance


@pytest.fixture
def token(client):
    """hvac's token methods, by a root token."""
    return client.auth.token


@pytest.fixture
def child(token):
    """What was answered when a child was created."""
    return token.create(policies=["default"], ttl="1h", meta={"job": "7"})["auth"]


def test_creation_with_what_can_be_asked_for(token):
    auth = token.create(
        policies=["p"],
        ttl="1h",
        explicit_max_ttl="2h",
        num_uses=3,
        renewable=False,
        display_name="build",
        meta={"job": "7"},
        no_default_policy=True,
    )["auth"]

    told = token.lookup(auth["client_token"])["data"]
    assert (auth["policies"], auth["lease_duration"], auth["renewable"]) == (["p"], 3600, False)
    assert (told["display_name"], told["meta"], told["num_uses"]) == (
        "token-build",
        {"job": "7"},
        3,
    )
    assert (told["explicit_max_ttl"], told["orphan"]) == (7200, False)


def test_orphans(token):
    by_path = token.create_orphan(policies=["default"])["auth"]
    by_option = token.create(policies=["default"], no_parent=True)["auth"]

    assert by_path["orphan"] is by_option["orphan"] is True


def test_a_periodic_token(token):
    auth = token.create(policies=["default"], period="30m")["auth"]

    assert token.lookup(auth["client_token"])["data"]["period"] == 1800


def test_three_ways_to_look_up(token, child, other):
    by_token = token.lookup(child["client_token"])["data"]
    by_accessor = token.lookup_accessor(child["accessor"])["data"]
    by_itself = other(child["client_token"]).auth.token.lookup_self()["data"]

    assert by_token["id"] == by_itself["id"] == child["client_token"]
    assert by_accessor["id"] == ""
    assert by_token["accessor"] == by_accessor["accessor"] == by_itself["accessor"]


def test_three_ways_to_renew(token, child, other):
    assert token.renew(child["client_token"], increment="30m")["auth"]["lease_duration"] == 1800
    renewed = token.renew_accessor(child["accessor"], increment="40m")["auth"]
    assert (renewed["lease_duration"], renewed["client_token"]) == (2400, "")
    own = other(child["client_token"]).auth.token.renew_self(increment="50m")["auth"]
    assert (own["lease_duration"], own["client_token"]) == (3000, child["client_token"])


def test_what_cannot_be_renewed_says_so(hvac, token):
    with pytest.raises(hvac.exceptions.InvalidRequest, match="lease is not renewable"):
        token.renew_self()


@pytest.mark.parametrize("way", ["revoke", "revoke_accessor", "revoke_self"])
def test_three_ways_to_revoke(token, child, other, way):
    bearer = other(child["client_token"])

    if way == "revoke_self":
        bearer.auth.token.revoke_self()
    else:
        name = child["client_token"] if way == "revoke" else child["accessor"]
        getattr(token, way)(name)

    assert bearer.is_authenticated() is False


def test_children_are_orphaned(token, other):
    parent = token.create(policies=["root"], ttl="1h")["auth"]["client_token"]
    child = other(parent).auth.token.create(policies=["default"])["auth"]["client_token"]

    token.revoke_and_orphan_children(parent)

    assert token.lookup(child)["data"]["orphan"] is True
    assert other(parent).is_authenticated() is False


def test_accessors(token, child):
    assert child["accessor"] in token.list_accessors()["data"]["keys"]


def test_tidy(token):
    assert token.tidy().status_code == 202


def test_what_is_left_out_is_refused(hvac, token):
    with pytest.raises(hvac.exceptions.InvalidRequest, match="custom token IDs"):
        token.create(id="chosen", policies=["default"])
    with pytest.raises(hvac.exceptions.InvalidRequest, match="unknown role"):
        token.create(role_name="nobody")
    with pytest.raises(hvac.exceptions.InvalidRequest):
        token.create(type="batch", policies=["default"])
