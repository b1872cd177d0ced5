"""What ``cubbyd fsck`` is, its help and docs/cli.md tell alike."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cubbyd.cli.fsck import MEANINGS, Status, fsck
from cubbyd.cli.serve import main

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def help_of(*words):
    return CliRunner().invoke(main, [*words, "--help"], prog_name="cubbyd").output


def test_every_status_is_told_with_its_meaning():
    rows = dict(re.findall(r"^\| `(\d+)` \| (.+) \|$", PAGE, re.MULTILINE))

    assert set(MEANINGS) == set(Status)
    assert rows == {str(int(code)): meaning for code, meaning in MEANINGS.items()}
    for code, meaning in MEANINGS.items():
        assert f"  {int(code)}  {meaning}" in help_of("fsck")


def test_every_option_is_told():
    (row,) = re.findall(r"^\| `cubbyd fsck(.+?)` \| .+ \|$", PAGE, re.MULTILINE)
    options = {name for each in fsck.params for name in each.opts}

    assert set(re.findall(r"--[a-z-]+", row)) == options


def test_the_help_of_cubbyd_names_its_commands():
    assert main.list_commands(click.Context(main)) == ["fsck", "install-units"]
    assert "cubbyd fsck --help" in help_of()


@pytest.mark.parametrize(
    "arguments",
    [["fsck", "--nonsense"], ["fsck", "x"], ["fsck", "--store", ""], ["fsck", "--format", "cbor"]],
    ids=" ".join,
)
def test_a_wrong_command_line_is_usage(arguments):
    assert CliRunner().invoke(main, arguments).exit_code == Status.USAGE
