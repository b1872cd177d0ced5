"""The rooms of cubbyd stand on floors, and imports only go down.

Rooms on one floor do not know each other, and files inside a room form no cycle. What is pure
stays pure, a library enters by its one door, and no file grows until nobody reads it. This walks
every import, also those in functions and under TYPE_CHECKING.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import find_cycle, imported_with, read_package, room

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cubbyd"

# Ground floor first. Beneath the errors lie the value types, for an error's detail is made of them.
# The default paths lie as low, since daemon and client must look in the same places. Settings are
# only named beside the codec: config, far above, reads the file.
FLOORS = [
    {"value", "unchanging"},
    {"errors", "secret", "clock", "locations"},
    {"messages", "codec", "core", "crypto", "settings"},
    {"wire", "store", "audit"},
    {"logical", "client"},
    {
        "server",
        "reaper",
        "resealer",
        "desk",
        "fsck",
        "config",
        "systemd",
        "journal",
        "reload",
        "hardening",
    },
    {"daemon"},
    {"cli"},
]
PURE = {"errors", "value", "unchanging", "secret", "messages", "codec", "core", "wire", "logical"}
IMPURE = {"trio", "os", "socket", "time", "random", "secrets", "logging", "threading"}
ONLY_DOORS = {
    "cbor2": {"codec"},
    "nacl": {"crypto"},
    "h11": {"server"},
    "click": {"cli"},
    "platformdirs": {"locations"},
    # Of the client only the half that is for trio, and of the store only what waits for the disk.
    "trio": {
        "client.async_client",
        "server",
        "store.commit",
        "store.disk_process",
        "store.locksmith",
        "reaper",
        "resealer",
        "desk",
        "systemd",
        "daemon",
        "cli",
    },
}
# A command should have done its work in the time that these take to load.
LIGHT = {"cubbyd.client.sync_client", "cubbyd.cli.main", "cubbyd.cli.commands"}
HEAVY = {"trio", "nacl"}
NAMELESS = {"utils", "helpers", "common", "manager"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def unknown_rooms(modules):
    """A room that is on no floor: nobody has said yet what it may know."""
    known = set().union(*FLOORS, {""})
    return sorted(
        f"{each.room} is on no floor" for each in modules.values() if each.room not in known
    )


def climbing_imports(modules):
    """Imports that go up, or next door."""
    floor = {name: level for level, rooms in enumerate(FLOORS) for name in rooms}
    for module in modules.values():
        for each in module.imports:
            if each.target not in modules or room(each.target) in {"", module.room}:
                continue
            if floor.get(room(each.target), len(FLOORS)) >= floor.get(module.room, -1):
                yield f"{module.name}:{each.line} imports {each.target}, which is not below it"


def impure_imports(modules):
    """Effects where only decisions belong."""
    for module in modules.values():
        for each in module.imports:
            if module.room in PURE and each.target.split(".")[0] in IMPURE:
                yield f"{module.name}:{each.line} imports {each.target}, and {module.room} is pure"


def back_doors(modules):
    """Libraries that come in elsewhere than by their door."""
    for module in modules.values():
        inside = module.name.partition(".")[2]
        for each in module.imports:
            doors = ONLY_DOORS.get(each.target.split(".")[0])
            if doors is not None and not any(f"{inside}.".startswith(f"{door}.") for door in doors):
                allowed = " or ".join(sorted(doors))
                yield f"{module.name}:{each.line} imports {each.target}, and not in {allowed}"


def circles(modules):
    """Files of one room that need each other."""
    for name in sorted({module.room for module in modules.values()}):
        cycle = find_cycle({key: each for key, each in modules.items() if each.room == name})
        if cycle:
            yield " imports ".join(cycle)


def heavy_loads(modules):
    """What must start quickly, and loads what is slow."""
    for name in sorted(LIGHT & modules.keys()):
        loaded = imported_with(name, modules)
        yield from (f"{name} loads {heavy}" for heavy in sorted(HEAVY & loaded))


def nameless(modules):
    """A thing without a home has no name yet."""
    for module in modules.values():
        for part in NAMELESS.intersection(module.name.split(".")):
            yield f"{module.name}: {part} says nothing"


def long_files(modules):
    """Files that nobody reads to the end."""
    for module in modules.values():
        count = len(module.path.read_text().splitlines())
        if count > MAX_FILE_LINES:
            yield f"{module.name} has {count} lines"


def long_functions(modules):
    """Functions that fit no screen, their docstrings not counted."""
    for module in modules.values():
        for node in ast.walk(module.syntax):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = _lines(node) - (_lines(node.body[0]) if ast.get_docstring(node) else 0)
                if count > MAX_FUNCTION_LINES:
                    yield f"{module.name}:{node.lineno} {node.name} has {count} lines"


def _lines(node):
    return node.end_lineno - node.lineno + 1


RULES = [
    unknown_rooms,
    climbing_imports,
    impure_imports,
    back_doors,
    circles,
    heavy_loads,
    nameless,
    long_files,
    long_functions,
]


@pytest.fixture(scope="module")
def cubbyd():
    return read_package(PACKAGE)


@pytest.fixture(scope="module")
def tests():
    return read_package(ROOT / "tests")


@pytest.mark.parametrize("rule", RULES)
def test_cubbyd_keeps_the_rule(rule, cubbyd):
    assert list(rule(cubbyd)) == []


@pytest.mark.parametrize("rule", [nameless, long_files, long_functions])
def test_its_tests_keep_the_rule(rule, tests):
    assert list(rule(tests)) == []


@pytest.mark.parametrize("name", sorted(LIGHT))
def test_what_must_be_light_is_light_when_it_runs(name):
    """The same by running it: imports by name, which no reader of files can see, count too."""
    heavy = "import sys; print(*{'trio', 'nacl'}.intersection(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", f"import {name}; {heavy}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout.strip(), ran.stderr) == ("", "")
