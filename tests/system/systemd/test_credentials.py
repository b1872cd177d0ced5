"""Keys that systemd keeps: ``LoadCredential=`` and ``LoadCredentialEncrypted=``.

- A new store opens with the credential; no key file is made beside it.
- One that is missing, another's or damaged is an error that says so, and changes nothing.
- The keys move from a key file to a credential and back.
"""

import os
import shutil
from pathlib import Path

import pytest
from guest import CONFIG, DAEMON, STATE, now, run

from cubbyd.errors import InvalidRequestError

PLAIN = Path("/etc/credstore/cubbyd.key")
ENCRYPTED = Path("/etc/credstore.encrypted/cubbyd.key")
HANDED = Path("/run/handed/cubbyd.key")
LOADING = f"[Service]\nLoadCredential=cubbyd.key:{PLAIN}\n"
DECRYPTING = f"[Service]\nLoadCredentialEncrypted=cubbyd.key:{ENCRYPTED}\n"
BY_OTHER_MEANS = f"[Service]\nEnvironment=CREDENTIALS_DIRECTORY={HANDED.parent}\n"
ASKED_FOR_BY_NAME = "[Service]\nLoadCredentialEncrypted=cubbyd.key\n"


def key():
    return os.urandom(32).hex().encode() + b"\n"


def put(path, content):
    """A file for root alone."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)


def put_encrypted(content):
    """As docs/operations.md has it, with the key of the host."""
    ENCRYPTED.parent.mkdir(mode=0o700, exist_ok=True)
    words = ("--with-key=host", "--name=cubbyd.key", "-", ENCRYPTED)
    run("systemd-creds", "encrypt", *words, stdin=content)


@pytest.fixture(autouse=True)
def _stores():
    yield
    for each in (PLAIN, ENCRYPTED, HANDED):
        shutil.rmtree(each.parent, ignore_errors=True)


def hand_over_encrypted():
    put_encrypted(key())


def hand_over_by_group():
    """As systemd does it where it can: root's, mode 0440, and more that no mode shows."""
    put(HANDED, key())
    HANDED.parent.chmod(0o755)
    shutil.chown(HANDED, "root", "cubbyd")
    HANDED.chmod(0o440)


@pytest.mark.parametrize(
    ("hand_over", "unit"),
    [
        (hand_over_encrypted, DECRYPTING),
        (hand_over_by_group, BY_OTHER_MEANS),
    ],
    ids=["encrypted", "by-group"],
)
def test_a_new_store_opens_with_the_credential(manager, hand_over, unit):
    hand_over()
    manager.drop_in(unit)
    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token

    manager.systemctl("restart", "cubbyd.service")

    with manager.client() as client:
        assert client.unwrap(token).data == {"a": 1}
        assert client.seal_status()["type"] == "credential"
        with pytest.raises(InvalidRequestError):
            client.seal()  # the next start would open it again
    assert not (STATE / "key").exists()
    assert manager.score("cubbyd.service") <= 0.6


def test_one_that_is_not_the_right_one_is_an_error_and_no_fresh_start(manager):
    good = key()
    put_encrypted(good)
    manager.drop_in(DECRYPTING)
    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token
    manager.stop()
    encrypted, keyring = ENCRYPTED.read_bytes(), (STATE / "store/keyring").read_bytes()

    none = "opens with the systemd credential cubbyd.key, and there is none; the unit needs"
    assert none in refusal(manager, "")
    ENCRYPTED.unlink()
    assert none in refusal(manager, ASKED_FOR_BY_NAME)
    assert refusal(manager, DECRYPTING) == "243"  # systemd's own: nobody starts
    ENCRYPTED.write_bytes(bytes([*encrypted[:-20], encrypted[-20] ^ 1, *encrypted[-19:]]))
    assert refusal(manager, DECRYPTING) == "243"
    put(PLAIN, key())
    assert "the credential cubbyd.key is another store's" in refusal(manager, LOADING)
    put(PLAIN, good[:40])
    assert "the credential cubbyd.key does not hold 64 hex digits" in refusal(manager, LOADING)

    assert (STATE / "store/keyring").read_bytes() == keyring
    assert not (STATE / "key").exists()
    put(PLAIN, good)
    manager.drop_in(LOADING)
    manager.systemctl("start", "cubbyd.socket")
    with manager.client() as client:
        assert client.unwrap(token).data == {"a": 1}


def refusal(manager, unit):
    """What cubbyd says to why it does not start; where it never ran, how systemd ended."""
    manager.drop_in(f"{unit}\n[Service]\nRestart=no\n")
    since = now()
    assert manager.systemctl("start", "cubbyd.service", check=False).returncode != 0
    status = manager.show("ExecMainStatus")
    manager.stop()
    manager.systemctl("reset-failed", "cubbyd.service")
    if status != "1":
        return status
    return "\n".join(each["MESSAGE"] for each in manager.journal(since))


def test_the_keys_move_from_a_key_file_to_a_credential_and_back(manager):
    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token
    refused = manager.cubby("rekey", "--to", "credential", check=False)
    assert (
        b"the unit needs LoadCredentialEncrypted=cubbyd.key:PATH, and a restart" in refused.stderr
    )
    put_encrypted(key())
    manager.drop_in(DECRYPTING)
    manager.systemctl("restart", "cubbyd.service")

    manager.cubby("rekey", "--to", "credential")

    (STATE / "key").unlink()
    manager.systemctl("restart", "cubbyd.service")
    with manager.client() as client:
        assert client.seal_status()["type"] == "credential"
        client.rekey("key-file")
    manager.drop_in("")
    manager.systemctl("restart", "cubbyd.service")
    with manager.client() as client:
        assert client.seal_status()["type"] == "key-file"
        assert client.unwrap(token).data == {"a": 1}


def test_fsck_opens_the_store_in_the_unit_as_the_daemon_does(manager):
    put_encrypted(key())
    manager.drop_in(DECRYPTING)
    with manager.client() as client:
        client.wrap({"a": 1}, 60)
    manager.stop()
    by_hand = run(*DAEMON, "fsck", "--config", CONFIG, as_user="cubbyd", check=False)
    assert by_hand.returncode == 1
    assert b"and there is none; the unit needs" in by_hand.stderr

    look = " ".join(map(str, (*DAEMON, "fsck", "--config", CONFIG)))
    oneshot = f"Type=oneshot\nRestart=no\nExecStart=\nExecStart={look}\n"
    manager.drop_in(f"{DECRYPTING}{oneshot}")
    manager.systemctl("start", "cubbyd.service")

    assert manager.show("ExecMainStatus") == "0"
    beside = ("systemd-run", "--pipe", "--wait", "--collect", "-q", "-p", "User=cubbyd")
    loading = ("-p", DECRYPTING.split()[1])
    assert run(*beside, *loading, *DAEMON, "fsck", "--config", CONFIG).returncode == 0
