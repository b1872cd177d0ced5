"""docs/operations.md explains messages that there are, and names units and scores as they are."""

import ast
import re
from pathlib import Path

import pytest

from cubbyd.crypto.key_memory import KeyMemory
from cubbyd.hardening import Hardening

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
TROUBLE = PAGE.partition("## Troubleshooting")[2].partition("\n## ")[0]
OURS, _, SYSTEMDS = TROUBLE.partition("| systemd says")


def first_cells(table):
    """What stands in the first column, between backticks."""
    for line in table.splitlines():
        if line.startswith("| `"):
            yield from re.findall(r"`([^`]+)`", line.split(" | ")[0])


def texts():
    for path in (ROOT / "cubbyd").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


SAID = "\n".join(texts())


@pytest.mark.parametrize("message", [*first_cells(OURS)])
def test_each_message_is_one_that_cubbyd_has(message):
    assert message in SAID


def test_there_are_messages():
    assert len([*first_cells(OURS)]) > 15
    assert len([*first_cells(SYSTEMDS)]) > 7


@pytest.mark.parametrize("option", ["PrivateUsers=", "ProtectProc=", "DynamicUser="])
def test_what_is_said_to_be_missing_is_missing(option):
    unit = (ROOT / "systemd" / "system" / "cubbyd.service").read_text()

    assert option in PAGE
    assert not re.search(f"^{option}", unit, re.MULTILINE)


def test_each_measure_that_guards_memory_is_explained():
    table = PAGE.partition("## What guards its memory")[2].partition("\n## ")[0]
    memory = KeyMemory()
    held = Hardening(no_core_dumps=True, not_dumpable=True, no_swap=True, max_open_files=1)
    measures = {**held.measures(), **memory.measures()}
    memory.close()

    assert sorted(first_cells(table)) == sorted(measures)
