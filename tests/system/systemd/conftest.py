"""These tests play with a whole systemd, so they run in one that is thrown away afterwards.

Outside of one there is only ``test_boot.py``, which boots one and runs the others in it.
"""

import os
from pathlib import Path

import pytest

IS_INSIDE = "CUBBYD_TEST_SYSTEMD" in os.environ
"""Whether root has said that the systemd around us may be played with."""

collect_ignore = ["test_boot.py"] if IS_INSIDE else [
    path.name for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_boot.py"
]  # fmt: skip


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.systemd)
