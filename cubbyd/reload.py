"""Which settings a running daemon can take up, and what to tell of those that are new."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Final

from cubbyd.core.duration import format_duration
from cubbyd.settings import Duration, Settings

RELOADABLE: Final = frozenset(
    {"log_level", "owner_needs_token", "stop_timeout", "idle_exit", "access", "login", "limits"}
)
"""Settings and sections that hold at once. All else is what the daemon stands on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What a new reading of the configuration comes to."""

    settings: Settings
    """To go on with: the new ones where they can hold."""
    changed: tuple[str, ...]
    """A line for each that holds now."""
    waiting: tuple[str, ...]
    """A line for each that holds after a restart."""


def reload(old: Settings, new: Settings) -> Reload:
    """Compare what holds with what was read."""
    changed: list[str] = []
    waiting: list[str] = []
    for name, line in _differences(old, new, ""):
        is_taken_up = name.partition(".")[0] in RELOADABLE
        (changed if is_taken_up else waiting).append(line)
    taken_up = {name: getattr(new, name) for name in RELOADABLE}
    return Reload(settings=replace(old, **taken_up), changed=tuple(changed), waiting=tuple(waiting))


def _differences(old: object, new: object, prefix: str) -> Iterator[tuple[str, str]]:
    """Each setting that differs, by name, with its two values in words."""
    if not is_dataclass(old) or isinstance(old, type):
        raise TypeError(type(old).__name__)
    for field in fields(old):
        name = prefix + field.name
        before, after = getattr(old, field.name), getattr(new, field.name)
        if is_dataclass(before):
            yield from _differences(before, after, f"{name}.")
        elif before != after:
            kind = field.metadata["kind"]
            yield name, f"{name} is now {_words(after, kind)}, and was {_words(before, kind)}"


def _words(value: object, kind: object) -> str:
    """A value, on one line and in an order that does not vary."""
    if isinstance(kind, Duration) and isinstance(value, int | float):
        return format_duration(value)
    match value:
        case None:
            return "unset"
        case frozenset() | tuple() | list():
            items = sorted(value) if isinstance(value, frozenset) else value
            return f"[{', '.join(map(str, items))}]"
        case Mapping():
            pairs = (f"{key}: {_words(each, None)}" for key, each in sorted(value.items()))
            return f"{{{', '.join(pairs)}}}"
        case _:
            return str(value)
