"""Where a command line is tried: a directory with some files, and a toy daemon's socket in it."""

import os

import pytest
from fake_daemon import FakeDaemon
from toy_daemon import FILES, Toy


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory to be in, with some files, and a socket that the environment names.

    What a developer set for Python itself is not there: PYTHONUNBUFFERED alone hides much.
    """
    for name in [*os.environ]:
        if name in ("CUBBY_TOKEN", "CUBBY_FORMAT") or name.startswith("PYTHON"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CUBBY_SOCKET", str(tmp_path / "cubbyd.sock"))
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def daemon(toy, place):
    with FakeDaemon(place / "cubbyd.sock", toy.handle) as daemon:
        yield daemon
