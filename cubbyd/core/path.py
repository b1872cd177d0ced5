"""Paths: byte-exact names, as in OpenBao; nothing is normalised, and little is forbidden."""

from typing import Final, NewType

from cubbyd.errors import InvalidRequestError

Path = NewType("Path", str)
"""A path that ``parse_path`` let through."""

MAX_PATH_BYTES: Final = 4096
"""Default bound, in UTF-8: Linux's PATH_MAX. (OpenBao's raft stops at 32 KiB.)"""


def parse_path(text: str, *, max_bytes: int = MAX_PATH_BYTES) -> Path:
    """A path that is fit to be asked for, but for what ``check_absolute`` refuses.

    Spaces, emoji, ``a//b`` and a leading slash are legal and make names of their own.

    Raises:
        InvalidRequestError: It is too long, or has a character that cannot be printed.
    """
    # Up to a quarter of the limit no text is too long: UTF-8 has at most four bytes a character.
    if len(text) > max_bytes // 4 and len(text.encode()) > max_bytes:
        raise InvalidRequestError(f"the path is longer than {max_bytes} bytes")
    # Python's notion of printable is Go's unicode.IsPrint: both keep U+0020 of all separators.
    if not text.isprintable():
        raise InvalidRequestError("the path has a character that cannot be printed")
    return Path(text)


def check_absolute(path: Path) -> None:
    """Refuse a path that leads through another.

    Raises:
        InvalidRequestError: One of its segments is ``.`` or ``..``.
    """
    if "." in path and not {".", ".."}.isdisjoint(path.split("/")):
        raise InvalidRequestError("relative paths not supported")


def check_writable(path: Path) -> None:
    """Refuse to write to a folder.

    Raises:
        InvalidRequestError: The path ends in a slash.
    """
    if path.endswith("/"):
        raise InvalidRequestError("cannot write to a path ending in '/'")
