"""Each rule of the architecture catches its breach, in a made-up package that has one of each."""

import pytest
import test_architecture as architecture
from source_tree import imported_with, read_package

INNOCENT = {
    "__init__.py": "",
    "errors.py": "class CubbydError(Exception):\n    pass\n",
    "codec.py": "import cbor2\nfrom cubbyd.errors import CubbydError\n",
    "core/__init__.py": "",
    "core/path.py": "from cubbyd import errors\n",
    "store/__init__.py": "",
    "store/commit.py": "import os\nimport trio\nfrom cubbyd.core import path\n",
    "client/__init__.py": "from cubbyd.client.sync_client import Client\n",
    "client/async_client.py": "import trio\n",
    "client/sync_client.py": "from cubbyd import codec\nclass Client:\n    pass\n",
    "cli/__init__.py": "",
    "cli/main.py": "import click\ndef serve():\n    import trio\n",
}

LONG_BODY = "    pass\n" * 50
DOCSTRING = '    """' + "\n" * 60 + '    """\n'

BREACHES = [
    pytest.param(
        "unknown_rooms", "cellar/__init__.py", "", "cellar is on no floor", id="an unknown room"
    ),
    pytest.param(
        "unknown_rooms", "cellar.py", "", "cellar is on no floor", id="an unknown file at the top"
    ),
    pytest.param(
        "climbing_imports",
        "errors.py",
        "from cubbyd import codec\n",
        "cubbyd.errors:1 imports cubbyd.codec",
        id="an import that goes up",
    ),
    pytest.param(
        "climbing_imports",
        "codec.py",
        "from cubbyd.core.path import x\n",
        "cubbyd.codec:1 imports cubbyd.core.path",
        id="an import next door",
    ),
    pytest.param(
        "climbing_imports",
        "core/path.py",
        "def late():\n    import cubbyd.store.commit\n",
        "cubbyd.core.path:2 imports cubbyd.store.commit",
        id="an import that goes up inside a function",
    ),
    pytest.param(
        "climbing_imports",
        "core/path.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cubbyd.cli import main\n",
        "cubbyd.core.path:3 imports cubbyd.cli.main",
        id="an import that goes up for types alone",
    ),
    pytest.param(
        "climbing_imports",
        "core/path.py",
        "from .. import store\n",
        "cubbyd.core.path:1 imports cubbyd.store",
        id="a relative import that goes up",
    ),
    pytest.param(
        "climbing_imports",
        "errors.py",
        "from cubbyd.codec import encode\nclass A:\n    from cubbyd.cli import main\n",
        "cubbyd.errors:3 imports cubbyd.cli.main",
        id="an import that goes up inside a class",
    ),
    pytest.param(
        "impure_imports",
        "core/path.py",
        "from os.path import join\n",
        "cubbyd.core.path:1 imports os.path, and core is pure",
        id="an effect in a pure room",
    ),
    pytest.param(
        "back_doors",
        "core/path.py",
        "import cbor2\n",
        "cubbyd.core.path:1 imports cbor2",
        id="a library by the back door",
    ),
    pytest.param(
        "back_doors",
        "client/sync_client.py",
        "async def wait():\n    import trio.abc\n",
        "cubbyd.client.sync_client:2 imports trio.abc",
        id="a library in the wrong file of its room",
    ),
    pytest.param(
        "back_doors",
        "store/commit_log.py",
        "import trio\n",
        "cubbyd.store.commit_log:1 imports trio",
        id="a file that only sounds like the door",
    ),
    pytest.param(
        "circles",
        "core/path.py",
        "def f():\n    from cubbyd.core import token\n",
        "cubbyd.core.path imports cubbyd.core.token imports cubbyd.core.path",
        id="a circle inside a room",
    ),
    pytest.param(
        "heavy_loads",
        "client/__init__.py",
        "from cubbyd.client.async_client import AsyncClient\n",
        "cubbyd.client.sync_client loads trio",
        id="trio through the package's first file",
    ),
    pytest.param(
        "heavy_loads",
        "cli/main.py",
        "from cubbyd.store import commit\n",
        "cubbyd.cli.main loads trio",
        id="trio at two removes",
    ),
    pytest.param(
        "nameless", "core/utils.py", "", "utils says nothing", id="a name that says nothing"
    ),
    pytest.param("long_files", "codec.py", "\n" * 401, "codec has 401 lines", id="a long file"),
    pytest.param(
        "long_functions",
        "codec.py",
        "async def f():\n" + DOCSTRING + LONG_BODY,
        "f has 51 lines",
        id="a long function",
    ),
]


def built(tmp_path, changes):
    """A package of these files, read."""
    for name, text in {**INNOCENT, **changes}.items():
        path = tmp_path / "cubbyd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_package(tmp_path / "cubbyd")


@pytest.mark.parametrize("rule", architecture.RULES)
def test_an_innocent_package_breaks_no_rule(rule, tmp_path):
    allowed = {
        "codec.py": "import cbor2\ndef f():\n" + DOCSTRING + LONG_BODY[: -len("    pass\n")],
        "core/token.py": "from cubbyd.core import path\n",
    }
    assert list(rule(built(tmp_path, allowed))) == []


@pytest.mark.parametrize(("rule", "name", "text", "complaint"), BREACHES)
def test_a_breach_is_caught(rule, name, text, complaint, tmp_path):
    changes = {"core/token.py": "from cubbyd.core import path\n", name: text}
    found = list(getattr(architecture, rule)(built(tmp_path, changes)))
    assert any(complaint in each for each in found), found


def test_every_rule_has_a_breach_here():
    assert {each.values[0] for each in BREACHES} == {rule.__name__ for rule in architecture.RULES}


def test_what_is_imported_late_or_for_types_is_not_loaded(tmp_path):
    late = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import nacl\nelse:\n    import json\n"
        "def f():\n    import trio\n"
    )
    loaded = imported_with("cubbyd.cli.main", built(tmp_path, {"cli/main.py": late}))
    assert "json" in loaded
    assert loaded.isdisjoint({"trio", "nacl"})
