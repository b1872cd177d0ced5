"""The system's curl over the Unix socket, with the headers that documents tell people to type.

The rules: a method, a header and a body mean what they mean to OpenBao, and an answer that curl
shows has the status, the headers and the body that scripts look at.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass

import pytest
from real_daemon import PATIENCE

pytestmark = pytest.mark.conformance


@dataclass(frozen=True)
class Shown:
    """What curl shows with ``-i``."""

    status: int
    headers: dict[str, str]
    body: object


@pytest.fixture
def curl(cubbyd):
    """Runs curl against a path, with more of its own words."""
    program = shutil.which("curl") or pytest.skip("wants curl")

    def curl(path, *words, stdin=b""):
        url = f"http://localhost/v1/{path}"
        done = subprocess.run(
            [program, "-q", "-s", "-S", "-i", "--unix-socket", cubbyd.http_socket, *words, url],
            input=stdin,
            capture_output=True,
            check=True,
            timeout=PATIENCE,
        )
        return read(done.stdout)

    return curl


def read(shown):
    head, _, body = shown.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Shown(int(status.split()[1]), headers, json.loads(body) if body else None)


@pytest.fixture
def root(cubbyd):
    """The words that give a root token."""
    return ("-H", f"X-Vault-Token: {cubbyd.root_token()}")


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [("300", 300), ("60", 60), ("15s", 15), ("20m", 1200), ("25h", 90000), ("1h30m", 5400)],
)
def test_the_wrap_ttl_that_a_header_names(curl, root, ttl, seconds):
    shown = curl("sys/wrapping/wrap", *root, "-H", f"X-Vault-Wrap-TTL: {ttl}", "-d", '{"a": "b"}')

    assert (shown.status, shown.body["wrap_info"]["ttl"]) == (200, seconds)


@pytest.mark.parametrize("ttl", ["soon", "-1s", "0.5s", "9000h"])
def test_a_wrap_ttl_that_cannot_be_is_refused(curl, root, ttl):
    shown = curl("sys/wrapping/wrap", *root, "-H", f"X-Vault-Wrap-TTL: {ttl}", "-d", '{"a": "b"}')

    assert shown.status == 400
    assert "X-Vault-Wrap-TTL" in shown.body["errors"][0]


def test_without_a_wrap_ttl_nothing_is_wrapped(curl, root):
    shown = curl("sys/wrapping/wrap", *root, "-d", '{"a": "b"}')

    assert shown.status == 400
    assert shown.body == {"errors": ["endpoint requires response wrapping to be used"]}


@pytest.mark.parametrize("header", ["X-Vault-Token: {}", "Authorization: Bearer {}"])
def test_two_headers_name_the_token(curl, cubbyd, header):
    words = ("-H", header.format(cubbyd.root_token()))

    assert curl("auth/token/lookup-self", *words).body["data"]["policies"] == ["root"]


@pytest.mark.parametrize("words", [(), ("-H", "X-Vault-Token: nonsense")])
def test_without_a_good_token_nothing_is_granted(curl, words):
    shown = curl("cubbyhole/x", *words)

    assert (shown.status, shown.body) == (403, {"errors": ["permission denied"]})


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_post_and_put_write(curl, root, method):
    written = curl("cubbyhole/db", *root, "-X", method, "-d", '{"password": "s3cret"}')

    assert (written.status, written.body) == (204, None)
    assert "content-length" not in written.headers
    assert curl("cubbyhole/db", *root).body["data"] == {"password": "s3cret"}


@pytest.mark.parametrize("words", [("-X", "LIST"), ("-G", "-d", "list=true")])
def test_list_lists_by_its_method_and_by_get(curl, root, words):
    curl("cubbyhole/a/b", *root, "-d", '{"x": "y"}')

    assert curl("cubbyhole/", *root, *words).body["data"] == {"keys": ["a/"]}
    assert curl("cubbyhole/a", *root, *words).body["data"] == {"keys": ["b"]}
    missing = curl("cubbyhole/none", *root, *words)
    assert (missing.status, missing.body) == (404, {"errors": []})


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("list=false", 200),
        ("list=1", 404),
        ("list=perhaps", 400),
        ("scan=true", 405),
        ("scan=perhaps", 400),
        ("list=true&scan=true", 400),
    ],
)
def test_a_query_turns_a_get_into_what_it_says(curl, root, query, status):
    curl("cubbyhole/x", *root, "-d", '{"a": "b"}')

    assert curl(f"cubbyhole/x?{query}", *root).status == status


def test_delete_deletes(curl, root):
    curl("cubbyhole/x", *root, "-d", '{"a": "b"}')

    assert curl("cubbyhole/x", *root, "-X", "DELETE").status == 204
    assert curl("cubbyhole/x", *root).status == 404


def test_an_answer_is_json_and_kept_by_nobody(curl, root):
    for words in ((), root):
        headers = curl("auth/token/lookup-self", *words).headers
        assert headers["content-type"] == "application/json"
        assert headers["cache-control"] == "no-store"


def test_the_main_job(curl, root):
    wrap = ("-H", "X-Vault-Wrap-TTL: 60")
    token = curl("sys/wrapping/wrap", *root, *wrap, "-d", '{"a": "b"}').body["wrap_info"]["token"]
    with_it = ("-H", f"X-Vault-Token: {token}", "-X", "POST")

    looked_up = curl("sys/wrapping/lookup", "-d", json.dumps({"token": token}))

    assert looked_up.body["data"]["creation_path"] == "sys/wrapping/wrap"
    assert curl("sys/wrapping/unwrap", *with_it).body["data"] == {"a": "b"}
    again = curl("sys/wrapping/unwrap", *with_it)
    assert (again.status, again.body) == (
        400,
        {"errors": ["wrapping token is not valid or does not exist"]},
    )


def test_a_read_is_wrapped_on_demand(curl, root):
    curl("cubbyhole/x", *root, "-d", '{"a": "b"}')

    info = curl("cubbyhole/x", *root, "-H", "X-Vault-Wrap-TTL: 20m").body["wrap_info"]

    assert (info["creation_path"], info["ttl"]) == ("cubbyhole/x", 1200)


def test_a_large_body_waits_for_the_go_ahead(curl, root):
    """Of a body beyond a megabyte curl asks first whether it is wanted."""
    body = json.dumps({"x": "y" * 1_040_000}).encode()
    expect = ("-H", "Expect: 100-continue")

    assert curl("cubbyhole/x", *root, *expect, "--data-binary", "@-", stdin=body).status == 204
    assert len(curl("cubbyhole/x", *root).body["data"]["x"]) == 1_040_000


def test_a_chunked_body(curl, root):
    chunked = ("-H", "Transfer-Encoding: chunked", "--data-binary", "@-")

    assert curl("cubbyhole/x", *root, *chunked, stdin=b'{"a": "b"}').status == 204
    assert curl("cubbyhole/x", *root).body["data"] == {"a": "b"}


def test_a_body_that_is_too_large(curl, root):
    shown = curl(
        "cubbyhole/x", *root, "-H", "Expect:", "--data-binary", "@-", stdin=b" " * 2**20 + b"{}"
    )

    assert shown.status == 413


def test_a_policy_in_hcl(curl, root):
    policy = 'path "cubbyhole/*" { capabilities = ["read"] }'
    body = json.dumps({"policy": policy})

    assert curl("sys/policies/acl/curl", *root, "-X", "PUT", "-d", body).status == 204
    assert curl("sys/policies/acl/curl", *root).body["data"]["policy"] == policy
    assert curl("sys/policies/acl/curl", *root, "-X", "DELETE").status == 204


def test_the_health(curl):
    assert curl("sys/health", "-I").status == 200
    assert curl("sys/health").body["sealed"] is False


def test_two_requests_on_one_connection(cubbyd):
    program = shutil.which("curl") or pytest.skip("wants curl")
    url = "http://localhost/v1/sys/health"
    asked = [program, "-q", "-s", "--unix-socket", cubbyd.http_socket, "-w", "%{num_connects}\n"]

    shown = subprocess.check_output([*asked, url, url], text=True, timeout=PATIENCE)

    assert shown.splitlines()[1::2] == ["1", "0"]


def test_a_password_that_nobody_has_seen(curl, root):
    shown = curl("sys/tools/random/16", *root, "-X", "POST", "-H", "X-Vault-Wrap-TTL: 60s")

    unwrapped = curl(
        "sys/wrapping/unwrap",
        "-X",
        "POST",
        "-H",
        f"X-Vault-Token: {shown.body['wrap_info']['token']}",
    )
    assert len(unwrapped.body["data"]["random_bytes"]) == 24
