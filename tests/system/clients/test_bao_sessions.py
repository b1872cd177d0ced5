"""The real ``bao``, unmodified, against cubbyd and against a real OpenBao: ``transcripts/*.txt``.

The rules: each command is run against both; what they show must be the same, in output, errors and
status, and be what the transcript says. Where the two differ, the transcript has both answers, and
the comment above begins with ``# differs:`` and says why.

With CUBBY_WRITE_TRANSCRIPTS in the environment, what happens is written down instead of compared.
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import servers
from sameness import Names
from sessions import Step, parse, run

pytestmark = pytest.mark.conformance

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=[path.stem for path in TRANSCRIPTS])
def test_a_session_shows_the_same_on_both_servers(path, cubbyd, openbao, tmp_path):
    steps = parse(path.read_text())

    with ThreadPoolExecutor() as both:
        shown = both.map(lambda server: played_on(server, steps, tmp_path), (openbao, cubbyd))
        played = written(steps, *shown)

    if "CUBBY_WRITE_TRANSCRIPTS" in os.environ:
        path.write_text(played)
    assert played == path.read_text()


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=[path.stem for path in TRANSCRIPTS])
def test_a_difference_has_its_reason_and_only_a_difference(path):
    reasons = differences = 0
    for step in parse(path.read_text()):
        reasons += step.line.startswith("# differs: ")
        differences += "[cubbyd]" in step.shown
        assert differences <= reasons <= differences + 1, step.line
    assert differences == reasons


def test_sealing_is_refused_while_the_keys_lie_in_a_file(cubbyd, tmp_path):
    """A real OpenBao would seal itself, and answer none of the other tests."""
    seal, seal_status = ["bao", "operator", "seal"], ["bao", "status"]
    given = {"env": servers.environment(tmp_path, cubbyd, cubbyd.root_token()), "text": True}

    done = subprocess.run(seal, capture_output=True, check=False, **given)

    assert done.returncode == 2
    assert "Code: 400. Errors:\n\n* sealing needs a passphrase" in done.stderr
    assert "Sealed          false" in subprocess.check_output(seal_status, **given)


def played_on(server, steps: list[Step], directory: Path) -> list[list[str]]:
    """What each command shows on a server, by a user who has a root token."""
    names = Names()
    home = directory / server.name
    shown = run(
        [step.command for step in steps if step.command is not None],
        directory=home / "work",
        environment=servers.environment(home, server, server.root_token()),
    )
    return [[names.plain(line) for line in lines] for lines in shown]


def written(steps: list[Step], *shown: list[list[str]]) -> str:
    """The transcript: comments and commands, and what both servers show, or each."""
    answers = iter(zip(*shown, strict=True))
    lines = []
    for step in steps:
        lines.append(step.line)
        if step.command is not None:
            theirs, ours = next(answers)
            lines += ours if ours == theirs else ["[openbao]", *theirs, "[cubbyd]", *ours]
    return "\n".join(lines) + "\n"
