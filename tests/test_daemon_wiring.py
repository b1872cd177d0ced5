"""The daemon hands settings on to rooms that have defaults of their own: both say the same."""

from dataclasses import replace
from pathlib import Path

from cubbyd import daemon
from cubbyd.hardening import Hardening
from cubbyd.logical.context import Rules
from cubbyd.server.limits import Limits
from cubbyd.settings import Settings

SETTINGS = Settings(socket=Path("/s"), store=Path("/d"), key_file=Path("/k"))


def hardening(max_open_files):
    return Hardening(
        no_core_dumps=True, not_dumpable=True, no_swap=True, max_open_files=max_open_files
    )


def test_the_default_settings_are_the_rules_that_decisions_have_by_default():
    assert replace(daemon.rules(SETTINGS, {}), version="") == Rules()


def test_the_default_settings_are_the_limits_that_connections_have_by_default():
    assert daemon.limits(SETTINGS, hardening(65_536)) == Limits()


def test_there_are_no_more_connections_than_descriptors_for_them():
    few = hardening(200)

    assert daemon.limits(SETTINGS, few).max_connections == few.max_connections < 200
