"""docs/cli.md tells every command and every exit status, and none that is not there."""

import re
from pathlib import Path

import click
from command_tree import commands

from cubbyd.cli.commands import cubby
from cubbyd.cli.exit_codes import MEANINGS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `cubby (.+?)` \| .+ \|$", PAGE, re.MULTILINE)


def command_of(words):
    command = cubby
    for word in words:
        command = command.get_command(click.Context(command), word)
    return command


def test_every_command_has_its_line_and_no_other():
    told = [re.match(r"[a-z]+(?:[ -][a-z]+)*", row).group().split() for row in ROWS]

    assert sorted(told) == sorted(commands())


def test_every_option_on_the_page_exists():
    for row in ROWS:
        words = re.match(r"[a-z]+(?:[ -][a-z]+)*", row).group().split()
        known = {name for each in command_of(words).params for name in each.opts}

        assert known.issuperset(re.findall(r"--[a-z-]+", row)), row


def test_the_options_of_all_commands_are_told():
    for option in ("--format", "--field", "--wrap-ttl", "--token-file", "--token-fd", "--socket"):
        assert f"`{option}" in PAGE


def test_every_exit_status_is_told_with_its_meaning():
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE))

    assert rows == {str(int(code)): " ".join(text.split()) for code, text in MEANINGS.items()}
