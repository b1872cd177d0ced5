"""Whom a client trusts to be the daemon: itself, root, and whom root gave the place."""

import os
import socket

import pytest

from cubbyd.client import trust
from cubbyd.client.trust import check_listener, is_given_by_root, listener_uid
from cubbyd.errors import UnavailableError

SERVICE = 4711


@pytest.fixture
def roots_place(tmp_path, monkeypatch):
    """A directory whose ancestors are root's alone, as below /run; the tests' own lies in /tmp."""
    monkeypatch.setattr(trust, "_is_roots_alone", lambda directory: directory != tmp_path / "open")
    return tmp_path


def directory_of(path, uid, monkeypatch):
    """Make a directory that seems to be that uid's."""
    path.mkdir(parents=True)
    real_stat = type(path).stat

    def stat(self, **options):
        found = real_stat(self, **options)
        if self != path:
            return found
        fields = list(found)
        fields[4] = uid
        return os.stat_result(fields)

    monkeypatch.setattr(type(path), "stat", stat)
    return path


def test_a_uid_that_owns_a_directory_made_by_root_is_trusted(roots_place, monkeypatch):
    place = directory_of(roots_place / "cubbyd", SERVICE, monkeypatch)

    assert is_given_by_root(place, SERVICE)
    assert not is_given_by_root(place, SERVICE + 1)


def test_a_place_where_anybody_makes_directories_proves_nothing(roots_place, monkeypatch):
    place = directory_of(roots_place / "open" / "cubbyd", SERVICE, monkeypatch)

    assert not is_given_by_root(place, SERVICE)


def test_the_overflow_uid_owns_nothing(roots_place, monkeypatch):
    place = directory_of(roots_place / "cubbyd", 65534, monkeypatch)

    assert not is_given_by_root(place, 65534)


def test_what_is_not_there_is_nobodys(tmp_path):
    assert not is_given_by_root(tmp_path / "none", os.geteuid())


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_what_others_can_write_is_not_roots_alone(tmp_path, mode):
    tmp_path.chmod(mode)

    assert not trust._is_roots_alone(tmp_path)  # noqa: SLF001 - the rule itself


def test_the_kernel_names_the_listener():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert listener_uid(ours) == os.geteuid()


@pytest.mark.parametrize(("uid", "is_trusted"), [(os.geteuid(), True), (0, True), (SERVICE, False)])
def test_ourselves_and_root_are_trusted_anywhere(tmp_path, monkeypatch, uid, is_trusted):
    monkeypatch.setattr(trust, "listener_uid", lambda _sock: uid)
    with socket.socket(socket.AF_UNIX) as sock:
        if is_trusted:
            check_listener(sock, tmp_path / "cubbyd.sock")
        else:
            with pytest.raises(UnavailableError, match=f"uid {SERVICE}.*nothing was sent"):
                check_listener(sock, tmp_path / "cubbyd.sock")
