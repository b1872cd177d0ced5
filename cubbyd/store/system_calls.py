"""The system calls that the store makes, as an interface that a test can put a disk under."""

import os
from pathlib import Path
from typing import Protocol


class SystemCalls(Protocol):
    """What the store calls of ``os``, each as its namesake there.

    So that a test can put another disk underneath, that fails and forgets.
    """

    def open(
        self, path: str | Path, flags: int, mode: int = ..., *, dir_fd: int | None = ...
    ) -> int:
        """A descriptor."""
        ...

    def close(self, fd: int, /) -> None:
        """Let a descriptor go."""
        ...

    def read(self, fd: int, length: int, /) -> bytes:
        """At most so many of a file's next bytes; none at its end."""
        ...

    def write(self, fd: int, data: memoryview, /) -> int:
        """How many of these bytes were taken."""
        ...

    def fsync(self, fd: int, /) -> None:
        """Make a file's bytes, or a directory's names, durable."""
        ...

    def fstat(self, fd: int, /) -> os.stat_result:
        """What is known of what is open."""
        ...

    def stat(
        self, path: str | Path, *, dir_fd: int | None = ..., follow_symlinks: bool = ...
    ) -> os.stat_result:
        """What is known of what has a name."""
        ...

    def listdir(self, path: int, /) -> list[str]:
        """The names in a directory."""
        ...

    def mkdir(self, path: str | Path, mode: int = ..., *, dir_fd: int | None = ...) -> None:
        """Make a directory."""
        ...

    def link(
        self,
        src: str,
        dst: str,
        *,
        src_dir_fd: int | None = ...,
        dst_dir_fd: int | None = ...,
        follow_symlinks: bool = ...,
    ) -> None:
        """Give one name more, which nothing has."""
        ...

    def rename(
        self, src: str, dst: str, *, src_dir_fd: int | None = ..., dst_dir_fd: int | None = ...
    ) -> None:
        """Give another name, in place of what had it."""
        ...

    def unlink(self, path: str, *, dir_fd: int | None = ...) -> None:
        """Take a name away."""
        ...
