r"""Sessions at a shell as text: commands, and what each of them showed.

A line that begins with ``$`` is a command of one shell, which may go on after ``>``. Then comes
what it wrote to standard output, after ``!`` what it wrote to standard error, and after ``?`` its
status, if that is not 0. Output that does not end with a line's end is followed by
``\ no newline``. A line that begins with ``#`` is a comment.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

SESSION_PATIENCE = 300.0
"""Seconds for a whole session: some fifty processes on a busy machine."""


@dataclass(frozen=True)
class Step:
    """A command with what is shown after it; or a comment, with nothing."""

    line: str
    shown: tuple[str, ...] = ()

    @property
    def command(self) -> str | None:
        return self.line[2:] if self.line.startswith("$ ") else None


def parse(text: str) -> list[Step]:
    """The steps of a session."""
    steps: list[Step] = []
    for line in text.splitlines():
        if line.startswith(("$ ", "#")):
            steps.append(Step(line))
        elif line.startswith("> ") and not steps[-1].shown:
            steps[-1] = Step(f"{steps[-1].line}\n{line[2:]}")
        else:
            steps[-1] = Step(steps[-1].line, (*steps[-1].shown, line))
    return steps


def run(commands: list[str], *, directory: Path, environment: dict[str, str]) -> list[list[str]]:
    """What one shell shows for each of the commands, which are run in a directory."""
    told = directory.with_name(f"{directory.name}.told")
    for each in (directory, told):
        each.mkdir()
    script = "".join(
        f"{{ {command}\n}} </dev/null >{told / f'{n}.out'} 2>{told / f'{n}.err'}\n"
        f"echo $? >{told / f'{n}.status'}\n"
        for n, command in enumerate(commands)
    )
    subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=directory,
        env=environment,
        check=True,
        timeout=SESSION_PATIENCE,
    )
    return [
        render(*((told / f"{n}.{kind}").read_text() for kind in ("out", "err", "status")))
        for n in range(len(commands))
    ]


def render(output: str, errors: str, status: str) -> list[str]:
    """What a command showed, as lines."""
    lines = output.splitlines()
    if output and not output.endswith("\n"):
        lines.append("\\ no newline")
    lines += [f"! {line}".rstrip() for line in errors.splitlines()]
    return [*lines, *([f"? {status.strip()}"] if status.strip() != "0" else [])]
