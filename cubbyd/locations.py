"""Where things lie when nobody says otherwise, for the daemon and its clients alike.

The only room that knows platformdirs. Its import, and pathlib's, is put off until a path needs it:
a command that finds ``$XDG_RUNTIME_DIR`` does without, for a socket's path is plain text to it.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM_SOCKET: Final = "/run/cubbyd/cubbyd.sock"
MAX_SOCKET_PATH_BYTES: Final = 107
"""``sun_path`` has 108 bytes on Linux, the last of them a NUL."""


class NoHomeError(ValueError):
    """There is nowhere to look: no home directory, and no variable that names another place."""

    def __init__(self) -> None:
        super().__init__(
            "this user has no home directory; set HOME, or name every path: --socket (or "
            "CUBBY_SOCKET), and for the daemon --store and --key-file as well"
        )


def user_socket() -> "Path":
    """The socket of the daemon that serves the user who asks."""
    from pathlib import Path  # noqa: PLC0415 - see the module's first lines

    return Path(_user_socket())


def client_socket(named: "str | os.PathLike[str] | None" = None) -> str:
    """The socket that a client tries: the named, ``$CUBBY_SOCKET``, the user's, or the system's."""
    if named is None:
        named = os.environ.get("CUBBY_SOCKET") or None
    if named is not None:
        return _plain(os.fspath(named))
    own = _user_socket()
    return SYSTEM_SOCKET if _exists(SYSTEM_SOCKET) and not _exists(own) else own


def _user_socket() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):  # a relative one is to be ignored, says the XDG specification
        return _plain(f"{runtime}/cubbyd/cubbyd.sock")
    from platformdirs import user_state_path  # noqa: PLC0415 - see the module's first lines

    return str(_at_home(user_state_path) / "run" / "cubbyd.sock")


def _plain(path: str) -> str:
    """The path as pathlib writes it, which is mostly as it is."""
    if os.path.normpath(path) == path:
        return path
    from pathlib import Path  # noqa: PLC0415 - see the module's first lines

    return str(Path(path))


def _exists(path: str) -> bool:
    """Whether a file is there. Raises OSError where we may not look: it may be ours."""
    try:
        os.stat(path)  # noqa: PTH116 - see the module's first lines
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def user_store() -> "Path":
    """The directory of sealed files."""
    from platformdirs import user_data_path  # noqa: PLC0415 - see the module's first lines

    return _at_home(user_data_path) / "store"


def user_key_file() -> "Path":
    """The key file: outside the store, so that a copy of the store alone opens nothing."""
    return _user_config() / "key"


def user_config_file() -> "Path":
    """The configuration file that is read when it is there and no other is named."""
    return _user_config() / "cubbyd.toml"


def user_units() -> "Path":
    """Where a user's own systemd units lie (systemd.unit(5))."""
    from platformdirs import user_config_path  # noqa: PLC0415 - see the module's first lines

    return _at_home(lambda _: user_config_path()) / "systemd" / "user"


def _user_config() -> "Path":
    from platformdirs import user_config_path  # noqa: PLC0415 - see the module's first lines

    return _at_home(user_config_path)


def _at_home(find: "Callable[[str], Path]") -> "Path":
    try:
        found = find("cubbyd")
    except RuntimeError:
        raise NoHomeError from None
    if not found.is_absolute():
        raise NoHomeError
    return found


def check_socket_path(path: "str | Path") -> None:
    """Refuse a path that the system has no room for.

    Raises:
        ValueError: It is longer than ``MAX_SOCKET_PATH_BYTES``; says so in words for users.
    """
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH_BYTES:
        raise ValueError(
            f"the socket path {path} has {length} bytes, and the system's limit is "
            f"{MAX_SOCKET_PATH_BYTES}; name a shorter one"
        )
