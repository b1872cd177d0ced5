"""hvac, unmodified, over the Unix socket: what it is used for, call by call.

The rules: every call does what hvac's documentation says, and what is refused raises the exception
that the status stands for. The adapter is the one that docs/http.md shows.
"""

import time

import pytest
import servers

pytestmark = pytest.mark.conformance


def wrapped(client, data):
    return client.sys.wrap(data, ttl=60)["wrap_info"]["token"]


# -- data


def test_what_is_written_is_read_listed_and_deleted(client):
    assert client.write("cubbyhole/db/password", user="ada", password="s3cret").status_code == 204
    assert client.read("cubbyhole/db/password")["data"] == {"user": "ada", "password": "s3cret"}
    assert client.list("cubbyhole")["data"] == {"keys": ["db/"]}
    assert client.list("cubbyhole/db/")["data"] == {"keys": ["password"]}
    client.delete("cubbyhole/db/password")
    assert client.read("cubbyhole/db/password") is None
    assert client.list("cubbyhole") is None


def test_data_keeps_its_types(client):
    data = {"text": "süß", "n": 2**53, "x": 0.5, "none": None, "list": [1, {"a": []}], "ok": True}
    client.write_data("cubbyhole/x", data=data)

    assert client.read("cubbyhole/x")["data"] == data


def test_a_list_by_the_method_list(client):
    client.write("cubbyhole/x", a="b")

    assert client.adapter.list("/v1/cubbyhole")["data"] == {"keys": ["x"]}


# -- wrapping


def test_a_wrapped_secret_is_unwrapped_once(hvac, client, other):
    token = wrapped(client, {"password": "s3cret"})

    assert other(token).sys.unwrap()["data"] == {"password": "s3cret"}
    for unwrap in (other(token).sys.unwrap, lambda: client.sys.unwrap(token)):
        with pytest.raises(hvac.exceptions.InvalidRequest, match="wrapping token is not valid"):
            unwrap()


def test_another_token_may_unwrap_and_none_may_not(hvac, client, other):
    token = wrapped(client, {"a": 1})

    with pytest.raises(hvac.exceptions.Forbidden):
        other().sys.unwrap(token)
    assert client.sys.unwrap(token)["data"] == {"a": 1}


def test_an_answer_is_wrapped_on_demand(client, other):
    client.write("cubbyhole/x", a="b")

    token = client.read("cubbyhole/x", wrap_ttl="20m")["wrap_info"]["token"]

    assert other(token).sys.unwrap()["data"] == {"a": "b"}


def test_a_token_is_handed_on_wrapped(client, other):
    info = client.auth.token.create(policies=["default"], wrap_ttl="60s")["wrap_info"]

    auth = other(info["token"]).sys.unwrap()["auth"]

    assert auth["accessor"] == info["wrapped_accessor"]
    assert other(auth["client_token"]).is_authenticated()


# -- policies


HCL = 'path "cubbyhole/*" { capabilities = ["read"] }\n'
JSON = {"path": {"cubbyhole/a": {"capabilities": ["read", "update"]}}}


def test_policies_by_the_old_path(hvac, client):
    client.sys.create_or_update_policy("old", HCL)

    assert client.sys.read_policy("old")["data"]["rules"] == HCL
    assert client.sys.list_policies()["data"]["policies"] == ["default", "old", "root"]
    client.sys.create_or_update_policy("old", JSON)
    assert '"update"' in client.sys.read_policy("old")["data"]["rules"]
    client.sys.delete_policy("old")
    with pytest.raises(hvac.exceptions.InvalidPath):
        client.sys.read_policy("old")


def test_policies_by_the_new_path(client):
    client.sys.create_or_update_acl_policy("new", JSON)

    assert client.sys.list_acl_policies()["data"]["keys"] == ["default", "new", "root"]
    client.sys.create_or_update_acl_policy("new", HCL)
    assert client.sys.read_acl_policy("new")["data"]["policy"] == HCL
    client.sys.delete_acl_policy("new")
    assert client.sys.list_acl_policies()["data"]["keys"] == ["default", "root"]


