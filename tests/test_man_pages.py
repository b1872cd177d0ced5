"""The man pages under man/ tell all commands, options and settings, and are installed.

Whether they say what the docs say now, ``man/build.py --check`` tells; it needs a library for that.
"""

import re
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import click
import pytest

from cubbyd.cli.commands import cubby
from cubbyd.cli.serve import main as cubbyd
from cubbyd.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = ("cubby.1", "cubbyd.1", "cubbyd.toml.5", "cubbyd-protocol.7")
ESCAPED = {r"\-": "-", r"\(ti": "~", r"\(ha": "^", r"\(ga": "`", r"\(dq": '"', r"\e": "\\"}
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]


def words(page):
    """What a page says, without its fonts; requests begin lines."""
    text = re.sub(r"\\f[BIR]|\\&", "", (ROOT / "man" / page).read_text(encoding="ascii"))
    for escaped, plain in ESCAPED.items():
        text = text.replace(escaped, plain)
    return text


def section(page, heading):
    return words(page).partition(f"\n.SH {heading}\n")[2].partition("\n.SH ")[0]


def terms(text):
    """What is explained: the line after each ``.TP``."""
    return re.findall(r"^\.TP\n(.+)$", text, re.MULTILINE)


def usages(text):
    """The subsections, without what follows a command's name."""
    headings = re.findall(r"^\.SS (.+)$", text, re.MULTILINE)
    return [re.split(r" \[| [A-Z]", each)[0] for each in headings]


def commands(group, name):
    """Each command below a group and the groups within, by what is typed to call it."""
    context = click.Context(group, info_name=name)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")
        else:
            yield f"{name} {each}", command


def options(command):
    return [each.opts[0] for each in command.params if isinstance(each, click.Option)]


def settings(group, prefix=""):
    for field in fields(group):
        value = getattr(group, field.name)
        if is_dataclass(value):
            yield from settings(value, f"{field.name}.")
        else:
            yield prefix + field.name


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_what_every_page_has(page):
    name = page.rpartition(".")[0]

    assert section(page, "NAME").startswith(f"{name} - ")
    assert section(page, "SYNOPSIS")
    assert section(page, "DESCRIPTION")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_installed_where_man_looks(page):
    place = f"share/man/man{page[-1]}/{page}"

    assert BUILD["wheel"]["shared-data"][f"man/{page}"] == place
    assert "/man" in BUILD["sdist"]["include"]


@pytest.mark.parametrize(("page", "group"), [("cubby.1", cubby), ("cubbyd.1", cubbyd)])
def test_every_command_is_there_with_its_options(page, group):
    whole, own = words(page), section(page, "COMMANDS")
    expected = dict(commands(group, page.partition(".")[0]))
    told = "\n".join(terms(whole))

    assert usages(own) == [*expected]
    for command in (group, *expected.values()):
        for option in options(command):
            assert re.search(rf"{option}\b", told), option


def test_every_setting_is_there_and_no_other():
    told = terms(section("cubbyd.toml.5", "SETTINGS"))

    assert told == [*settings(Settings())]
