"""What the disk costs: the system calls of a durable change, made by the clients themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clients import Disk


@dataclass(frozen=True)
class Bare:
    """A directory on the same file system, which all clients change."""

    directory: Path
    file_bytes: Mapping[str, int]
    """By workload, the size of the file that cubbyd writes."""
    pid: None = None

    def task(self, name: str, number: int) -> Disk:
        """What that client does."""
        return Disk(
            directory=str(self.directory),
            name=f"{number:032}",
            size_bytes=self.file_bytes[name],
            then_remove=name != "write",
        )
