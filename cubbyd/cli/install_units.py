"""``cubbyd install-units``: puts systemd's unit files in their places."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from cubbyd.cli import standard, store_options, units
from cubbyd.errors import StartError

_NEXT: Final = {
    "system": (
        "systemd-sysusers cubbyd.conf",
        "systemd-tmpfiles --create cubbyd.conf",
        "systemctl daemon-reload",
        "systemctl enable --now cubbyd.socket",
    ),
    "user": ("systemctl --user daemon-reload", "systemctl --user enable --now cubbyd.socket"),
}
_EPILOG = """\b
Examples:
  cubbyd install-units --user
  cubbyd install-units --system --dry-run
  cubbyd install-units --system --root "$DESTDIR"

Units are replaced: change them with "systemctl edit cubbyd.service", which
writes beside them. /etc/cubbyd/cubbyd.toml is made once, and never replaced.
docs/operations.md tells of the sandbox, and how to loosen it.

Exit status: 0 done, 1 could not, 2 usage.
"""


@click.command(
    "install-units", epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--user", "kind", flag_value="user", help="For the user who asks.")
@click.option("--system", "kind", flag_value="system", help="For the whole system; as root.")
@click.option(
    "--root",
    metavar="DIR",
    callback=store_options.as_path,
    help="Put them below this directory, as packagers want it.",
)
@click.option("--dry-run", is_flag=True, help="Show them, and change nothing.")
@click.pass_context
def install_units(
    context: click.Context, *, kind: str | None, root: Path | None, dry_run: bool
) -> None:
    """Install systemd units whose paths fit this installation, and say what to run next."""
    if kind is None:
        raise click.UsageError("say for whom: --user or --system")
    make = units.system_files if kind == "system" else units.user_files
    try:
        files = list(make(units.this_installation(), (root or Path("/")).absolute()))
        if dry_run:
            words = "\n".join(f"# {file.path}\n{file.text}" for file in files)
        else:
            words = "".join(_installed(files))
    except StartError as error:
        problem = str(error)
    except OSError as error:
        problem = f"cannot write {error.filename}: {error.strerror}"
        if isinstance(error, PermissionError) and kind == "system" and os.geteuid():
            problem += "; run this as root, or name a directory of yours with --root"
    else:
        standard.answer(words.encode())
        if not dry_run:
            standard.say(_next(kind, root))
        return
    standard.say(f"cubbyd: {problem}")
    context.exit(1)


def _installed(files: Sequence[units.UnitFile]) -> list[str]:
    return [f"{units.install(file):<9}  {file.path}\n" for file in files]


def _next(kind: str, root: Path | None) -> str:
    heading = "Next:" if root is None else f"Next, where {shlex.quote(str(root))} is the root:"
    return "\n".join([heading, *(f"  {command}" for command in _NEXT[kind])])
