"""Users other than the daemon's: who is let in, and how far, by nothing but the configuration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_daemon import RealDaemon, clean_environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")

OWNER, GUEST, STRANGER = 2345, 3456, 4567

# Everything is imported before the process becomes somebody else, who may not read it.
CLIENT = """
import os, sys
from cubbyd.client import Client
from cubbyd.errors import CubbydError
uid, path, *words = sys.argv[1:]
os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
with Client(None, path) as client:
    try:
        print(eval(" ".join(words)))
    except CubbydError as error:
        print(getattr(error, "code", type(error).__name__))
"""


@pytest.fixture
def daemon(tmp_path):
    for parent in (tmp_path, *tmp_path.parents[:-2]):
        parent.chmod(0o755)
    daemon = RealDaemon(tmp_path)
    daemon.options()
    (tmp_path / "cubbyd.toml").write_text(f"[access]\nowners = [{OWNER}]\nguest_uids = [{GUEST}]\n")
    daemon.start()
    yield daemon
    daemon.close()


def ask_as(daemon, uid, expression):
    """What a client of another user makes of an expression."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(uid), str(daemon.socket), expression],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=clean_environment(),
    )
    return done.stdout.strip()


def test_a_guest_unwraps_what_it_was_handed(daemon):
    """One user wraps, another to whom the token was handed unwraps: that is the job."""
    with daemon.client() as client:
        token = client.wrap({"password": "s3cret"}, 60).token.reveal_text()

    assert ask_as(daemon, GUEST, f"client.unwrap('{token}').data") == "{'password': 's3cret'}"
    assert ask_as(daemon, GUEST, f"client.unwrap('{token}').data") == "wrapping_token_invalid"


def test_a_guest_without_a_token_may_log_in_and_little_more(daemon):
    assert ask_as(daemon, GUEST, "client.login().policies") == "('default',)"
    assert ask_as(daemon, GUEST, "client.create_token()") == "permission_denied"


def test_another_owner_acts_as_root_without_a_token(daemon):
    assert ask_as(daemon, OWNER, "client.create_token(policies=['root']).orphan") == "True"


def test_a_stranger_is_turned_away(daemon):
    assert ask_as(daemon, STRANGER, "client.health()") == "permission_denied"
