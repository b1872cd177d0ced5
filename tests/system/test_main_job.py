"""The main job with real processes: the command line against a real daemon, and the demo."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from socket import AF_UNIX, SOCK_STREAM, socket

import pytest
from real_daemon import PATIENCE, RealDaemon, clean_environment, eventually

from cubbyd.cli.demo import MAX_FILE_BYTES

SECRET = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    daemon = RealDaemon(tmp_path_factory.mktemp("daemon"))
    daemon.start()
    yield daemon
    daemon.close()


@pytest.fixture
def tmp_path(tmp_path_factory):
    """A short one: a demo's socket lies below it, and the system's limit is near."""
    return tmp_path_factory.mktemp("d")


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

    done = demo(tmp_path)

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n* ") >= 5
    assert b"exit status 6" in done.stdout
    assert list(tmp_path.iterdir()) == []
    print(f"the demo took {time.monotonic() - began:.1f} s")  # noqa: T201 - told, not judged


@pytest.mark.slow
@pytest.mark.slow
def test_the_demo_hands_over_the_largest_file_that_it_names(tmp_path):
    """One byte more is refused before anything happens, and so is what never ends."""
    file = tmp_path / "file"
    file.write_bytes(os.urandom(MAX_FILE_BYTES))
    largest = demo(tmp_path, str(file))
    file.write_bytes(os.urandom(MAX_FILE_BYTES + 1))
    too_large = demo(tmp_path, str(file))
    os.mkfifo(tmp_path / "fifo")
    others = [demo(tmp_path, str(path)) for path in ("/dev/zero", tmp_path / "fifo")]

    assert (largest.returncode, largest.stderr) == (0, b"")
    assert f"a file of {MAX_FILE_BYTES}." in largest.stdout.decode()
    assert (too_large.returncode, too_large.stdout) == (2, b"")
    assert f"larger than {MAX_FILE_BYTES} bytes" in too_large.stderr.decode()
    for refused in others:
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert b"is not a regular file" in refused.stderr


def test_the_demo_says_why_its_daemon_did_not_start(tmp_path):
    """Here its directory is too deep for a socket."""
    deep = tmp_path / ("x" * 100)
    deep.mkdir()

    done = demo(deep)

    assert (done.returncode, done.stdout) == (1, b"")
    assert b"the daemon did not start: " in done.stderr
    assert b"socket path" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.slow
def test_the_demo_needs_no_home(tmp_path):
    """It names every path itself."""
    (tmp_path / "sitecustomize.py").write_text(
        "import pwd\ndef nobody(uid):\n    raise KeyError(uid)\npwd.getpwuid = nobody\n"
    )
    (tmp_path / "tmp").mkdir()
    environment = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path)}

    done = demo(tmp_path / "tmp", environment=environment)

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_demo_that_cannot_be_shown_is_over(tmp_path):
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = demo(tmp_path, stdout=full)

    assert done.returncode == 1
    assert done.stderr == b"cubby: cannot write the output: No space left on device\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "ending",
    [
        signal.SIGINT,
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
        ),
    ],
    ids=lambda each: each.name,
)
def test_the_demo_cleans_up_when_it_is_interrupted(tmp_path, ending):
    """Ctrl-C in the middle ends the daemon and removes the directory; so does a lost terminal."""
    with begun_demo(tmp_path) as (process, place):
        process.send_signal(ending)

        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert stderr.strip() == b""
    assert list(tmp_path.iterdir()) == []
    assert not is_served(place)


def test_the_daemon_of_a_demo_that_was_killed_ends_too(tmp_path):
    """Nobody could remove the directory; in it is nothing of the user's in clear."""
    secret = os.urandom(4096)
    file = tmp_path / "file"
    file.write_bytes(secret)
    with begun_demo(tmp_path, str(file)) as (process, place):
        assert is_served(place)

        process.kill()

        assert eventually(lambda: not is_served(place))
    (left,) = tmp_path.glob("cubby-demo-*")
    assert not any(secret in path.read_bytes() for path in left.rglob("*") if path.is_file())


def demo(directory, *words, environment=None, stdout=subprocess.PIPE):
    """Run the whole demo, with its directory in this one."""
    return subprocess.run(
        [sys.executable, "-m", "cubbyd.cli.main", "demo", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=(environment or without_python()) | {"TMPDIR": str(directory)},
        check=False,
        timeout=60,
    )


@contextmanager
def begun_demo(directory, *words):
    """A demo that has just said where its daemon serves, and that place."""
    with subprocess.Popen(
        [sys.executable, "-m", "cubbyd.cli.main", "demo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=without_python() | {"TMPDIR": str(directory)},
    ) as process:
        first = process.stdout.readline().decode()
        assert first.startswith("* A daemon serves at "), process.stderr.read()
        yield process, first.split()[-1]


def without_python():
    """A clean environment, also of what a developer set for Python itself."""
    return {
        name: value for name, value in clean_environment().items() if not name.startswith("PYTHON")
    }


def is_served(path):
    with socket(AF_UNIX, SOCK_STREAM) as asking:
        return asking.connect_ex(path) == 0
