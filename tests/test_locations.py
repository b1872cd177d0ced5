"""Where things lie, unless somebody says otherwise.

The environment is the input here, so these tests set it; nothing else is replaced.
"""

from pathlib import Path

import pytest

from cubbyd import locations

NAMES = ("CUBBY_SOCKET", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")


@pytest.fixture
def env(monkeypatch, tmp_path):
    """An environment with a home and no more."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def test_the_socket_lies_in_the_runtime_directory(env):
    env.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert str(locations.user_socket()) == "/run/user/1000/cubbyd/cubbyd.sock"


@pytest.mark.parametrize("runtime", [None, ""])
def test_without_one_the_socket_lies_in_the_users_state(env, tmp_path, runtime):
    """Never below a directory that others can write to, such as /tmp."""
    if runtime is not None:
        env.setenv("XDG_RUNTIME_DIR", runtime)
    state = tmp_path / ".local" / "state" / "cubbyd"
    assert locations.user_socket() == state / "run" / "cubbyd.sock"


def test_a_client_goes_where_it_is_told(env):
    env.setenv("CUBBY_SOCKET", "/elsewhere/cubbyd.sock")
    assert str(locations.client_socket()) == "/elsewhere/cubbyd.sock"


@pytest.mark.parametrize("named", ["", "./x", "x/", "/a//b", "a/../b", "//a", "/", Path("a/b")])
def test_a_named_socket_is_told_as_pathlib_would(named):
    assert locations.client_socket(named) == str(Path(named))


def test_where_we_may_not_look_no_other_daemon_is_tried(env, tmp_path):
    """What lies there may be the user's own, and the system's is somebody else."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    env.setenv("XDG_RUNTIME_DIR", str(loop))
    env.setattr(locations, "SYSTEM_SOCKET", str(tmp_path))
    with pytest.raises(OSError, match="symbolic links"):
        locations.client_socket()


def test_a_client_prefers_its_own_users_daemon(env, tmp_path):
    env.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    own = tmp_path / "cubbyd" / "cubbyd.sock"
    own.parent.mkdir()
    own.touch()
    assert locations.client_socket() == str(own)


@pytest.mark.skipif(Path(locations.SYSTEM_SOCKET).exists(), reason="a system daemon runs here")
def test_without_any_daemon_a_client_looks_for_its_users(env):
    env.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert str(locations.client_socket()) == "/run/user/1000/cubbyd/cubbyd.sock"


@pytest.mark.usefixtures("env")
def test_the_key_lies_outside_the_store(tmp_path):
    assert locations.user_store() == tmp_path / ".local" / "share" / "cubbyd" / "store"
    assert locations.user_key_file() == tmp_path / ".config" / "cubbyd" / "key"
    assert locations.user_config_file() == tmp_path / ".config" / "cubbyd" / "cubbyd.toml"
    assert not locations.user_key_file().is_relative_to(locations.user_store())


def test_a_socket_path_must_fit_the_systems_limit(tmp_path):
    short = tmp_path.parents[-1] / ("x" * (locations.MAX_SOCKET_PATH_BYTES - 1))
    locations.check_socket_path(short)
    with pytest.raises(
        ValueError, match=r"has 108 bytes, and the system's limit is 107; name a shorter one"
    ):
        locations.check_socket_path(short.with_name(short.name + "x"))


def test_the_limit_counts_bytes_not_letters(tmp_path):
    path = tmp_path.parents[-1] / ("ä" * 60)
    with pytest.raises(ValueError, match="121 bytes"):
        locations.check_socket_path(path)
