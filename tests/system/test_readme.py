"""What README.md shows is what happens: its session at a shell, and its lines of Python.

Paths, times and ciphertext differ from run to run; all else is compared, the version too. A line of
the README that ends in `` ...`` is cut short there.
"""

import re
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest
from real_daemon import PATIENCE, RealDaemon, clean_environment

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
PATH = re.compile(r"/[^ ,]+")


@pytest.fixture
def daemon(tmp_path):
    daemon = RealDaemon(tmp_path / "daemon")
    daemon.directory.mkdir()
    yield daemon
    daemon.close()


def test_the_session_is_what_a_shell_shows(daemon, tmp_path):
    (begin, says), *session = steps(block("console"))
    assert begin == "cubbyd &"
    assert alike(daemon.start().splitlines(), says)

    for (command, expected), shown in zip(session, played(session, daemon, tmp_path), strict=True):
        assert alike(shown, expected), f"{command}: {shown}"


def test_the_lines_of_python_hand_a_secret_over(daemon):
    assert daemon.start()

    done = subprocess.run(
        [sys.executable, "-c", block("python") + "\nprint(secret)"],
        capture_output=True,
        env=clean_environment() | {"CUBBY_SOCKET": str(daemon.socket)},
        check=False,
        timeout=PATIENCE,
    )

    assert (done.stderr, done.stdout) == (b"", b"s3cret\n")


def block(language):
    """The README's one block in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return found


def steps(session):
    """Each command of a session, and the lines that are shown for it."""
    commands = []
    for line in session.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return commands


def played(session, daemon, directory):
    """What one shell shows for each command, given the files that the session begins with."""
    (directory / "password.txt").write_text("s3cret")
    (directory / "id_ed25519").write_bytes(bytes(range(256)))
    cubby = f'cubby() {{ {quote(sys.executable)} -m cubbyd.cli.main "$@"; }}\n'
    # What stands between two commands must not change $?, which the next one may ask for.
    script = "".join(f"{command}\nset -- $?; echo '==='; (exit $1)\n" for command, _ in session)
    done = subprocess.run(
        ["/bin/sh", "-c", cubby + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=directory,
        env=clean_environment() | {"CUBBY_SOCKET": str(daemon.socket)},
        check=False,
        text=True,
        timeout=PATIENCE,
    )
    assert (directory / "id_ed25519.copy").read_bytes() == bytes(range(256))
    return [part.splitlines() for part in done.stdout.split("===\n")[:-1]]


def alike(shown, expected):
    """Whether lines are the same but for what differs from run to run."""
    return len(shown) == len(expected) and all(map(_line_alike, shown, expected))


def _line_alike(shown, expected):
    shown, expected = (TIME.sub("TIME", line) for line in (shown, expected))
    if expected.endswith(" ..."):
        return shown.startswith(expected.removesuffix("..."))
    if " listens at " in expected:
        shown, expected = (PATH.sub("PATH", line) for line in (shown, expected))
    return shown == expected
