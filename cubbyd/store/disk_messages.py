"""What the daemon and its process for the disk say to each other.

Both are this program, and of one make: so they speak ``marshal``. The daemon sends a message for
each job. An answer is to the next so many jobs, in the order in which they were sent: a list with
what refused each of them; or a text, the last one, where nobody knows what is on the disk.
"""

import marshal
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from cubbyd.store.batch import FileChange, Job

SentJob: TypeAlias = list[tuple[str, bytes | None]]
"""The name of each change, and its data."""
Told: TypeAlias = tuple[str, int, tuple[str, ...]] | None
"""Of a job: the code, status and messages of what refused it."""
Answer: TypeAlias = list[Told] | str
"""See above."""

SIZE_BYTES: Final = 8
"""Of what a message begins with: how many bytes follow."""


def job_message(job: Job) -> bytes:
    """For the process."""
    sent: SentJob = [(change.name, change.data) for change in job]
    return _message(sent)


def answer_message(answer: Answer) -> bytes:
    """For the daemon."""
    return _message(answer)


def _message(content: SentJob | Answer) -> bytes:
    message = marshal.dumps(content)
    return len(message).to_bytes(SIZE_BYTES) + message


class Inbox:
    """The messages in what was received."""

    def __init__(self) -> None:
        self._received = bytearray()

    def jobs(self, data: bytes) -> list[Job]:
        """Those that are whole now."""
        jobs: Iterator[SentJob] = self._messages(data)
        return [[FileChange(*change) for change in job] for job in jobs]

    def answers(self, data: bytes) -> list[Answer]:
        """Those that are whole now."""
        return list(self._messages(data))

    def _messages(self, data: bytes) -> Iterator[Any]:
        received = self._received
        received += data
        begin = 0
        while len(received) >= (content := begin + SIZE_BYTES):
            end = content + int.from_bytes(received[begin:content])
            if len(received) < end:
                break
            yield marshal.loads(received[content:end])  # noqa: S302 - from our own
            begin = end
        del received[:begin]
