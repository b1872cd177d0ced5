"""The systemd units that come with cubbyd, made to fit where it is installed.

As they lie in ``systemd/`` they fit a distribution, which has the program in ``/usr/bin``. Else two
lines change: what is started, and from where programs and libraries may be run (``ExecPaths=``).
"""

import os
import site
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cubbyd
from cubbyd import locations
from cubbyd.errors import StartError

_PACKAGE: Final = Path(cubbyd.__file__).parent
_PROGRAM: Final = "/usr/bin/cubbyd"
_SYSTEMS: Final = (
    "-/bin/kill",
    "-/usr/bin/kill",
    "/usr/lib",
    "-/usr/lib32",
    "-/usr/lib64",
    "-/lib",
    "-/lib64",
)
_HIDDEN: Final = (Path("/root"), Path("/home"), Path("/run/user"))
"""What ``ProtectHome=`` in the system's service hides."""

_SYSTEM: Final = {
    "system/cubbyd.socket": "etc/systemd/system/cubbyd.socket",
    "system/cubbyd-http.socket": "etc/systemd/system/cubbyd-http.socket",
    "system/cubbyd.service": "etc/systemd/system/cubbyd.service",
    "sysusers.d/cubbyd.conf": "etc/sysusers.d/cubbyd.conf",
    "tmpfiles.d/cubbyd.conf": "etc/tmpfiles.d/cubbyd.conf",
    "system/cubbyd.toml": "etc/cubbyd/cubbyd.toml",
}
_USER: Final = ("cubbyd.socket", "cubbyd-http.socket", "cubbyd.service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where the cubbyd lies that the units shall start."""

    interpreter: Path
    """As it was started: a virtual environment's is a link, and must stay one."""
    prefixes: tuple[Path, ...]
    """Where the interpreter and its packages are, besides the system's own places."""
    package: Path = _PACKAGE
    is_users_own: bool = False
    """Whether it lies where only ``pip install --user`` puts it."""

    @property
    def command(self) -> str:
        """What starts it."""
        # Isolated from the environment and the working directory, as a daemon should be.
        isolation = "-E -P" if self.is_users_own else "-I"
        return (
            f"{_quoted(str(self.interpreter)).replace('$', '$$')} {isolation} -m cubbyd.cli.serve"
        )

    @property
    def exec_paths(self) -> str:
        """From where something may be executed, or mapped as a library."""
        # A link is no place of its own to systemd: what it leads to is.
        own = [self.interpreter.resolve(), *self.prefixes]
        return " ".join([*dict.fromkeys(_quoted(str(path)) for path in own), *_SYSTEMS])


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFile:
    """A file to install."""

    path: Path
    text: str
    is_configuration: bool = False
    """Whether it is for the administrator to change, and so is never replaced."""


def this_installation() -> Installation:
    """The one that is running."""
    standard = (Path("/usr"), Path("/"))
    prefixes = {Path(sys.prefix), Path(sys.base_prefix)}
    is_users_own = bool(site.ENABLE_USER_SITE) and _PACKAGE.is_relative_to(
        site.getusersitepackages()
    )
    if is_users_own:
        prefixes.add(Path(site.getusersitepackages()))
    return Installation(
        interpreter=Path(sys.executable),
        prefixes=tuple(sorted(each for each in prefixes if each not in standard)),
        is_users_own=is_users_own,
    )


def system_files(installation: Installation, root: Path) -> Iterator[UnitFile]:
    """What the system's service needs.

    Raises:
        StartError: It could not run from where cubbyd is installed.
    """
    places = (installation.interpreter.resolve(), *installation.prefixes, installation.package)
    for place in places:
        if any(place.is_relative_to(hidden) for hidden in _HIDDEN):
            raise StartError(
                f"{place} lies in a home directory, which is hidden from the system's service; "
                "install cubbyd elsewhere, for example with: python3 -m venv /opt/cubbyd && "
                "/opt/cubbyd/bin/pip install cubbyd (by a Python that lies elsewhere, too)"
            )
    for name, path in _SYSTEM.items():
        yield UnitFile(
            path=root / path, text=_fitted(name, installation), is_configuration="toml" in name
        )


def user_files(installation: Installation, root: Path) -> Iterator[UnitFile]:
    """What a user's own service needs."""
    directory = locations.user_units()
    for name in _USER:
        yield UnitFile(
            path=root / directory.relative_to("/") / name,
            text=_fitted(f"user/{name}", installation),
        )


def source(name: str) -> str:
    """A file as it comes with cubbyd: in the package, or beside it in a checkout."""
    for directory in (_PACKAGE / "units", _PACKAGE.parent / "systemd"):
        if (directory / name).is_file():
            return (directory / name).read_text(encoding="utf-8")
    raise StartError(f"{_PACKAGE / 'units' / name} is missing; install cubbyd again")


def install(file: UnitFile) -> str:
    """Put a file in its place; tells in a word what was done.

    Raises:
        OSError: It cannot be written.
    """
    if os.path.lexists(file.path):
        if file.is_configuration:
            return "kept"
        if not file.path.is_symlink() and file.path.read_text(encoding="utf-8") == file.text:
            return "unchanged"
    file.path.parent.mkdir(parents=True, exist_ok=True)
    staged = file.path.with_name(f".{file.path.name}.new")
    staged.write_text(file.text, encoding="utf-8")
    staged.chmod(0o644)
    staged.replace(file.path)
    return "installed"


def _fitted(name: str, installation: Installation) -> str:
    lines = source(name).splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith(f"ExecStart={_PROGRAM}"):
            lines[number] = line.replace(_PROGRAM, installation.command, 1)
        elif line.startswith("ExecPaths="):
            lines[number] = f"ExecPaths={installation.exec_paths}\n"
    return "".join(lines)


def _quoted(path: str) -> str:
    """A path as one word of a unit file (systemd.syntax(7))."""
    path = path.replace("%", "%%")
    if not any(char in path for char in " \t\"'\\;"):
        return path
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
