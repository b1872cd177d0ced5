"""The socket's file: a dead daemon's is replaced, a living one's never, and others cannot connect.

Real files and sockets, since they are the point.
"""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cubbyd.errors import StartError
from cubbyd.server.socketfile import SocketFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "cubbyd.sock"


def mode_of(path):
    return stat.S_IMODE(path.lstat().st_mode)


def can_connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(os.fspath(path)) == 0


def leave_dead_socket(path):
    """What a daemon that was killed leaves behind."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))


def refusal(path):
    with pytest.raises(StartError) as caught:
        SocketFile(path)
    return str(caught.value)


def test_the_socket_and_its_directory_are_private(path):
    with SocketFile(path):
        assert can_connect(path)
        assert mode_of(path) == 0o600
        assert mode_of(path.parent) == 0o700


def test_missing_directories_are_made_private_whatever_the_umask(tmp_path):
    umask = os.umask(0)
    try:
        with SocketFile(tmp_path / "a" / "b" / "cubbyd.sock"):
            assert mode_of(tmp_path / "a") == 0o700
            assert mode_of(tmp_path / "a" / "b") == 0o700
            assert mode_of(tmp_path / "a" / "b" / "cubbyd.sock") == 0o600
    finally:
        os.umask(umask)


def test_the_socket_can_be_opened_to_others(path):
    with SocketFile(path, for_others=True):
        assert mode_of(path) == 0o666
        assert mode_of(path.parent) == 0o755


def test_a_directory_that_is_closed_to_others_stays_so_and_is_told_of(path, caplog):
    path.parent.mkdir(0o700, parents=True)

    with SocketFile(path, for_others=True):
        assert mode_of(path.parent) == 0o700

    assert f"{path.parent} is closed to others" in caplog.text


def test_the_umask_is_left_as_it_was(path):
    umask = os.umask(0o027)
    try:
        with SocketFile(path):
            assert os.umask(0o027) == 0o027
    finally:
        os.umask(umask)


def test_closing_removes_the_socket(path):
    listener = SocketFile(path)

    listener.close()
    listener.close()

    assert not path.exists()


def test_closing_leaves_a_socket_that_is_no_longer_ours(path):
    """Somebody removed ours and put another in its place."""
    with SocketFile(path):
        path.rename(path.with_name("moved"))
        leave_dead_socket(path)
        other = path.lstat().st_ino

    assert path.lstat().st_ino == other


def test_a_dead_daemons_socket_is_replaced(path):
    path.parent.mkdir(mode=0o700)
    leave_dead_socket(path)

    with SocketFile(path):
        assert can_connect(path)


def test_after_an_orderly_end_the_next_daemon_starts(path):
    SocketFile(path).close()

    SocketFile(path).close()


def test_a_living_daemons_socket_is_never_replaced(path):
    with SocketFile(path):
        before = path.lstat()

        assert f"another daemon serves {path}" in refusal(path)

        assert path.lstat() == before
        assert can_connect(path)


def test_a_living_socket_without_a_lock_is_never_replaced(path):
    """Another program's, or one whose lock file was removed."""
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(os.fspath(path))
        other.listen()

        assert "another daemon serves" in refusal(path)
        assert can_connect(path)


def test_a_socket_whose_backlog_is_full_is_alive(path):
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(os.fspath(path))
        other.listen(0)
        waiting.connect(os.fspath(path))

        assert "another daemon serves" in refusal(path)


def test_a_datagram_socket_is_left_alone(path):
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(os.fspath(path))

        assert "another daemon serves" in refusal(path)
        assert path.exists()


@pytest.mark.parametrize("kind", ["file", "directory", "link to a socket"])
def test_what_is_no_socket_is_never_removed(path, kind):
    path.parent.mkdir(mode=0o700)
    match kind:
        case "file":
            path.write_text("precious")
        case "directory":
            path.mkdir()
        case _:
            leave_dead_socket(path.with_name("elsewhere"))
            path.symlink_to("elsewhere")

    assert f"{path} is there and is not a socket; move it away" in refusal(path)
    assert path.lstat()


def test_of_two_daemons_that_start_at_once_one_wins(path):
    """Over a dead socket, where both are tempted to remove what they find."""
    path.parent.mkdir(mode=0o700)
    leave_dead_socket(path)
    program = (
        "import sys; from pathlib import Path; from cubbyd.server.socketfile import SocketFile\n"
        "sys.stdin.readline()\n"
        "try: listener = SocketFile(Path(sys.argv[1]))\n"
        "except Exception as error: print('lost', type(error).__name__, flush=True)\n"
        "else: print('won', flush=True)\n"
        "sys.stdin.read()\n"
    )
    contenders = [
        subprocess.Popen(
            [sys.executable, "-c", program, os.fspath(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(6)
    ]
    for each in contenders:
        each.stdin.write("go\n")
        each.stdin.flush()
    results = sorted(each.stdout.readline().strip() for each in contenders)
    reachable = can_connect(path)
    for each in contenders:
        each.communicate()

    assert results == ["lost StartError"] * 5 + ["won"]
    assert reachable


def test_a_path_over_the_systems_limit_is_refused_in_clear_words(tmp_path):
    message = refusal(tmp_path / ("x" * 107))

    assert "the system's limit is 107" in message
    assert "name a shorter one" in message


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_directory_that_others_can_write_is_refused(path, mode):
    path.parent.mkdir()
    path.parent.chmod(mode)

    assert f"{path.parent} can be written by others" in refusal(path)


def test_a_directory_below_one_that_everybody_can_write_is_refused(path):
    path.parent.mkdir(mode=0o700)
    path.parent.parent.chmod(0o777)

    assert f"{path.parent.parent} can be written by everybody" in refusal(path)


def test_below_a_sticky_directory_nobody_can_swap_ours(path):
    """As below /tmp."""
    path.parent.mkdir(mode=0o700)
    path.parent.parent.chmod(0o1777)

    SocketFile(path).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(path):
    path.parent.mkdir(mode=0o700)
    os.chown(path.parent, 1234, 1234)

    assert "belongs to uid 1234" in refusal(path)


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    message = refusal(tmp_path / "file" / "cubbyd.sock")

    assert f"cannot listen at {tmp_path / 'file' / 'cubbyd.sock'}" in message
