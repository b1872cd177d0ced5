"""A real daemon whose keys a passphrase or a credential brings, from the command line.

Each passphrase costs here what it costs outside, so most of this is slow.
"""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from real_daemon import PATIENCE, clean_environment, eventually

from cubbyd.store.keyring import source_of

PASSPHRASE, OTHER = b"correct horse battery", b"staple and something"
POLICY = b'{"path": {}}'
DIGITS = "5a" * 32 + "\n"


@contextmanager
def told(*secrets):
    """Descriptors that give each of these once."""
    ends = []
    try:
        for secret in secrets:
            read, write = os.pipe()
            os.write(write, secret + b"\n")
            os.close(write)
            ends.append(read)
        yield ends
    finally:
        for end in ends:
            os.close(end)


def command(daemon, *words):
    return [sys.executable, "-m", "cubbyd.cli.main", "--socket", str(daemon.socket), *words]


def run(words, **options):
    return subprocess.run(
        words,
        capture_output=True,
        env=clean_environment(),
        check=False,
        timeout=3 * PATIENCE,
        **{"stdin": subprocess.DEVNULL, **options},
    )


def rekey_words(daemon, to, new=None, current=None):
    given = [("--passphrase-fd", new), ("--current-passphrase-fd", current)]
    options = [str(word) for name, fd in given if fd is not None for word in (name, fd)]
    return command(daemon, "rekey", "--to", to, *options)


def write_policy(daemon):
    assert daemon.cubby("policy", "write", "mine", "-", stdin=POLICY).returncode == 0


def to_a_passphrase(daemon):
    with told(PASSPHRASE) as (new,):
        done = run(rekey_words(daemon, "passphrase", new), pass_fds=[new])
    assert done.stdout == b"Success! The keys open with a passphrase\n", done.stderr


def seen_by_ps(daemon):
    """What anybody may read of the daemon, and root."""
    process = Path(f"/proc/{daemon.process.pid}")
    return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()


@pytest.mark.slow
def test_a_life_with_a_passphrase(daemon):
    assert daemon.start()
    wrapping = daemon.cubby("wrap", "password=xyzzy", "--wrap-ttl", "1h").stdout
    to_a_passphrase(daemon)
    assert daemon.cubby("status").returncode == 0
    seen = seen_by_ps(daemon)
    _, log = daemon.end()

    says = daemon.start()
    assert says.endswith(", sealed until cubby unseal\n")
    status = daemon.cubby("status", "--format", "json")
    assert (status.returncode, b'"sealed": true' in status.stdout) == (8, True)
    refused = daemon.cubby("unwrap", stdin=wrapping)
    assert (refused.returncode, b"cubby unseal" in refused.stderr) == (8, True)
    wrong = daemon.cubby("unseal", stdin=b"incorrect horse\n")
    assert (wrong.returncode, wrong.stderr) == (
        1,
        b"cubby: the passphrase is wrong, or the keyring is damaged\n",
    )
    busy = daemon.cubby("unseal", stdin=PASSPHRASE)
    if busy.returncode:  # a busy machine may have waited long enough
        assert (busy.returncode, b"try again in 1 s" in busy.stderr) == (10, True)
    assert eventually(lambda: daemon.cubby("unseal", stdin=PASSPHRASE + b"\n").returncode == 0)

    assert daemon.cubby("seal").stdout == b"Success! Sealed\n"
    assert daemon.cubby("status").returncode == 8
    with told(PASSPHRASE) as (fd,):
        words = command(daemon, "unseal", "--passphrase-fd", str(fd))
        assert run(words, pass_fds=[fd]).stdout == b"Success! Unsealed\n"
    opened = daemon.cubby("unwrap", "--field", "password", stdin=wrapping)
    assert opened.stdout == b"xyzzy"
    seen += seen_by_ps(daemon)
    status, more = daemon.end()

    assert status == 0
    for secret in (PASSPHRASE, b"incorrect horse"):
        assert secret not in seen + (log + more).encode()


@pytest.mark.slow
def test_fsck_takes_the_passphrase_too(daemon):
    daemon.start()
    write_policy(daemon)
    to_a_passphrase(daemon)
    daemon.end()
    words = [sys.executable, "-m", "cubbyd.cli.serve", "fsck", "--store", str(daemon.store)]
    words += ["--key-file", str(daemon.key_file)]

    with told(PASSPHRASE, OTHER) as (right, wrong):
        clean = run([*words, "--passphrase-fd", str(right)], pass_fds=[right])
        refused = run([*words, "--passphrase-fd", str(wrong)], pass_fds=[wrong])

    assert clean.returncode == 0, clean.stderr
    assert (refused.returncode, refused.stderr) == (
        1,
        b"cubbyd: the passphrase is wrong, or the keyring is damaged\n",
    )
    assert run([*words], input=PASSPHRASE, stdin=None).returncode == 0
    assert run([*words]).returncode == 2


@pytest.mark.slow
def test_whenever_a_rekey_is_killed_the_store_opens(daemon):
    """With the old or with the new."""
    moments = random.Random(7)  # noqa: S311 - a known order of moments
    daemon.start()
    write_policy(daemon)
    to_a_passphrase(daemon)
    opens = PASSPHRASE
    for _ in range(3):
        other = OTHER if opens == PASSPHRASE else PASSPHRASE
        with told(other, opens) as (new, current):
            words = rekey_words(daemon, "passphrase", new, current)
            rekey = subprocess.Popen(words, pass_fds=[new, current], stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.3, 2.5))  # another process's doing
        daemon.end(signal.SIGKILL)
        was_answered = rekey.wait(PATIENCE) == 0

        assert "sealed" in daemon.start()
        if daemon.cubby("unseal", stdin=other).returncode == 0:
            opens = other
        else:
            assert not was_answered
            assert eventually(lambda: daemon.cubby("unseal", stdin=opens).returncode == 0)  # noqa: B023
        assert daemon.cubby("policy", "read", "mine").stdout == POLICY


# Credentials


def start_with(daemon, credentials):
    """Start it as systemd does that hands over credentials."""
    daemon.process = subprocess.Popen(
        [sys.executable, *daemon.program, *daemon.options()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment() | {"CREDENTIALS_DIRECTORY": str(credentials)},
        text=True,
    )
    daemon.started.append(daemon.process)
    return daemon.process.stdout.readline()


@pytest.mark.slow
def test_a_start_with_a_credential_good_missing_wrong_and_damaged(daemon, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    credential = credentials / "cubbyd.key"
    credential.write_text(DIGITS)
    credential.chmod(0o440)  # as systemd has it, with an ACL
    assert start_with(daemon, credentials)
    write_policy(daemon)
    assert daemon.end()[0] == 0
    assert not daemon.key_file.exists()
    assert source_of((daemon.store / "keyring").read_bytes())[0].value == "credential"

    for content, says in (
        ("5b" * 32, "the credential cubbyd.key is another store's"),
        ("damaged", "the credential cubbyd.key does not hold 64 hex digits"),
        (None, "the unit needs LoadCredentialEncrypted=cubbyd.key:PATH"),
    ):
        credential.unlink()
        if content is not None:
            credential.write_text(content)
        assert start_with(daemon, credentials) == ""
        status, complaint = daemon.wait()
        assert (status, says in complaint) == (1, True), complaint
    assert daemon.start() == ""  # without any

    credential.write_text(DIGITS)
    assert start_with(daemon, credentials)
    assert daemon.cubby("policy", "read", "mine").stdout == POLICY
