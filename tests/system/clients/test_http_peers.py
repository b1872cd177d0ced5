"""Other users at the HTTP door: let in or not as at the other one, and then judged by their token.

The rules: the kernel's word at accept decides who may ask at all; whoever may is granted what the
token grants, and without one what OpenBao grants, be it the owner.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest
from real_daemon import PATIENCE, RealDaemon

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others"),
]

OWNER, GUEST, STRANGER = 2345, 3456, 4567

# What a client hears that says nothing. Everything is imported before it becomes somebody else.
LISTEN = """
import os, socket, sys
uid, path = sys.argv[1:]
os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
with socket.socket(socket.AF_UNIX) as stream:
    stream.connect(path)
    print(stream.makefile().read())
"""


@pytest.fixture
def daemon(tmp_path):
    for parent in (tmp_path, *tmp_path.parents[:-2]):
        parent.chmod(0o755)
    daemon = RealDaemon(tmp_path)
    daemon.options()
    (tmp_path / "cubbyd.toml").write_text(f"[access]\nowners = [{OWNER}]\nguest_uids = [{GUEST}]\n")
    assert daemon.start("--http-socket", str(tmp_path / "run" / "http.sock"))
    yield daemon
    daemon.close()


def ask_as(daemon, uid, path, *words):
    """The status and the body that curl gets as another user."""
    done = subprocess.run(
        [
            shutil.which("curl") or pytest.skip("wants curl"),
            *("-q", "-s", "--unix-socket", daemon.socket.with_name("http.sock")),
            *("-w", "\n%{http_code}", *words, f"http://localhost/v1/{path}"),
        ],
        capture_output=True,
        text=True,
        check=True,
        user=uid,
        group=uid,
        extra_groups=[],
        cwd="/",
        timeout=PATIENCE,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body else None


def test_a_stranger_is_turned_away_before_anything_is_asked(daemon):
    """The refusal does not wait for a request, and the connection closes behind it."""
    done = subprocess.run(
        [sys.executable, "-c", LISTEN, str(STRANGER), daemon.socket.with_name("http.sock")],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )

    head, _, body = done.stdout.partition("\n\n")
    assert head.startswith("HTTP/1.1 403 Forbidden\n")
    assert "Connection: close" in head
    assert json.loads(body) == {
        "errors": [f"uid {STRANGER} is neither an owner nor a guest of this cubbyd"]
    }


@pytest.mark.parametrize("uid", [0, OWNER, GUEST])
def test_without_a_token_all_who_are_let_in_are_alike(daemon, uid):
    assert ask_as(daemon, uid, "sys/health")[0] == 200
    for path in ("auth/token/accessors?list=true", "cubbyhole/x", "sys/policies/acl?list=true"):
        assert ask_as(daemon, uid, path) == (403, {"errors": ["permission denied"]})


@pytest.mark.parametrize("uid", [0, OWNER, GUEST])
def test_nobody_logs_in_as_a_peer_over_http(daemon, uid):
    status, body = ask_as(daemon, uid, "auth/peer/login", "-X", "POST")

    assert (status, body["errors"]) == (403, ["permission denied: log in at the CBOR socket"])


def test_a_guest_unwraps_what_it_was_handed(daemon):
    with daemon.client() as owner:
        token = owner.wrap({"password": "s3cret"}, 60).token.reveal_text()
    unwrap = ("sys/wrapping/unwrap", "-X", "POST", "-H", f"X-Vault-Token: {token}")

    assert ask_as(daemon, GUEST, *unwrap)[1]["data"] == {"password": "s3cret"}
    assert ask_as(daemon, GUEST, *unwrap)[0] == 400
