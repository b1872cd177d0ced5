"""``cubbyd fsck`` as scripts meet it: statuses, output, and who is there at the same time.

- Never beside a daemon; never a secret in what it says; nothing is made but the lock file.
- What stands before the word ``fsck`` names the store as well as what stands behind it.
"""

import fcntl
import json
import subprocess
import sys

import pytest
from real_daemon import PATIENCE, clean_environment

CANARY = "s3cret-canary"


@pytest.fixture
def stopped(daemon):
    """A daemon that has ended in order, and left a token, and one below a root token."""
    daemon.start()
    with daemon.client() as client:
        client.wrap({"key": CANARY}, 3600)
        parent = client.create_token(policies=["root"])
        with daemon.client(parent.client_token) as acting:
            acting.create_token(policies=["default"])
        daemon.parent = parent.accessor
    assert daemon.end() == (0, "")
    return daemon


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "cubbyd.cli.serve", *map(str, words)],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
        timeout=PATIENCE,
    )


def places(daemon, *, without=()):
    words = {
        "--config": daemon.directory / "cubbyd.toml",
        "--store": daemon.store,
        "--key-file": daemon.key_file,
    }
    return [word for pair in words.items() if pair[0] not in without for word in pair]


def fsck(daemon, *options):
    return run("fsck", *places(daemon), *options)


def files_of(daemon):
    return {path.name: path.read_bytes() for path in daemon.store.iterdir() if path.is_file()}


def test_a_clean_store_is_0_and_nothing_is_changed(stopped):
    before = files_of(stopped)

    told = fsck(stopped)

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith("\nclean\n")
    assert files_of(stopped) == before
    found = json.loads(fsck(stopped, "--format", "json").stdout)
    assert found["found"]["service"] == 2
    assert found["found"]["wrapping"] == 1
    assert found["exit_code"] == 0


@pytest.mark.slow
def test_beside_a_daemon_it_does_nothing(daemon):
    daemon.start()

    told = fsck(daemon, "--quarantine", "--after-restore")

    assert (told.returncode, told.stdout) == (1, "")
    assert f"another cubbyd has the store {daemon.store}" in told.stderr


def looked_at_read_only(daemon, *options):
    """fsck's answer where the store is mounted read-only, or None where nobody lets us mount."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"'
    own = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    tried = [*own, f"{mount} && ! touch $0/x", daemon.store]
    if subprocess.run(tried, capture_output=True, check=False).returncode:
        return None
    words = [sys.executable, "-m", "cubbyd.cli.serve", "fsck", *places(daemon), *options]
    return subprocess.run(
        [*own, f'{mount} && exec "$@"', daemon.store, *map(str, words)],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.slow
@pytest.mark.parametrize("has_lock", [True, False])
def test_a_read_only_mount_is_looked_at_and_refused_to_those_who_would_change(stopped, has_lock):
    if not has_lock:
        (stopped.store / "lock").unlink()
    before = files_of(stopped)

    told = looked_at_read_only(stopped)
    if told is None:
        pytest.skip("nothing can be mounted here")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith("\nclean\n")
    for option in ("--quarantine", "--after-restore"):
        told = looked_at_read_only(stopped, option)
        assert (told.returncode, told.stdout) == (1, "")
        assert "(Read-only file system)" in told.stderr
        assert "without --quarantine and --after-restore" in told.stderr
    assert files_of(stopped) == before


@pytest.mark.slow
def test_it_takes_the_lock_that_keeps_daemons_out(stopped):
    with (stopped.store / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

        assert fsck(stopped).returncode == 1
        assert stopped.start() == ""
        assert stopped.wait()[0] == 1


def test_damage_is_3_and_moved_aside_4_and_then_0(stopped):
    path = stopped.store / stopped.parent
    path.write_bytes(path.read_bytes()[:-1])
    before = files_of(stopped)

    found = fsck(stopped)
    assert found.returncode == 3
    assert f"{stopped.parent} (token)" in found.stdout
    assert "1 token(s) cannot be used for want of" in found.stdout
    assert files_of(stopped) == before

    moved = fsck(stopped, "--quarantine", "--format", "json")
    assert moved.returncode == 4
    assert len(json.loads(moved.stdout)["moved"]) == 2

    assert fsck(stopped).returncode == 0
    assert stopped.start()
    assert stopped.end() == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False])
def test_options_before_the_word_count_as_well(stopped, before):
    words = places(stopped)

    told = run(*words, "fsck") if before else run("fsck", *words)

    assert (told.returncode, told.stderr) == (0, "")
    assert str(stopped.store) in told.stdout


@pytest.mark.slow
def test_without_a_store_or_a_key_nothing_is_made(stopped, tmp_path):
    nowhere = tmp_path / "nowhere"
    (tmp_path / "empty").mkdir(0o700)
    cases = {
        ("--store", nowhere): "there is no store",
        ("--store", tmp_path / "empty"): "holds no keyring",
        ("--key-file", tmp_path / "no" / "key"): "is missing",
        ("--config", nowhere): "cannot read the configuration file",
    }
    for (option, path), words in cases.items():
        told = run("fsck", *places(stopped, without=[option]), option, path)
        assert (told.returncode, told.stdout) == (1, ""), option
        assert words in told.stderr
        assert told.stderr.startswith("cubbyd: ")
    assert not nowhere.exists()
    assert not (tmp_path / "no").exists()
    assert {path.name for path in (tmp_path / "empty").iterdir()} <= {"lock"}


@pytest.mark.slow
@pytest.mark.parametrize(("version", "name"), [(b"\0\2", "2"), (b"\0\0", "0")])
def test_a_store_of_another_format_is_refused_in_words(stopped, version, name):
    """By fsck and by the daemon; there has been no version but 1, so 0 stands for an older one."""
    keyring = stopped.store / "keyring"
    file = keyring.read_bytes()
    keyring.write_bytes(file[:8] + version + file[10:])
    before = files_of(stopped)

    told = fsck(stopped, "--quarantine", "--after-restore")
    assert stopped.start() == ""
    status, stderr = stopped.wait()

    assert (told.returncode, status) == (1, 1)
    for words in (told.stderr, stderr):
        assert f"the keyring has format version {name}" in words
        assert "use the cubbyd that wrote it" in words
    assert files_of(stopped) == before


@pytest.mark.slow
def test_a_token_of_a_newer_format_is_told_and_left(stopped):
    path = stopped.store / stopped.parent
    file = bytearray(path.read_bytes())
    file[7] = 2
    file[-1] ^= 1
    file[40] ^= 1
    path.write_bytes(file)

    told = fsck(stopped, "--quarantine")

    assert told.returncode == 3
    assert "format version 2; this cubbyd reads 1" in told.stdout
    assert path.read_bytes() == file
    stopped.start()
    with stopped.client() as client:
        assert client.health()
    status, stderr = stopped.end()
    assert status == 0
    assert "format version 2; this cubbyd reads 1" in stderr
    assert path.read_bytes() == file


@pytest.mark.slow
def test_no_secret_is_in_what_it_says_and_no_name_steers_a_terminal(stopped):
    (stopped.store / "\x1b[2J\udcff").touch()
    for path in stopped.token_files:
        path.write_bytes(path.read_bytes()[:-1])

    for form in ("table", "json"):
        told = fsck(stopped, "--format", form)
        assert told.returncode == 3
        assert CANARY not in told.stdout + told.stderr
        assert "cbys_" not in told.stdout
        assert "\x1b" not in told.stdout
        assert stopped.key_file.read_text().strip() not in told.stdout
