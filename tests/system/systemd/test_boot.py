"""Boots a systemd and runs the tests of this folder in it.

Two ways to run them:

- ``pytest -m systemd`` as root, with a program that boots a systemd: ``with-systemd`` in
  ``$CUBBYD_WITH_SYSTEMD``, on the PATH or in ``../shared/tools``;
- in a virtual machine or container that has systemd as its manager and can be thrown away, as root:
  ``CUBBYD_TEST_SYSTEMD=1 pytest -m systemd tests/system/systemd``.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOL = ROOT.parent / "shared" / "tools" / "with-systemd"
CANNOT_BOOT = 77
LIMIT = 300
"""Seconds for all of it."""


def booting_program():
    named = os.environ.get("CUBBYD_WITH_SYSTEMD") or shutil.which("with-systemd")
    if named is None and TOOL.exists():
        named = str(TOOL)
    return named


def test_the_units_in_a_real_systemd(capfd):
    """Fails with what failed in there; skips where none can be booted, and says why."""
    program = booting_program()
    if program is None:
        pytest.skip(
            "no systemd to play with: set CUBBYD_WITH_SYSTEMD to a program that boots one, or "
            "CUBBYD_TEST_SYSTEMD=1 in a machine that may be thrown away"
        )
    options = ["--project", str(ROOT), "--venv", sys.prefix, "--user", "tester"]
    options += ["--timeout", str(LIMIT)]
    inside = [
        "python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",  # they share the one systemd
        "-m",
        "systemd",
        "--durations=5",
    ]
    with capfd.disabled():
        print(flush=True)  # noqa: T201 - what follows is the other pytest's
        ran = subprocess.run(
            [program, *options, "--", *inside, str(Path(__file__).parent)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        print(ran.stderr, flush=True)  # noqa: T201
    if ran.returncode == CANNOT_BOOT:
        pytest.skip(f"no systemd can be booted here: {ran.stderr.strip()}")
    assert ran.returncode == 0
