"""Reads the daemon's settings from a TOML file and the command line.

Everything that is wrong is told in one go, each with where it stands and what would be right, so
that nobody has to start the daemon five times to find five mistakes.
"""

import os
import stat
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from grp import getgrnam
from pathlib import Path
from pwd import getpwnam
from typing import TYPE_CHECKING, Final, TypeVar

from cubbyd import locations
from cubbyd.core.duration import format_duration, parse_duration
from cubbyd.errors import StartError
from cubbyd.settings import Choice, Duration, Kind, Number, Plain, Settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Section = TypeVar("Section", bound=DataclassInstance)

OVERFLOW_ID: Final = 65534
"""What the kernel shows for ids that it cannot map: nobody's, so nothing is granted to it."""
MAX_ID: Final = 2**32 - 2
"""The largest uid and gid; the next number stands for "no change"."""
UNGIVEN_POLICIES: Final = ("root", "response-wrapping")
"""As in OpenBao, logging in makes no root token; and only wrapping makes wrapping tokens."""
_OPTION: Final = "--"
SHOWN_CHARS: Final = 40
"""Of a wrong value, repeated in the error."""


class WrongValueError(Exception):
    """A value that a setting cannot have; the message goes on from its name."""


def load(file: Path | None = None, *, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings: the file's, but for those that the command line gives.

    Args:
        file: A TOML file that must be there; None for the user's own, which need not.
        overrides: Top-level settings by name; None means not given, and paths are ``Path``.

    Raises:
        StartError: Names everything that is wrong, with file, key and remedy.
    """
    given = {
        name: value.absolute() if isinstance(value, Path) else value
        for name, value in (overrides or {}).items()
        if value is not None
    }
    source = _source(file)
    table = {} if source is None else _parse(source, must_exist=file is not None)
    reader = _Reader()
    try:
        # What is named needs no default, which may be nowhere to be had.
        settings = _defaults(table.keys() | given.keys())
    except locations.NoHomeError as error:
        raise StartError(str(error)) from None
    settings = reader.section(settings, table, "")
    settings = reader.section(settings, given, _OPTION)
    problems = reader.problems or _contradictions(settings)
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        named = f"the settings in {source}" if file or table else "these options"
        raise StartError(f"cubbyd cannot start with {named}:{lines}")
    return settings


def _defaults(named: Collection[str]) -> Settings:
    """All settings as they are when nobody says otherwise; raises NoHomeError."""
    nowhere = Path("/")
    return Settings(
        socket=nowhere if "socket" in named else locations.user_socket(),
        store=nowhere if "store" in named else locations.user_store(),
        key_file=nowhere if "key_file" in named else locations.user_key_file(),
    )


def _source(file: Path | None) -> Path | None:
    """The file to read: the one named, or the user's own if there is a place for it."""
    if file is not None:
        return file
    try:
        return locations.user_config_file()
    except locations.NoHomeError:
        return None


def _parse(file: Path, *, must_exist: bool) -> dict[str, object]:
    try:
        with file.open("rb") as source:
            if stat.S_IMODE(file.stat().st_mode) & stat.S_IWOTH:
                raise StartError(f"{file} can be written by everybody; chmod o-w {file}")
            return tomllib.load(source)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not must_exist:
            return {}
        raise StartError(
            f"cannot read the configuration file {file}: {error.strerror}; "
            "name another with --config"
        ) from None
    except ValueError as error:  # not TOML, or not even UTF-8
        raise StartError(
            f"{file} is not a TOML file: {error}; a setting is a line such as "
            'log_level = "info", a section a line such as [limits]'
        ) from None


def _contradictions(settings: Settings) -> list[str]:
    """Settings that are right one by one, and not together."""
    limits = settings.limits
    problems = []
    if limits.max_connections_per_uid > limits.max_connections:
        problems.append("limits.max_connections_per_uid: is more than limits.max_connections")
    if limits.default_ttl > limits.max_ttl:
        problems.append("limits.default_ttl: is longer than limits.max_ttl")
    if settings.login.ttl > limits.max_ttl:
        problems.append("login.ttl: is longer than limits.max_ttl")
    if settings.http_socket == settings.socket:
        problems.append("http_socket: is the same as socket; each door needs its own")
    key_file, store = (Path(os.path.realpath(each)) for each in (settings.key_file, settings.store))
    if key_file.is_relative_to(store):
        problems.append(
            "key_file: lies in the store; a copy of the store would bring its key along"
        )
    return problems


class _Reader:
    def __init__(self) -> None:
        self.problems: list[str] = []

    def section(self, defaults: "Section", table: object, prefix: str) -> "Section":
        """The section's settings, over its defaults; what is wrong goes to ``problems``."""
        if not isinstance(table, dict):
            name = prefix.removesuffix(".")
            self.problems.append(f"{name}: must be a section: a line [{name}], then its settings")
            return defaults
        known = {field.name: field for field in fields(defaults)}
        for key in (each for each in table if each not in known):
            self.problems.append(f"{_place(prefix, key)}: unknown{_hint(key, known)}")
        changes: dict[str, object] = {}
        for key in (each for each in known if each in table):
            default: object = getattr(defaults, key)
            if is_dataclass(default) and not isinstance(default, type):
                changes[key] = self.section(default, table[key], f"{prefix}{key}.")
                continue
            try:
                changes[key] = _read(known[key].metadata["kind"], table[key])
            except WrongValueError as error:
                self.problems.append(f"{_place(prefix, key)}: {error}")
        return replace(defaults, **changes)


def _place(prefix: str, key: str) -> str:
    """A setting's name in the file, or as an option."""
    return prefix + (key.replace("_", "-") if prefix == _OPTION else key)


def _read(kind: Kind, value: object) -> object:
    """One value. Raises WrongValueError."""
    match kind:
        case Number():
            return _number(kind, value)
        case Duration():
            return _duration(kind, value)
        case Choice(among):
            if value not in among:
                hint = _hint(str(value), among)
                raise WrongValueError(
                    f"must be one of {', '.join(among)}, not {_shown(value)}{hint}"
                )
            return value
        case _:
            return _PLAIN[kind](value)


def _number(kind: Number, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongValueError(f"must be a whole number of {kind.unit}, not {_shown(value)}")
    if not kind.low <= value <= kind.high:
        raise WrongValueError(f"must be from {kind.low} to {kind.high} {kind.unit}, not {value}")
    return value


def _duration(kind: Duration, value: object) -> float:
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise WrongValueError(
            f'must be a number of seconds or text such as "20m", not {_shown(value)}'
        )
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise WrongValueError(
            f'must be a number of seconds or text such as "20m", not {_shown(value)} ({error})'
        ) from None
    if not kind.low <= seconds <= kind.high:
        low, high = format_duration(kind.low), format_duration(kind.high)
        raise WrongValueError(f"must be from {low} to {high}, not {_shown(value)}")
    return seconds


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongValueError(f"must be true or false, without quotes, not {_shown(value)}")
    return value


def _path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise WrongValueError(f"must be a path as text, not {_shown(value)}")
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:  # "~name" of nobody
        raise WrongValueError(str(error)) from None
    if not path.is_absolute():
        # A daemon's working directory is an accident.
        raise WrongValueError(f"must be an absolute path, or begin with ~/, not {_shown(value)}")
    return path


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise WrongValueError(f"must be a list in brackets, not {_shown(value)}")
    return value


def _uid(value: object) -> int:
    return _id(value, "user", lambda name: getpwnam(name).pw_uid)


def _gid(value: object) -> int:
    return _id(value, "group", lambda name: getgrnam(name).gr_gid)


def _id(value: object, what: str, look_up: Callable[[str], int]) -> int:
    if isinstance(value, str) and not value.isdecimal():
        try:
            number = look_up(value)
        except (KeyError, ValueError):
            raise WrongValueError(f"there is no {what} {_shown(value)} on this system") from None
    elif isinstance(value, int | str) and not isinstance(value, bool):
        number = int(value)
    else:
        raise WrongValueError(f"must name each {what} by number or name, not {_shown(value)}")
    if not 0 <= number <= MAX_ID:
        raise WrongValueError(f"{what} ids are from 0 to {MAX_ID}, not {_shown(value)}")
    if number == OVERFLOW_ID:
        raise WrongValueError(
            f"{what} {_shown(value)} is what the kernel shows for ids that it cannot map, "
            "so it is nobody's, and nothing can be granted to it"
        )
    return number


def _policies(value: object) -> tuple[str, ...]:
    names = []
    for name in _list(value):
        if not isinstance(name, str) or not name.strip():
            raise WrongValueError(f"must name policies as text, not {_shown(name)}")
        if name.strip().lower() in UNGIVEN_POLICIES:
            raise WrongValueError(f"logging in cannot give the policy {_shown(name)}")
        names.append(name.strip().lower())  # as OpenBao spells them
    return tuple(dict.fromkeys(names))


def _policies_by(read_id: Callable[[object], int], value: object) -> dict[int, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise WrongValueError('must be a section of lines such as  1000 = ["default", "deploy"]')
    policies: dict[int, tuple[str, ...]] = {}
    for name, names in value.items():
        number = read_id(name)
        if number in policies:
            raise WrongValueError(f"{_shown(name)} is there twice, as name and as number {number}")
        policies[number] = _policies(names)
    return policies


_PLAIN: Final[Mapping[Plain, Callable[[object], object]]] = {
    Plain.PATH: _path,
    Plain.FLAG: _flag,
    Plain.UIDS: lambda value: frozenset(map(_uid, _list(value))),
    Plain.GIDS: lambda value: frozenset(map(_gid, _list(value))),
    Plain.POLICIES: _policies,
    Plain.POLICIES_BY_UID: lambda value: _policies_by(_uid, value),
    Plain.POLICIES_BY_GID: lambda value: _policies_by(_gid, value),
}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."


def _hint(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"
