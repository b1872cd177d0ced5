"""The daemon as a process: how it starts, refuses to start, survives and ends.

- Without any configuration it makes what it needs, and nothing of it is open to others.
- Two daemons never share a store, and none takes a living one's socket.
- What was answered survives ``kill -9``; what expired meanwhile is dead and gets destroyed.
- A key or keyring that is lost is an error, never a fresh start.
"""

import signal
import socket
import stat
import subprocess
import sys
import time

import pytest
from real_daemon import PATIENCE, RealDaemon, eventually

from cubbyd.errors import IntegrityError, WrappingTokenInvalidError
from cubbyd.messages import Operation
from cubbyd.wire.connection import ClientConnection, Need


def test_the_first_start_makes_what_it_needs_for_us_alone(daemon):
    """Key file, store and socket are there, closed to others, and one line says where."""
    line = daemon.start()

    assert str(daemon.socket) in line
    assert stat.S_IMODE(daemon.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.store.stat().st_mode) == 0o700
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.socket.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(daemon, how):
    """It ends with status 0, and its socket is gone."""
    daemon.start()

    status, stderr = daemon.end(how)

    assert (status, stderr) == (0, "")
    assert not daemon.socket.exists()


def test_requests_in_flight_are_answered_before_it_ends(daemon):
    """What a client had sent when the signal came is done, and answered."""
    daemon.start()
    with daemon.client() as client:
        token = client.create_token(policies=["default"]).client_token
    asking, frames = ClientConnection(), b""
    for number in range(50):
        data = {"number": number}
        frames += asking.ask(Operation.WRITE, f"cubbyhole/{number}", token=token, data=data)[1]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(daemon.socket))
        connection.sendall(frames)
        asking.receive_data(connection.recv(1))

        daemon.process.terminate()

        while data := connection.recv(65536):
            asking.receive_data(data)
    assert daemon.wait()[0] == 0
    answered = 0
    while asking.next_event() is not Need.DATA:
        answered += 1
    assert answered == 50


def test_a_second_daemon_on_the_same_store_is_refused(daemon, tmp_path):
    """It says which store, and leaves the first alone."""
    daemon.start()
    second = RealDaemon(tmp_path)

    second.start("--socket", str(tmp_path / "other" / "cubbyd.sock"))

    status, stderr = second.wait()
    assert status == 1
    assert f"another cubbyd has the store {daemon.store}" in stderr
    with daemon.client() as client:
        assert client.health()


def test_a_living_daemons_socket_is_not_taken(daemon, tmp_path):
    """Another store does not help: whoever serves there goes on."""
    daemon.start()
    second = RealDaemon(tmp_path)

    second.start("--store", str(tmp_path / "other"), "--key-file", str(tmp_path / "other-key"))

    status, stderr = second.wait()
    assert status == 1
    assert str(daemon.socket) in stderr
    with daemon.client() as client:
        assert client.health()


def test_what_was_answered_survives_a_kill(daemon):
    """After kill -9 a new daemon replaces the socket, and has all that was answered."""
    daemon.start()
    with daemon.client() as client:
        wrapping_token = client.wrap({"key": b"\x00\xff"}, 60).token
    daemon.end(signal.SIGKILL)

    assert daemon.start()

    with daemon.client() as client:
        assert client.unwrap(wrapping_token).data == {"key": b"\x00\xff"}
        with pytest.raises(WrappingTokenInvalidError):
            client.unwrap(wrapping_token)


def test_what_expired_while_it_was_down_is_dead_and_destroyed(daemon):
    """The token is refused at once, and its file is gone soon after the start."""
    daemon.start()
    with daemon.client() as client:
        wrapping_token = client.wrap({"a": 1}, 1).token
    daemon.end(signal.SIGKILL)
    (file,) = daemon.token_files
    assert eventually(lambda: time.time() > file.stat().st_mtime + 1.0)

    daemon.start()

    with daemon.client() as client, pytest.raises(WrappingTokenInvalidError):
        client.unwrap(wrapping_token)
    assert eventually(lambda: not daemon.token_files)


