"""What the doors tell the operator: never a value, and never more than the journal can bear.

Whoever can connect can make the daemon complain, thousands of times a second. So a complaint in
the same words is told once in ``QUIET_SECONDS``, with the number of those that were not told.
"""

import logging
import traceback
from collections.abc import Iterator
from typing import Final

from cubbyd.errors import StoreError

QUIET_SECONDS: Final = 10.0
"""One line of a kind in so many seconds: enough to see that it goes on, too few to fill a disk."""


class Damper(logging.Filter):
    """Lets the first warning of each wording pass, and then no more for a while.

    A wording is a record's format string, of which the code has a fixed number; names and numbers
    that vary belong in the arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until: dict[str, float] = {}
        self._withheld: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to tell it; adds how many alike were not told."""
        if record.levelno < logging.WARNING:
            return True
        wording = str(record.msg)
        if record.created < self._quiet_until.get(wording, 0):
            self._withheld[wording] = self._withheld.get(wording, 0) + 1
            return False
        self._quiet_until[wording] = record.created + QUIET_SECONDS
        withheld = self._withheld.pop(wording, 0)
        if withheld:
            record.msg = f"{wording} (and {withheld} more like it)"
        return True


log = logging.getLogger("cubbyd.server")
log.addFilter(Damper())


def report_bug(error: Exception) -> None:
    """Log an exception that nobody expected, by its type and the places it passed.

    Its text and the values around it stay out: they may be a secret.

    Raises:
        Exception: The error itself, when it is, or holds, the StoreError that stops the daemon.
    """
    if _is_fatal(error):
        raise error
    # All of it is the wording: one bug must not hide another.
    log.error("a bug in cubbyd, please report it: " + "; ".join(_trail(error)))  # noqa: G003


def _is_fatal(error: Exception) -> bool:
    if isinstance(error, ExceptionGroup):
        return error.subgroup(StoreError) is not None
    return isinstance(error, StoreError)


def _trail(error: BaseException) -> Iterator[str]:
    places = " > ".join(
        f"{frame.f_code.co_filename}:{line}:{frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    )
    yield f"{type(error).__name__} at {places}"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _trail(each)
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from _trail(cause)
