"""These tests play with a whole systemd, so they run in one that is thrown away afterwards.

Outside of one there is only ``test_boot.py``, which boots one and runs the others in it.
"""

import os
from pathlib import Path

import pytest
from guest import CONFIG, DAEMON, Manager, run

IS_INSIDE = "CUBBYD_TEST_SYSTEMD" in os.environ
"""Whether root has said that the systemd around us may be played with."""

collect_ignore = ["test_boot.py"] if IS_INSIDE else [
    path.name for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_boot.py"
]  # fmt: skip


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.systemd)


@pytest.fixture(scope="module")
def installed():
    """The system's cubbyd, as docs/operations.md has it; and four users."""
    run(*DAEMON, "install-units", "--system")
    run("systemd-sysusers", "cubbyd.conf")
    run("systemd-tmpfiles", "--create", "cubbyd.conf")
    people = "u owner -\nu guest -\nu stranger -\ng helpers -\nu helper -\nm helper helpers\n"
    run("systemd-sysusers", "-", stdin=people.encode())
    manager = Manager()
    manager.systemctl("daemon-reload")
    return manager, CONFIG.read_text()


@pytest.fixture
def stopped(installed):
    """The system's, with nothing in the store, and not even the socket there."""
    manager, config = installed
    manager.reset()
    CONFIG.write_text(config)
    yield manager
    manager.stop()
    CONFIG.write_text(config)


@pytest.fixture
def manager(stopped):
    """The same, and the socket listening."""
    stopped.systemctl("start", "cubbyd.socket")
    return stopped
