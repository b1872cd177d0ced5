"""A cubbyhole's contents: objects under names, and folders that exist while they have content."""

from collections.abc import Iterable
from typing import Final

RESPONSE: Final = "response"
"""Where a wrapping token keeps what it wraps: ``cubbyhole/response``, as in Vault before 0.7."""


def children(paths: Iterable[str], folder: str) -> list[str]:
    """The names directly below a folder, sorted by their bytes; folders end in a slash.

    ``folder`` may come with or without its slash; "" is the top. A name and a folder of the same
    name are both there.
    """
    prefix = folder if not folder or folder.endswith("/") else folder + "/"
    names = set()
    for path in paths:
        if path.startswith(prefix):
            name, slash, _ = path[len(prefix) :].partition("/")
            names.add(name + slash)
    # A path equal to the prefix itself would be a name "": it cannot be written.
    names.discard("")
    return sorted(names, key=str.encode)
