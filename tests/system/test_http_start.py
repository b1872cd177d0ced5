"""The HTTP door of a real daemon opens where it is told to, and closes with the other one.

The rules: a start that is refused says why, and leaves nothing behind; a stop lets what was asked
be answered.
"""

import subprocess
import sys

import pytest
from http_daemon import HttpDaemon, rest
from http_talk import GET, read_answer, read_answers
from real_daemon import PATIENCE, RealDaemon, clean_environment


@pytest.fixture
def daemon(tmp_path):
    daemon = HttpDaemon(tmp_path)
    yield daemon
    daemon.close()


def test_both_sockets_are_there_and_both_go(daemon):
    said = daemon.start()

    assert "listens at" in said
    assert daemon.socket.is_socket()
    assert daemon.http_socket.is_socket()
    assert daemon.end() == (0, "")
    assert not daemon.socket.exists()
    assert not daemon.http_socket.exists()


def test_the_socket_of_a_daemon_that_was_killed_is_replaced(daemon):
    daemon.start()
    daemon.end(9)
    assert daemon.http_socket.exists()

    daemon.start()

    assert read_answer(daemon.exchange(GET)).status == 200


def test_stopping_lets_a_request_in_flight_be_answered(daemon):
    """What was sent before is answered, idle clients see the end, and nothing is reset."""
    daemon.start()
    with daemon.connected() as idle, daemon.connected() as busy:
        busy.sendall(GET * 100)
        assert busy.recv(1) == b"H"
        daemon.process.terminate()
        assert rest(idle) == b""
        assert len(read_answers(b"H" + rest(busy))) == 100
    assert daemon.wait() == (0, "")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", "it is empty"),
        ("{}/run/cubbyd.sock", "http_socket: is the same as socket"),
        ("{}/" + "x" * 200, "the system's limit is 107"),
        ("{}/cubbyd.toml", "is not a socket"),
        ("{}/cubbyd.toml/x", "Not a directory"),
        ("/proc/x/cubbyd.sock", "No such file"),
    ],
)
def test_a_socket_that_cannot_be_had_is_named(daemon, path, complaint):
    path = path.format(daemon.directory)

    assert daemon.start("--http-socket", path) == ""
    status, said = daemon.wait()

    assert status in (1, 2)
    assert complaint in said
    assert path in said or complaint.endswith("as socket")
    assert "Traceback" not in said
    assert not daemon.socket.exists()
    assert not daemon.store.exists()


@pytest.mark.slow
def test_a_socket_that_another_daemon_serves_is_left_to_it(daemon, tmp_path):
    daemon.start()
    other = HttpDaemon(tmp_path / "other")
    other.directory.mkdir()

    try:
        assert other.start("--http-socket", str(daemon.http_socket)) == ""
        assert "another daemon serves" in other.wait()[1]
    finally:
        other.close()
    assert read_answer(daemon.exchange(GET)).status == 200


def start_without(library, *options):
    """What a daemon says that cannot import a library."""
    program = (
        f"import sys; sys.modules['{library}'] = None; from cubbyd.cli.serve import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
        timeout=PATIENCE,
    )
    return done.returncode, done.stderr


def test_without_its_library_the_door_says_what_to_install(daemon):
    status, said = start_without("h11", *daemon.options())

    assert status == 1
    assert said == (
        "cubbyd: http_socket needs the Python package h11; pip install 'cubbyd[http]'\n"
    )
    assert not daemon.socket.exists()
    assert not daemon.store.exists()


@pytest.mark.slow
def test_without_the_door_its_library_is_not_needed(daemon):
    """It gets as far as finding that another daemon serves the socket."""
    daemon.start()
    options = RealDaemon.options(daemon)

    assert "another daemon serves" in start_without("h11", *options)[1]
