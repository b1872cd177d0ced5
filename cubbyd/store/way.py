"""The way to a directory: what is missing of it is made, and made durable."""

import os
from contextlib import suppress
from errno import EACCES, EINVAL
from pathlib import Path
from typing import Final

from cubbyd.store.system_calls import SystemCalls

DIRECTORY_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def make_way(directory: Path, calls: SystemCalls) -> None:
    """Make what is missing of a path; a power cut must not take the way to what we keep.

    What is there already counts as little, where it is ours: whoever made it may have been killed
    before it was durable.
    """
    parent = directory.parent
    try:
        status = calls.stat(directory)
    except FileNotFoundError:
        make_way(parent, calls)
        with suppress(FileExistsError):
            calls.mkdir(directory, 0o700)
        _sync_directory(parent, calls)
        return
    if parent == directory or status.st_uid != os.geteuid():
        return
    make_way(parent, calls)
    try:
        _sync_directory(parent, calls)
    except OSError as error:
        # What we may not look into, or what knows no sync, is not what we made it in.
        if error.errno not in (EACCES, EINVAL):
            raise


def _sync_directory(directory: Path, calls: SystemCalls) -> None:
    fd = calls.open(directory, DIRECTORY_FLAGS)
    try:
        calls.fsync(fd)
    finally:
        calls.close(fd)
