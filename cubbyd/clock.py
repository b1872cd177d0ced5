"""Time as cubbyd tells it: seconds since the epoch, handed in, so that a test hands in its own."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Timestamp: TypeAlias = float
"""Seconds since the epoch, wall time: deadlines must survive a restart and a suspend."""

Clock: TypeAlias = Callable[[], Timestamp]


def rfc3339(instant: Timestamp) -> str:
    """An instant as text, in UTC with microseconds: ``2026-11-22T01:17:41.500000Z``."""
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="microseconds")[:-6] + "Z"
