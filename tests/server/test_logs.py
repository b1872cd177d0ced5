"""What the doors log.

The rules: no value is ever told, and nobody can fill the journal by misbehaving often.
"""

import logging

import pytest

from cubbyd.errors import StoreError
from cubbyd.server.logs import QUIET_SECONDS, Damper, report_bug


def record(wording, *args, at=0.0, level=logging.WARNING):
    made = logging.LogRecord("cubbyd.server", level, __file__, 1, wording, args, None)
    made.created = at
    return made


def test_a_complaint_in_the_same_words_is_told_once_for_a_while():
    damper = Damper()

    told = [damper.filter(record("uid %d", uid, at=uid / 1000)) for uid in range(1000)]

    assert told.count(True) == 1


def test_afterwards_it_is_told_how_many_there_were():
    damper = Damper()
    for uid in range(5):
        damper.filter(record("too busy: uid %d", uid))

    later = record("too busy: uid %d", 9, at=QUIET_SECONDS)

    assert damper.filter(later)
    assert later.getMessage() == "too busy: uid 9 (and 4 more like it)"


def test_other_words_are_told_at_once():
    damper = Damper()
    damper.filter(record("one"))

    assert damper.filter(record("another"))


def test_what_is_no_complaint_is_always_told():
    damper = Damper()

    assert all(damper.filter(record("listening", level=logging.INFO)) for _ in range(3))


def raise_with(*secrets):
    try:
        {}[secrets]
    except KeyError as error:
        raise ExceptionGroup("hunter2", [ValueError("hunter2")]) from error


def test_a_bug_is_told_by_types_and_places_through_groups_and_causes(caplog):
    with pytest.raises(ExceptionGroup) as caught:
        raise_with("hunter2")

    report_bug(caught.value)

    assert "ExceptionGroup at " in caplog.text
    assert "ValueError at " in caplog.text
    assert "KeyError at " in caplog.text
    assert ":raise_with" in caplog.text
    assert "hunter2" not in caplog.text


def test_two_bugs_do_not_hide_each_other():
    """The places are part of the words, so each is told."""
    damper = Damper()
    damper.filter(record("a bug: KeyError at a.py:1"))

    assert damper.filter(record("a bug: KeyError at a.py:2"))


@pytest.mark.parametrize(
    "error",
    [StoreError(), ExceptionGroup("", [KeyError(), ExceptionGroup("", [StoreError()])])],
)
def test_what_must_stop_the_daemon_is_not_reported_but_raised(error, caplog):
    with pytest.raises(type(error)) as caught:
        report_bug(error)

    assert caught.value is error
    assert not caplog.records
