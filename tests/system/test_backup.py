"""A plain copy of the store's directory, taken while the daemon is busy, is a backup.

The rules: what was answered before the copy began is there, whole, or newer; what was destroyed
before is not; fsck finds nothing wrong; and nothing wrapped leaves twice once fsck was told that
this is a copy. Unless keys were rotated meanwhile: then fsck says what the copy is worth.
"""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from real_daemon import PATIENCE, RealDaemon, clean_environment, eventually

from cubbyd.errors import NotFoundError, PermissionDeniedError, WrappingTokenInvalidError

WRITERS = 3
ENOUGH = 15
"""Rounds of each writer before the copy begins."""


class Writer:
    """Rewrites its own secret, wraps, unwraps, creates and revokes, and notes what was answered."""

    def __init__(self, daemon):
        self._client = daemon.client
        with daemon.client() as owner:
            self.token = owner.create_token(policies=["default"]).client_token
        self.written = 0
        self.waiting, self.unwrapped, self.revoked = [], [], []
        self.rounds = 0

    def run(self, stop):
        with self._client() as owner, self._client(self.token) as own:
            while not stop.is_set():
                number = self.rounds
                own.write("cubbyhole/n", {"n": number, "filler": "x" * (number % 40) * 500})
                self.written = number
                self.waiting.append((owner.wrap({"n": number}, 3600).token, number))
                spent = owner.wrap({"n": number}, 3600).token
                owner.unwrap(spent)
                self.unwrapped.append(spent)
                gone = owner.create_token(policies=["default"]).client_token
                owner.revoke_token(gone)
                self.revoked.append(gone)
                self.rounds += 1

    def noted(self):
        """What was answered until now."""
        return self.written, [*self.waiting], [*self.unwrapped], [*self.revoked]


@contextmanager
def busy(writers):
    stop = Event()
    threads = [Thread(target=writer.run, args=[stop]) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)


def copy(store, to):
    """As docs/operations.md says it. A file that is gone before its turn is no failure."""
    to.parent.mkdir()
    ran = subprocess.run(
        ["/bin/cp", "-a", store, to], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert all("No such file" in line for line in ran.stderr.splitlines())


def fsck(daemon, *options):
    return subprocess.run(
        [sys.executable, "-m", "cubbyd.cli.serve", *daemon.options(), "fsck", *options],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture
def backups(tmp_path):
    """What the writers were told when a copy began; and daemons for two copies of it."""
    original = RealDaemon(tmp_path / "original")
    original.directory.mkdir()
    original.start()
    copies = [RealDaemon(tmp_path / name) for name in ("one", "other")]
    writers = [Writer(original) for _ in range(WRITERS)]
    with busy(writers):
        assert eventually(lambda: all(writer.rounds > ENOUGH for writer in writers))
        noted = [(writer.token, *writer.noted()) for writer in writers]
        rounds = sum(writer.rounds for writer in writers)
        for each in copies:
            copy(original.store, each.store)
            each.key_file.write_bytes(original.key_file.read_bytes())
            each.key_file.chmod(0o600)
        assert eventually(lambda: sum(writer.rounds for writer in writers) > rounds)
    assert original.end()[0] == 0
    yield noted, *copies
    for each in (original, *copies):
        each.close()


@pytest.mark.slow
def test_a_copy_of_a_busy_store_is_a_backup(backups):
    noted, daemon, other = backups

    checked = fsck(daemon)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert daemon.start()
    with daemon.client() as owner:
        for token, written, waiting, unwrapped, revoked in noted:
            with daemon.client(token) as own:
                assert own.read("cubbyhole/n")["n"] >= written
            for spent in unwrapped:
                with pytest.raises(WrappingTokenInvalidError):
                    owner.unwrap(spent)
            for gone in revoked:
                with pytest.raises((PermissionDeniedError, NotFoundError)):
                    owner.lookup_token(gone)
            for wrapping_token, number in waiting:
                assert owner.unwrap(wrapping_token).data == {"n": number}
    assert daemon.end() == (0, "")

    restored = fsck(other, "--after-restore")
    assert restored.returncode == 0
    assert "wrapping and limited token(s) destroyed" in restored.stdout
    assert other.start()
    with other.client() as owner:
        for token, written, waiting, _, _ in noted:
            with other.client(token) as own:
                assert own.read("cubbyhole/n")["n"] >= written
            for wrapping_token, _ in waiting:
                with pytest.raises(WrappingTokenInvalidError):
                    owner.unwrap(wrapping_token)
    assert other.end() == (0, "")


@pytest.fixture
def rotating(tmp_path):
    """A daemon with some tokens, and a place for a copy of its store."""
    daemon, copied = (RealDaemon(tmp_path / name) for name in ("original", "copy"))
    daemon.directory.mkdir()
    copied.store.mkdir(0o700, parents=True)
    daemon.start()
    with daemon.client() as owner:
        for _ in range(5):
            owner.create_token(policies=["default"])
    shutil.copy2(daemon.key_file, copied.key_file)
    yield daemon, copied
    daemon.close()


def copy_files(daemon, copied, names):
    for name in names:
        shutil.copy2(daemon.store / name, copied.store / name)


def rotate_and_wait(daemon):
    """Until every file hangs on the new key, and the old one is gone."""
    with daemon.client() as owner:
        term = owner.key_status()["term"]
        owner.rotate()
        assert eventually(lambda: list(owner.key_status()["files"]) == [str(term + 1)])


@pytest.mark.slow
@pytest.mark.parametrize("keyring_is", ["older", "younger"])
def test_a_copy_taken_across_a_rotation_is_told_to_be_none(rotating, keyring_is):
    daemon, copied = rotating
    tokens = [path.name for path in daemon.token_files]
    order = [["keyring"], tokens] if keyring_is == "older" else [tokens, ["keyring"]]

    copy_files(daemon, copied, order[0])
    rotate_and_wait(daemon)
    copy_files(daemon, copied, order[1])

    told = fsck(copied, "--quarantine", "--format", "json")
    assert told.returncode == 3
    report = json.loads(told.stdout)
    assert {each["name"] for each in report["damaged"]} == {*tokens}
    assert {each["reason"] for each in report["damaged"]} == {"unknown_format"}
    assert report["moved"] == []

    copy_files(daemon, copied, ["keyring", *tokens])  # again, with one key before and after
    again = fsck(copied)
    assert (again.returncode, again.stderr) == (0, "")
