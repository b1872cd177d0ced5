"""What the daemon and its process for the disk say to each other.

Both are this program, and of one make: so they speak ``marshal``. A batch is one message or
several; each is its size, and then whether more follow, and some of the jobs. The answer is a list
with what refused each job; or a text, where nobody knows what is on the disk.
"""

import marshal
import socket
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from cubbyd.store.batch import FileChange, Job

Told: TypeAlias = tuple[str, int, tuple[str, ...]] | None
"""Of a job: the code, status and messages of what refused it."""
Answer: TypeAlias = list[Told] | str
"""To a batch; see above."""

SIZE_BYTES: Final = 8
"""Of what a message begins with: how many bytes follow."""
SENT_BYTES: Final = 64 * 1024
"""About so many are sent at once: less than a socket takes."""


def messages(jobs: Sequence[Job]) -> Iterator[bytes]:
    """Small jobs together, large ones one by one: each is copied here."""
    together: list[list[tuple[object, ...]]] = []
    size = 0
    for job in jobs:
        if size >= SENT_BYTES:
            yield _message(together, is_more=True)
            together, size = [], 0
        together.append([tuple(change) for change in job])
        size += sum(len(change.name) + len(change.data or b"") for change in job)
    yield _message(together, is_more=False)


def _message(jobs: list[list[tuple[object, ...]]], *, is_more: bool) -> bytes:
    message = marshal.dumps((is_more, jobs))
    return len(message).to_bytes(SIZE_BYTES) + message


def received(channel: socket.socket) -> list[Job]:
    """The next batch.

    Raises:
        EOFError: The daemon has ended.
    """
    jobs: list[Job] = []
    is_more = True
    while is_more:
        size = int.from_bytes(_exactly(channel, SIZE_BYTES))
        is_more, some = marshal.loads(_exactly(channel, size))  # noqa: S302 - from our own
        jobs += [[FileChange(*change) for change in job] for job in some]
    return jobs


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:  # who is stopped and goes on may be given less
        part = channel.recv(size - len(data), socket.MSG_WAITALL)
        if not part:
            raise EOFError
        data += part
    return data
