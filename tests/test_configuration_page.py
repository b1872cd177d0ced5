"""docs/configuration.md tells every setting, with the default and the range that hold."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from cubbyd import codec
from cubbyd.core.duration import format_duration
from cubbyd.server.limits import Limits
from cubbyd.settings import Choice, Duration, LimitSettings, Number, Plain, Settings
from cubbyd.wire.framing import MAX_ANSWER_BYTES

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \| (.+?) \| .+ \|$", re.MULTILINE)
ROWS = {name: rest for name, *rest in ROW.findall(PAGE.read_text(encoding="utf-8"))}
PLACES = {
    "socket": "$XDG_RUNTIME_DIR/cubbyd/cubbyd.sock",
    "http_socket": "unset",
    "store": "~/.local/share/cubbyd/store",
    "key_file": "~/.config/cubbyd/key",
}


def walk(section, prefix=""):
    """Every setting's name, default and kind."""
    for field in fields(section):
        default = getattr(section, field.name)
        if is_dataclass(default):
            yield from walk(default, f"{field.name}.")
        else:
            yield prefix + field.name, default, field.metadata["kind"]


SETTINGS = {name: (default, kind) for name, default, kind in walk(Settings())}


def default_in_toml(name, default, kind):
    if name in PLACES:
        return PLACES[name]
    if isinstance(kind, Duration):
        return json.dumps(format_duration(default))
    if isinstance(default, Mapping):
        return json.dumps(dict(default))
    return json.dumps([*default] if isinstance(default, tuple | frozenset) else default)


def range_in_words(kind):
    match kind:
        case Number(low, high, unit):
            return f"{low} to {high} {unit}"
        case Duration(low, high):
            return f"{format_duration(low)} to {format_duration(high)}"
        case Choice(among):
            return ", ".join(f"`{each}`" for each in among)
        case Plain():
            return kind.value


def test_every_setting_is_on_the_page_and_no_other():
    assert list(ROWS) == list(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_page_tells_the_default_and_the_range(name):
    default, kind = SETTINGS[name]

    assert ROWS[name] == [default_in_toml(name, default, kind), range_in_words(kind)]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_is_within_its_range(name):
    default, kind = SETTINGS[name]

    match kind:
        case Number(low, high, _) | Duration(low, high):
            assert low <= default <= high
        case Choice(among):
            assert default in among


def test_the_page_tells_what_cannot_be_set():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())

    assert f"nests at most {codec.MAX_DEPTH} deep" in text
    assert f"at most {codec.MAX_ITEMS:,} data items" in text
    assert f"An answer has at most {MAX_ANSWER_BYTES // 2**20} MiB" in text
    assert f"the last {Limits().owner_reserve} are for owners" in text


def test_the_doors_limits_have_the_settings_names_and_defaults():
    """The daemon copies the values over by name."""
    settings, doors = LimitSettings(), Limits()
    shared = {field.name for field in fields(doors)} - {"owner_reserve"}

    assert {name: getattr(settings, name) for name in shared} == {
        name: getattr(doors, name) for name in shared
    }
