"""A service whose keys open with a passphrase: it is there, and sealed, until somebody unseals it.

- systemd is told that it is ready, and in words that it is sealed.
- The first who connects starts it; unsealing it needs no restart, and a restart seals it.
- What a passphrase takes is to be had in the sandbox, and is no reason to miss a sign of life.
"""

import threading
import time
from pathlib import Path

import pytest
from guest import COMMAND, CONFIG, DAEMON, STATE, configure, now, run
from real_daemon import eventually

from cubbyd.errors import (
    InvalidRequestError,
    PermissionDeniedError,
    SealedError,
)

PASSPHRASE = "correct horse battery staple"
FILE = Path("/run/passphrase")
SEALED = "sealed, at /run/cubbyd/cubbyd.sock"
SERVING = "serving at /run/cubbyd/cubbyd.sock"


@pytest.fixture(autouse=True)
def _passphrase():
    FILE.write_text(f"{PASSPHRASE}\n")
    FILE.chmod(0o600)
    yield
    FILE.unlink()


def cubby_with_passphrase(manager, *words):
    """As a script would: the passphrase comes by a descriptor of its own."""
    command = (*COMMAND, "--socket", manager.socket, *words, "--passphrase-fd", "3")
    return run("sh", "-c", f'exec "$@" 3<{FILE}', "-", *command)


def test_from_a_key_file_to_a_passphrase(manager):
    """With all that Argon2id takes by default, and by cubby alone."""
    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token
    cubby_with_passphrase(manager, "rekey", "--to", "passphrase")
    (STATE / "key").unlink()

    manager.systemctl("restart", "cubbyd.service")

    assert manager.show("StatusText") == SEALED
    assert manager.cubby("status", check=False).returncode == 8
    cubby_with_passphrase(manager, "unseal")
    assert eventually(lambda: manager.show("StatusText") == SERVING)
    with manager.client() as client:
        assert client.unwrap(token).data == {"a": 1}
        assert client.hardening()["keys_locked"]
    manager.cubby("seal")
    assert eventually(lambda: manager.show("StatusText") == SEALED)
    assert manager.cubby("status", check=False).returncode == 8


def test_the_first_who_connects_finds_it_sealed(manager):
    """And may be the one who unseals it; a restart is sealed again."""
    since = now()
    manager.lock_with(PASSPHRASE)
    assert manager.show("ActiveState") == "inactive"

    with manager.client() as client:
        with pytest.raises(SealedError):
            client.wrap({"a": 1}, 60)
        with pytest.raises(InvalidRequestError, match="the passphrase is wrong"):
            client.unseal("battery staple horse")
        assert manager.show("ActiveState") == "active"
        assert manager.show("StatusText") == SEALED
    manager.systemctl("restart", "cubbyd.service")  # which forgets that one was wrong, too
    with manager.client() as client:
        client.unseal(PASSPHRASE)
        token = client.wrap({"a": 1}, 60).token
    pid = manager.pid
    manager.systemctl("restart", "cubbyd.service")

    with manager.client() as client:
        assert manager.pid != pid
        with pytest.raises(SealedError):
            client.unwrap(token)
        client.unseal(PASSPHRASE)
        assert client.unwrap(token).data == {"a": 1}
    said = [each["MESSAGE"] for each in manager.journal(since)]
    assert said.count("unsealed") == 2
    assert not [each for each in said if "horse" in each]


def test_only_an_owner_unseals(manager):
    configure('[access]\nguest_uids = ["guest"]\n')
    manager.lock_with(PASSPHRASE)

    asked = run(
        *(*COMMAND, "unseal"),
        as_user="guest",
        stdin=PASSPHRASE.encode(),
        environment={"HOME": "/"},
        check=False,
    )

    assert asked.returncode == 4
    with manager.client("cbyt_" + "a" * 43) as client, pytest.raises(PermissionDeniedError):
        client.unseal(PASSPHRASE)
    assert manager.show("StatusText") == SEALED


def test_it_reloads_while_it_is_sealed(manager):
    manager.lock_with(PASSPHRASE)
    manager.systemctl("start", "cubbyd.service")
    pid, since = manager.pid, now()
    configure("[limits]\nmax_wrap_ttl = 60\n")

    manager.systemctl("reload", "cubbyd.service")

    assert manager.eventually_says("limits.max_wrap_ttl is now", since)
    assert manager.show("StatusText") == SEALED
    with manager.client() as client:
        client.unseal(PASSPHRASE)
        with pytest.raises(InvalidRequestError):
            client.wrap({"a": 1}, 120)
    assert manager.pid == pid


def test_it_does_not_throw_its_keys_away_for_being_idle(manager):
    """Sealed it goes, as nobody needs it; unsealed it stays, for no start brings the keys back."""
    configure('idle_exit = "1s"\n')
    manager.lock_with(PASSPHRASE)
    manager.systemctl("start", "cubbyd.service")
    assert eventually(lambda: manager.show("ActiveState") == "inactive")
    with manager.client() as client:
        client.unseal(PASSPHRASE)
    pid = manager.pid

    time.sleep(1.5)  # idle is what it shall be

    assert manager.pid == pid
    assert manager.show("StatusText") == SERVING


def test_a_slow_passphrase_stops_no_sign_of_life(manager):
    """One that takes longer than systemd would wait; meanwhile others are answered."""
    manager.lock_with(PASSPHRASE, opslimit=8, memlimit=256 << 20)
    manager.drop_in("[Service]\nWatchdogSec=1\n")
    manager.systemctl("start", "cubbyd.service")
    pid = manager.pid
    unsealing = threading.Thread(target=unseal, args=(manager,))
    began = time.monotonic()
    unsealing.start()
    answered = 0
    with manager.client() as client:
        while unsealing.is_alive():
            client.seal_status()
            answered += 1
            time.sleep(0.05)  # or we would be what slows it down

    took = time.monotonic() - began
    assert took > 1
    assert answered > 3 * took
    assert manager.pid == pid
    assert manager.show("StatusText") == SERVING


def unseal(manager):
    with manager.client() as client:
        client.unseal(PASSPHRASE)


def test_fsck_in_the_unit_is_told_the_passphrase(manager):
    manager.lock_with(PASSPHRASE)
    look = " ".join(map(str, (*DAEMON, "fsck", "--passphrase-fd", "0", "--config", CONFIG)))
    manager.drop_in(
        "[Service]\nType=oneshot\nRestart=no\n"
        f"StandardInput=file:{FILE}\nExecStart=\nExecStart={look}\n"
    )

    manager.systemctl("start", "cubbyd.service")

    assert manager.show("ExecMainStatus") == "0"
