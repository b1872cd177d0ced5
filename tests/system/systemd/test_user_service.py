"""A user's own cubbyd, under the user's manager.

- The first command starts it; its store lies where it would without systemd.
- Nobody else gets in, and a crash loses nothing.
- Where it is asked to, it goes when nobody needs it.
"""

import os
import signal
from pathlib import Path

import pytest
from guest import COMMAND, DAEMON, Manager, now, run
from real_daemon import eventually

PASSPHRASE = b"correct horse battery staple\n"
USER = os.environ.get("CUBBYD_TEST_USER", "tester")


@pytest.fixture(scope="module")
def enabled():
    """As docs/operations.md has it."""
    manager = Manager(USER)
    manager.run(*DAEMON, "install-units", "--user")
    manager.systemctl("daemon-reload")
    manager.systemctl("enable", "cubbyd.socket")
    yield manager
    manager.systemctl("disable", "cubbyd.socket")


@pytest.fixture
def manager(enabled):
    """A fresh store, and the socket listening."""
    enabled.reset()
    enabled.systemctl("start", "cubbyd.socket")
    yield enabled
    enabled.reset()


def wrap(manager):
    return manager.cubby("wrap", "a=1", "--field", "wrapping_token").stdout.strip()


def test_the_first_command_starts_it(manager):
    """By default names alone: no option, no configuration."""
    home = Path(manager.environment["HOME"])
    assert manager.show("ActiveState") == "inactive"

    token = manager.run(*COMMAND, "wrap", "a=1", "--field", "wrapping_token").stdout.strip()

    assert b"1" in manager.run(*COMMAND, "unwrap", stdin=token).stdout
    assert manager.show("ActiveState") == "active"
    assert manager.show("StatusText") == f"serving at {manager.socket}"
    assert (home / ".local/share/cubbyd/store/keyring").exists()
    assert (home / ".config/cubbyd/key").stat().st_mode & 0o777 == 0o600
    assert manager.socket.stat().st_mode & 0o777 == 0o600


def test_the_unit_of_who_connects_is_seen(manager):
    """Behind the name of the manager that it runs under, for its user named it."""
    run_in_unit = (
        "systemd-run",
        "--user",
        "--wait",
        "--collect",
        "-q",
        "--unit=backup-job.service",
    )
    manager.run(*run_in_unit, *COMMAND, "--socket", manager.socket, "wrap", "a=1")
    manager.stop()

    (creator,) = manager.creators()

    uid = Path(manager.environment["HOME"]).stat().st_uid
    assert creator == f"{uid} user@{uid}.service/backup-job.service"


def test_a_crash_loses_nothing(manager):
    token = wrap(manager)

    os.kill(manager.pid, signal.SIGKILL)

    assert b"1" in manager.cubby("unwrap", stdin=token).stdout


def test_nobody_else_gets_in(manager):
    wrap(manager)

    run("systemd-sysusers", "-", stdin=b"u stranger -\n")
    asked = run(*COMMAND, "--socket", manager.socket, "status", as_user="stranger", check=False)

    assert asked.returncode == 7
    assert b"you may not connect" in asked.stderr


def test_it_goes_when_nobody_needs_it_and_comes_back(manager):
    config = Path(manager.environment["HOME"], ".config/cubbyd/cubbyd.toml")
    manager.run("mkdir", "-p", config.parent)
    config.write_text('idle_exit = "1s"\n')
    since = now()
    token = wrap(manager)
    assert manager.show("ActiveState") == "active"

    assert eventually(lambda: manager.show("ActiveState") == "inactive")

    assert manager.show("Result") == "success"
    assert manager.eventually_says("nobody has been here", since)
    assert b"1" in manager.cubby("unwrap", stdin=token).stdout


def test_it_reloads(manager):
    wrap(manager)
    pid, since = manager.pid, now()
    config = Path(manager.environment["HOME"], ".config/cubbyd/cubbyd.toml")
    config.write_text("[limits]\nmax_wrap_ttl = 600\n")

    manager.systemctl("reload", "cubbyd.service")

    assert manager.eventually_says("limits.max_wrap_ttl is now", since)
    assert manager.pid == pid


def test_a_passphrase_opens_its_keys(manager):
    """What Argon2id takes is to be had in this sandbox as well."""
    token = wrap(manager)
    manager.cubby("rekey", "--to", "passphrase", stdin=PASSPHRASE)
    (Path(manager.environment["HOME"]) / ".config/cubbyd/key").unlink()

    manager.systemctl("restart", "cubbyd.service")

    assert manager.show("StatusText") == f"sealed, at {manager.socket}"
    assert manager.cubby("unwrap", stdin=token, check=False).returncode == 8
    manager.cubby("unseal", stdin=PASSPHRASE)
    assert b"1" in manager.cubby("unwrap", stdin=token).stdout


def test_a_credential_opens_its_keys(manager):
    """One in plain text: what systemd encrypts, a user's manager cannot decrypt before 256."""
    home = Path(manager.environment["HOME"])
    (home / "cubbyd.key").write_text("ab" * 32)
    manager.drop_in("[Service]\nLoadCredential=cubbyd.key:%h/cubbyd.key\n")

    token = wrap(manager)

    manager.systemctl("restart", "cubbyd.service")
    assert b"1" in manager.cubby("unwrap", stdin=token).stdout
    assert not (home / ".config/cubbyd/key").exists()
