"""How the daemon's own messages look: lines on standard error, or what the journal knows to read.

systemd names the stream that leads to the journal in ``JOURNAL_STREAM`` (systemd.exec(5)). There a
line begins with its priority (sd-daemon(3)), and a message is one line, for a second line would be
another message, of another priority. The journal knows by itself who speaks.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Final, TextIO

_PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""Log levels, and syslog's priorities from there on: error, warning, informational, debug."""


def set_up(environment: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Begin to log, at INFO, to standard error."""
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    if stream is not None and leads_to_journal(stream, environment):
        handler.setFormatter(JournalFormatter())
    else:
        handler.setFormatter(logging.Formatter("cubbyd: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def set_level(name: str) -> None:
    """Log what is at least that bad: one of ``settings.LOG_LEVELS``."""
    logging.getLogger().setLevel(name.upper())


def leads_to_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether what is written there becomes messages in the journal."""
    named = environment.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or none with a descriptor
        return False
    return named == f"{found.st_dev}:{found.st_ino}"


class JournalFormatter(logging.Formatter):
    """``<4>words``: one line, with its priority."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        priority = next(value for level, value in _PRIORITIES if record.levelno >= level)
        words = " ".join(line.strip() for line in super().format(record).splitlines())
        return f"<{priority}>{words}"
