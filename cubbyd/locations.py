"""Where things lie when nobody says otherwise, for the daemon and its clients alike.

The only room that knows platformdirs. Its import is put off until a path needs it: a command that
finds ``$XDG_RUNTIME_DIR`` does without.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

SYSTEM_SOCKET: Final = Path("/run/cubbyd/cubbyd.sock")
MAX_SOCKET_PATH_BYTES: Final = 107
"""``sun_path`` has 108 bytes on Linux, the last of them a NUL."""


class NoHomeError(ValueError):
    """There is nowhere to look: no home directory, and no variable that names another place."""

    def __init__(self) -> None:
        super().__init__(
            "this user has no home directory; set HOME, or name every path: --socket (or "
            "CUBBY_SOCKET), and for the daemon --store and --key-file as well"
        )


def user_socket() -> Path:
    """The socket of the daemon that serves the user who asks."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):  # a relative one is to be ignored, says the XDG specification
        return Path(runtime, "cubbyd", "cubbyd.sock")
    from platformdirs import user_state_path  # noqa: PLC0415 - see the module's first lines

    return _at_home(user_state_path) / "run" / "cubbyd.sock"


def client_socket() -> Path:
    """The socket that a client tries: ``$CUBBY_SOCKET``, the user's own, or the system's."""
    named = os.environ.get("CUBBY_SOCKET")
    if named:
        return Path(named)
    own = user_socket()
    return SYSTEM_SOCKET if SYSTEM_SOCKET.exists() and not own.exists() else own


def user_store() -> Path:
    """The directory of sealed files."""
    from platformdirs import user_data_path  # noqa: PLC0415 - see the module's first lines

    return _at_home(user_data_path) / "store"


def user_key_file() -> Path:
    """The key file: outside the store, so that a copy of the store alone opens nothing."""
    return _user_config() / "key"


def user_config_file() -> Path:
    """The configuration file that is read when it is there and no other is named."""
    return _user_config() / "cubbyd.toml"


def user_units() -> Path:
    """Where a user's own systemd units lie (systemd.unit(5))."""
    from platformdirs import user_config_path  # noqa: PLC0415 - see the module's first lines

    return _at_home(lambda _: user_config_path()) / "systemd" / "user"


def _user_config() -> Path:
    from platformdirs import user_config_path  # noqa: PLC0415 - see the module's first lines

    return _at_home(user_config_path)


def _at_home(find: Callable[[str], Path]) -> Path:
    try:
        found = find("cubbyd")
    except RuntimeError:
        found = Path()
    if not found.is_absolute():
        raise NoHomeError
    return found


def check_socket_path(path: Path) -> None:
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
