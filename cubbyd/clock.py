"""Time as cubbyd tells it: seconds since the epoch, handed in, so that a test hands in its own."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

Timestamp: TypeAlias = float
"""Seconds since the epoch, wall time: deadlines must survive a restart and a suspend."""

Clock: TypeAlias = Callable[[], Timestamp]

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - an instant with a zone is told at twice the cost
_FIRST: Final = -62_135_596_800.0  # 0001-01-01T00:00:00Z
_LAST: Final = 253_402_300_799.0  # 9999-12-31T23:59:59Z


def rfc3339(instant: Timestamp) -> str:
    """An instant as text, in UTC with microseconds: ``2026-11-22T01:17:41.500000Z``.

    One that RFC 3339 cannot name is told as the nearest that it can: a clock that is out of its
    mind must not stop whoever tells of it.
    """
    named = min(max(instant, _FIRST), _LAST)
    return (_EPOCH + timedelta(seconds=named)).isoformat(timespec="microseconds") + "Z"