def test_a_damaged_file_costs_only_its_own_token(daemon):
    """It is refused as damaged, left as it is, and everything else goes on."""
    daemon.start()
    with daemon.client() as client:
        hit = client.wrap({"a": 1}, 60)
        spared = client.wrap({"b": 2}, 60)
    daemon.end(signal.SIGKILL)
    file = daemon.store / hit.accessor
    damaged = file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1])
    file.write_bytes(damaged)

    daemon.start()

    with daemon.client() as client:
        with pytest.raises(IntegrityError):
            client.unwrap(hit.token)
        assert client.unwrap(spared.token).data == {"b": 2}
    assert file.read_bytes() == damaged


def test_a_lost_key_file_is_an_error_and_no_fresh_start(daemon):
    """It says what is missing, and makes no new key."""
    daemon.start()
    daemon.end()
    daemon.key_file.unlink()

    daemon.start()

    status, stderr = daemon.wait()
    assert status == 1
    assert f"the key file {daemon.key_file} is missing" in stderr
    assert not daemon.key_file.exists()


@pytest.mark.slow
def test_a_socket_path_beyond_the_systems_limit_is_an_error(daemon):
    """It names the path's length, the limit and the remedy."""
    daemon.start("--socket", str(daemon.directory / ("s" * 120)))

    status, stderr = daemon.wait()
    assert status == 1
    assert "107" in stderr
    assert "name a shorter one" in stderr


def test_wrong_settings_name_file_key_and_remedy(daemon):
    """All of them in one go, and nothing is made."""
    daemon.options()
    config = daemon.directory / "cubbyd.toml"
    config.write_text('[limits]\nmax_conections = 5\nidle_timeout = "soon"\n')

    daemon.start()

    status, stderr = daemon.wait()
    assert status == 1
    assert str(config) in stderr
    assert "limits.max_conections" in stderr
    assert "max_connections" in stderr
    assert "limits.idle_timeout" in stderr
    assert not daemon.store.exists()


@pytest.mark.slow
def test_a_wrong_setting_is_told_even_where_an_option_overrides_it(daemon):
    daemon.options()
    (daemon.directory / "cubbyd.toml").write_text("store = 3\n")

    daemon.start()

    status, stderr = daemon.wait()
    assert status == 1
    assert "store: must be a path" in stderr


def test_a_start_that_is_refused_leaves_no_store_and_no_key(daemon, tmp_path):
    daemon.start()
    second = RealDaemon(tmp_path)

    second.start("--store", str(tmp_path / "other"), "--key-file", str(tmp_path / "other-key"))

    assert second.wait()[0] == 1
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "other-key").exists()


@pytest.mark.slow
def test_an_empty_path_is_a_usage_error(daemon):
    """A script's unset variable must not make the working directory a store."""
    daemon.start("--store", "")

    status, stderr = daemon.wait()
    assert status == 2
    assert "empty" in stderr


@pytest.mark.slow
def test_without_a_home_it_serves_when_every_path_is_named(daemon):
    """As in a container that runs under an arbitrary uid, which nobody has an entry for."""
    daemon.options()

    refused = serve_without_home("--config", str(daemon.directory / "cubbyd.toml"))
    paths = daemon.options()
    served = serve_without_home(*paths, "--socket", "/" + "too-long" * 20)

    assert "set HOME" in refused
    assert "107" in served


def serve_without_home(*options):
    """What a daemon that fails to start says, where there is no home directory."""
    program = (
        "import os, pwd, sys\n"
        "def nobody(uid): raise KeyError\n"
        "pwd.getpwuid = nobody\n"
        "from cubbyd.cli.serve import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_file_that_is_damaged_under_it_is_named_in_the_log_once(daemon):
    daemon.start()
    with daemon.client() as client:
        hit = client.wrap({"a": 1}, 60)
        file = daemon.store / hit.accessor
        file.write_bytes(file.read_bytes() + b"x")
        for _ in range(3):
            with pytest.raises(IntegrityError):
                client.unwrap(hit.token)

    _, stderr = daemon.end()

    assert stderr.count(hit.accessor) == 1


@pytest.mark.slow
def test_what_is_in_the_way_of_the_sweep_stops_no_start(daemon):
    daemon.start()
    daemon.end()
    (daemon.store / "staged-directory").mkdir()

    assert daemon.start()


def test_nobody_has_to_read_its_line(daemon):
    """A closed pipe on standard output is no reason to stop."""
    daemon.start()
    daemon.process.stdout.close()

    with daemon.client() as client:
        assert client.health()
