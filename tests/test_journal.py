"""What the daemon says: plain lines to people, and to the journal lines with a priority."""

import io
import logging
import os

import pytest

from cubbyd import journal


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


@pytest.fixture
def pipe():
    """A stream, and a function that reads what was written to it."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "w") as stream:

        def written():
            stream.flush()
            return os.read(source.fileno(), 4096).decode()

        yield stream, written


def named(stream):
    found = os.fstat(stream.fileno())
    return {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}


def test_people_see_who_speaks(pipe):
    stream, written = pipe

    journal.set_up({}, stream)
    logging.getLogger("cubbyd").warning("turned away: uid %d", 7)

    assert written() == "cubbyd: turned away: uid 7\n"


@pytest.mark.parametrize(
    ("level", "priority"),
    [("CRITICAL", 3), ("ERROR", 3), ("WARNING", 4), ("INFO", 6), ("DEBUG", 7)],
)
def test_the_journal_is_told_the_priority(pipe, level, priority):
    stream, written = pipe

    journal.set_up(named(stream), stream)
    journal.set_level("debug")
    logging.getLogger("cubbyd").log(getattr(logging, level), "words")

    assert written() == f"<{priority}>words\n"


def test_a_message_is_one_line_there(pipe):
    stream, written = pipe

    journal.set_up(named(stream), stream)
    logging.getLogger("cubbyd").error("cannot start:\n  first: wrong\n  second: wrong")

    assert written() == "<3>cannot start: first: wrong second: wrong\n"


def test_a_stream_that_was_led_elsewhere_is_not_the_journals(pipe):
    stream, _ = pipe

    assert journal.leads_to_journal(stream, named(stream))
    assert not journal.leads_to_journal(stream, {"JOURNAL_STREAM": "1:2"})
    assert not journal.leads_to_journal(io.StringIO(), named(stream))


def test_the_level_bounds_what_is_said(pipe):
    stream, written = pipe
    journal.set_up({}, stream)

    journal.set_level("error")
    logging.getLogger("cubbyd").warning("no")
    logging.getLogger("cubbyd.server").error("yes")

    assert written() == "cubbyd: yes\n"
