"""One daemon, two doors: what goes in at one comes out at the other.

The rules: text, numbers and the like are the same at both; bytes, which JSON has not, are base64url
text without padding at the HTTP door, and stay bytes at the other; tokens are good at both, but who
connects counts for nothing over HTTP.
"""

import base64
import json
import subprocess

import pytest
import servers

from cubbyd.client import Client
from cubbyd.errors import PermissionDeniedError

pytestmark = pytest.mark.conformance

DATA = {
    "text": "süß <&> \u2028 🔑",
    "number": 2**53 + 1,
    "negative": -7,
    "fraction": 0.1,
    "none": None,
    "yes": True,
    "list": [1, "two", [], {"three": None}],
    "map": {"": "", "a": {"b": {}}},
}
BYTES = bytes(range(256))
AS_TEXT = base64.urlsafe_b64encode(BYTES).decode().rstrip("=")


@pytest.fixture
def bao(cubbyd, tmp_path):
    """Runs the real bao with a token, and returns the answer's JSON."""

    def bao(token, *words, stdin=b""):
        command, *rest = words
        done = subprocess.run(
            [servers.bao(), command, "-format=json", *rest],
            env=servers.environment(tmp_path, cubbyd, token),
            input=stdin,
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout) if done.stdout else None

    return bao


@pytest.fixture
def token(cubbyd):
    return cubbyd.root_token()


@pytest.fixture
def cbor(cubbyd, token):
    """At the CBOR door, with the same token."""
    with cubbyd.daemon.client(token) as cbor:
        yield cbor


def test_what_is_written_over_http_reads_the_same_over_cbor(bao, cbor, token):
    bao(token, "write", "cubbyhole/x", "-", stdin=json.dumps(DATA).encode())

    assert cbor.read("cubbyhole/x") == DATA
    assert cbor.list("cubbyhole") == ["x"]


def test_what_is_written_over_cbor_reads_the_same_over_http(bao, cbor, token):
    cbor.write("cubbyhole/x", DATA)

    assert bao(token, "read", "cubbyhole/x")["data"] == DATA
    assert bao(token, "list", "cubbyhole") == ["x"]


def test_bytes_read_as_base64url_text_over_http(bao, cbor, token):
    cbor.write("cubbyhole/x", {"key": BYTES, "inside": {"list": [b"", b"\xff\xfe"]}})

    told = bao(token, "read", "cubbyhole/x")["data"]

    assert told == {"key": AS_TEXT, "inside": {"list": ["", "__4"]}}
    assert cbor.read("cubbyhole/x")["key"] == BYTES


def test_that_text_stays_text(bao, cbor, token):
    """It is one way: nobody can tell bytes from text that looks like them."""
    bao(token, "write", "cubbyhole/x", f"key={AS_TEXT}")

    assert cbor.read("cubbyhole/x") == {"key": AS_TEXT}


def test_bytes_wrapped_over_cbor_are_unwrapped_over_http(bao, cbor):
    wrapping = cbor.wrap({"key": BYTES}, ttl=60).token.reveal_text()

    assert bao(None, "unwrap", wrapping)["data"] == {"key": AS_TEXT}


def test_what_is_wrapped_over_http_is_unwrapped_over_cbor_once(bao, cbor, token):
    info = bao(token, "write", "sys/wrapping/wrap", "-", stdin=json.dumps(DATA).encode())

    wrapping = info["wrap_info"]["token"]

    assert cbor.unwrap(wrapping).data == DATA
    with pytest.raises(subprocess.CalledProcessError):
        bao(None, "unwrap", wrapping)


def test_a_token_that_ends_at_one_door_has_ended_at_the_other(bao, cbor, token):
    auth = cbor.create_token(policies=["default"])
    child = auth.client_token.reveal_text()
    assert bao(child, "read", "auth/token/lookup-self")["data"]["accessor"] == auth.accessor

    bao(token, "write", "-force", "auth/token/revoke-accessor", f"accessor={auth.accessor}")

    with pytest.raises(PermissionDeniedError):
        cbor.lookup_token(child)


def test_a_policy_in_hcl_holds_at_both_doors(bao, cbor, cubbyd, token):
    policy = 'path "cubbyhole/+/mine" {\n  capabilities = ["create", "read"]\n}\n'
    bao(token, "write", "sys/policies/acl/both", "policy=-", stdin=policy.encode())
    child = cbor.create_token(policies=["both"], no_default_policy=True).client_token

    with cubbyd.daemon.client(child) as bearer:
        bearer.write("cubbyhole/is/mine", {"a": "b"})
        with pytest.raises(PermissionDeniedError):
            bearer.write("cubbyhole/is/yours", {"a": "b"})

    assert cbor.read_policy("both") == policy
    cbor.delete_policy("both")


def test_the_owner_without_a_token_is_nobody_over_http(cubbyd, tmp_path):
    """At the CBOR door the same user is root."""
    with Client(None, cubbyd.daemon.socket) as owner:
        assert "root" in owner.list_policies()

    done = subprocess.run(
        [servers.bao(), "policy", "list"],
        env=servers.environment(tmp_path, cubbyd),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, b"Code: 403" in done.stderr) == (2, True)
