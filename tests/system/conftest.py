"""A daemon for most; and being here lets the folders below import the modules beside this file."""

import pytest
from real_daemon import RealDaemon


@pytest.fixture
def daemon(tmp_path):
    """One that has not been started, unless a file has another."""
    daemon = RealDaemon(tmp_path)
    yield daemon
    daemon.close()
