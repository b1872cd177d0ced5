"""What docs/http.md shows is what happens: its sessions at a shell, and its lines of Python.

Tokens, ids, times and paths differ from run to run; all else is compared. A line that ends in
``...`` is cut short there. Lines that begin with ``>`` go on with the command above.
"""

import re
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest
import servers
from real_daemon import PATIENCE
from sameness import Names
from sessions import parse, run

pytestmark = pytest.mark.conformance

PAGE = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")
PLACE = re.compile(r"/[^ ,]+")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def server(tmp_path):
    """A daemon whose sockets lie where the page has them, below a runtime directory."""
    with servers.cubbyd(tmp_path / "daemon") as server:
        (tmp_path / "runtime").mkdir()
        (tmp_path / "runtime" / "cubbyd").symlink_to(server.http_socket.parent)
        yield server


def test_the_sessions_are_what_a_shell_shows(server, tmp_path):
    begin, *steps = parse("".join(blocks("console")))
    assert begin.command == "cubbyd --http-socket $XDG_RUNTIME_DIR/cubbyd/http.sock &"
    assert PLACE.sub("/", begin.shown[0]) == PLACE.sub("/", server.says.strip())

    shown = run(
        [f"{{ {step.command}\n}} 2>&1" for step in steps],
        directory=tmp_path / "home" / "work",
        environment=environment(server, tmp_path),
    )

    theirs, ours = Names(), Names()
    for step, lines in zip(steps, shown, strict=True):
        assert alike([ours.plain(each) for each in lines], map(theirs.plain, step.shown)), step


def environment(server, directory):
    """What somebody has who reads the page: a runtime directory, and cubby, and no address yet."""
    found = servers.environment(directory / "home", server)
    cubby = directory / "home" / "bin" / "cubby"
    cubby.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} -m cubbyd.cli.main "$@"\n')
    cubby.chmod(0o755)
    del found["BAO_ADDR"]
    return found | {"XDG_RUNTIME_DIR": str(directory / "runtime")}


def alike(shown, expected):
    """Whether lines are the same, but for what the page cuts short, and what only a pipe shows."""
    shown = [line for line in shown if line != "\\ no newline" and not line.startswith("? ")]
    expected = list(expected)
    return len(shown) == len(expected) and all(
        line.startswith(told.removesuffix("...")) if told.endswith("...") else line == told
        for line, told in zip(shown, expected, strict=True)
    )


def test_the_adapter_on_the_page_is_the_one_that_is_tried():
    adapter, *_ = blocks("python")
    source = Path(__file__).with_name("unix_adapter.py").read_text(encoding="utf-8")

    assert source.endswith(f'"""\n\n{adapter}')


@pytest.mark.parametrize(
    ("library", "results"), [("hvac", "password, secret"), ("httpx", "password")]
)
def test_the_lines_of_python_do_what_they_say(cubbyd, library, results):
    pytest.importorskip(library)
    adapter, *uses = blocks("python")
    (use,) = (each for each in uses if f"import {library}\n" in each)
    given = f"path, token = {str(cubbyd.http_socket)!r}, {cubbyd.root_token()!r}\n"

    done = subprocess.run(
        [sys.executable, "-c", f"{given}{adapter}\n{use}\nprint({results})"],
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
    )

    assert (done.stderr, set(done.stdout.split())) == ("", {"s3cret"})