def test_a_policy_holds_for_living_tokens(hvac, client, other):
    token = client.auth.token.create(policies=["living"], no_default_policy=True)["auth"]
    bearer = other(token["client_token"])
    with pytest.raises(hvac.exceptions.Forbidden):
        bearer.read("cubbyhole/a")

    client.sys.create_or_update_policy("living", HCL)

    assert bearer.read("cubbyhole/a") is None
    with pytest.raises(hvac.exceptions.Forbidden):
        bearer.write("cubbyhole/a", b="c")
    client.sys.delete_policy("living")


def test_capabilities(client):
    auth = client.auth.token.create(policies=["default"])["auth"]
    paths = ["cubbyhole/x", "sys/seal"]
    told = {"cubbyhole/x": ["create", "delete", "list", "read", "update"], "sys/seal": ["deny"]}

    by_token = client.sys.get_capabilities(paths, token=auth["client_token"])
    by_accessor = client.sys.get_capabilities(paths, accessor=auth["accessor"])

    assert by_token["data"] == by_accessor["data"] == told
    assert client.sys.get_capabilities(paths)["data"]["sys/seal"] == ["root"]


# -- how the daemon is


def test_the_health_by_head_and_by_get(client, other):
    assert other().sys.read_health_status().status_code == 200
    health = client.sys.read_health_status(method="GET")
    assert (health["initialized"], health["sealed"], health["standby"]) == (True, False, False)
    assert abs(health["server_time_utc"] - time.time()) < 60


def test_health_checks_of_other_products_are_understood(client):
    """Their parameters name other statuses for states that are not reached here."""
    health = client.sys.read_health_status(method="GET", standby_ok=True, sealed_code=299)

    assert health["sealed"] is False


def test_the_seal_status(other):
    status = other().sys.read_seal_status()

    assert (status["type"], status["sealed"], status["initialized"]) == ("key-file", False, True)
    assert other().sys.is_sealed() is False
    assert other().seal_status == status


def test_sealing_is_refused_with_the_way_to_do_it(hvac, client):
    with pytest.raises(hvac.exceptions.InvalidRequest, match="cubby rekey --to passphrase"):
        client.sys.seal()


# -- who is who


def test_whether_a_token_is_good(client, other):
    assert client.is_authenticated() is True
    assert other().is_authenticated() is False
    assert other("nonsense").is_authenticated() is False


def test_login_and_logout(client):
    token = client.auth.token.create(policies=["default"])["auth"]["client_token"]

    client.token = token
    assert client.lookup_token()["data"]["policies"] == ["default"]
    client.logout(revoke_token=True)
    assert client.is_authenticated() is False


@pytest.mark.parametrize(
    ("ask", "raised", "error"),
    [
        (lambda c: c.write("cubbyhole/x", "-1s", a="b"), "InvalidRequest", "negative"),
        (lambda c: c.sys.unwrap("nonsense"), "InvalidRequest", "wrapping token is not valid"),
        (lambda c: c.auth.token.lookup("nonsense"), "Forbidden", "bad token"),
        (lambda c: c.sys.read_policy("nobody"), "InvalidPath", ""),
        (lambda c: c.write("nowhere/x", a="b"), "InvalidPath", "no handler for route"),
        (lambda c: c.sys.list_mounted_secrets_engines(), "InvalidPath", "unsupported path"),
        (lambda c: c.adapter.get("/v1/auth/token/create"), "UnexpectedError", "operation"),
    ],
)
def test_a_refusal_raises_what_its_status_stands_for(hvac, client, ask, raised, error):
    with pytest.raises(hvac.exceptions.VaultError) as caught:
        ask(client)

    assert type(caught.value).__name__ == raised
    assert error in ", ".join(caught.value.errors)


def test_without_a_token_nothing_is_granted(hvac, other):
    nobody = other()

    for ask in (
        lambda: nobody.read("cubbyhole/x"),
        lambda: nobody.sys.wrap({"a": 1}),
        nobody.auth.token.create,
        nobody.sys.list_policies,
    ):
        with pytest.raises(hvac.exceptions.Forbidden):
            ask()


def test_a_client_outlives_its_connections(connect, tmp_path):
    """A daemon that was restarted is found again, by the same client, with the same token."""
    with servers.cubbyd(tmp_path / "cubbyd") as server:
        client = connect(server, server.root_token())
        client.write("cubbyhole/x", a="b")
        server.daemon.end()
        server.start()

        assert client.read("cubbyhole/x")["data"] == {"a": "b"}
