"""The main job with real processes: the command line against a real daemon, and the demo."""

import os
import signal
import subprocess
import sys
import time

import pytest
from real_daemon import PATIENCE, RealDaemon, clean_environment

SECRET = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    daemon = RealDaemon(tmp_path_factory.mktemp("daemon"))
    daemon.start()
    yield daemon
    daemon.close()


def test_a_secret_is_handed_over_once(daemon, tmp_path):
    """The first to unwrap gets text and bytes as they were, the second is told what that means."""
    content = os.urandom(5000)
    (tmp_path / "key").write_bytes(content)
    wrap = daemon.cubby(
        "wrap", "password=-", f"key=@{tmp_path / 'key'}", "--wrap-ttl", "60s", stdin=b"s3cret"
    )

    first = daemon.cubby("unwrap", "--field", "key", stdin=wrap.stdout)
    second = daemon.cubby("unwrap", stdin=wrap.stdout)

    assert (first.returncode, first.stdout) == (0, content)
    assert (second.returncode, second.stdout) == (6, b"")
    assert b"intercepted" in second.stderr


def test_a_lookup_and_a_rewrap_lose_nothing(daemon):
    """Looking costs nothing; a rewrapped secret is under the new token and not under the old."""
    token = daemon.cubby("wrap", f"password={SECRET}").stdout
    assert daemon.cubby("lookup", stdin=token).returncode == 0

    fresh = daemon.cubby("rewrap", stdin=token).stdout

    assert daemon.cubby("unwrap", stdin=token).returncode == 6
    again = daemon.cubby("unwrap", "--field", "password", stdin=fresh)
    assert again.stdout == SECRET.encode()


def test_a_cubbyhole_is_the_tokens_own(daemon):
    """What one token wrote, it reads, lists and deletes; another token finds nothing there."""
    mine, other = (
        daemon.cubby("token", "create", "--policy", "default", "--field", "token").stdout.decode()
        for _ in range(2)
    )

    written = daemon.cubby("write", "cubbyhole/db/app", "user=app", "pw=-", stdin=b"x", token=mine)

    assert written.returncode == 0
    assert daemon.cubby("read", "cubbyhole/db/app", "--field", "pw", token=mine).stdout == b"x"
    assert daemon.cubby("list", "cubbyhole/db", token=mine).stdout.split()[-1] == b"app"
    assert daemon.cubby("read", "cubbyhole/db/app", token=other).returncode == 3
    assert daemon.cubby("delete", "cubbyhole/db/app", token=mine).returncode == 0
    assert daemon.cubby("read", "cubbyhole/db/app", token=mine).returncode == 3


def test_the_owner_reads_no_cubbyhole_but_may_revoke_any_token(daemon):
    """Without a token there is no cubbyhole; with an accessor there is soon no token."""
    created = daemon.cubby("token", "create", "--policy", "default", "--format", "json")
    token = daemon.cubby("login", "--field", "token").stdout.decode()
    accessor = daemon.cubby("token", "lookup", "--field", "accessor", token=token).stdout.decode()
    assert created.returncode == 0
    assert daemon.cubby("list", "cubbyhole").returncode == 4

    revoked = daemon.cubby("token", "revoke", "--accessor", accessor)

    assert revoked.returncode == 0
    assert daemon.cubby("token", "lookup", token=token).returncode == 4


def test_no_daemon_is_an_exit_status_of_its_own(tmp_path):
    """And the message says how to start one."""
    nowhere = RealDaemon(tmp_path)

    asked = nowhere.cubby("status")

    assert asked.returncode == 7
    assert b"cubbyd" in asked.stderr


def test_the_demo_tells_its_story_in_time_and_leaves_nothing(tmp_path):
    """All of its scenes happen in under ten seconds, and its directory is gone."""
    began = time.monotonic()

    done = subprocess.run(
        [sys.executable, "-m", "cubbyd.cli.main", "demo"],
        capture_output=True,
        env=clean_environment() | {"TMPDIR": str(tmp_path)},
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n* ") >= 5
    assert b"exit status 6" in done.stdout
    assert list(tmp_path.iterdir()) == []
    print(f"the demo took {time.monotonic() - began:.1f} s")  # noqa: T201 - told, not judged


def test_the_demo_cleans_up_when_it_is_interrupted(tmp_path):
    """Ctrl-C in the middle ends the daemon and removes the directory."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cubbyd.cli.main", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment() | {"TMPDIR": str(tmp_path)},
    )
    process.stdout.readline()
    assert list(tmp_path.iterdir())

    process.send_signal(signal.SIGINT)

    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []
