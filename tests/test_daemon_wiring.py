"""The daemon hands settings on to rooms that have defaults of their own: both say the same."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
import trio

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


@pytest.mark.parametrize("drawn", [bytes(16), bytes(range(100, 116)), b"\xff" * 16])
def test_the_id_of_an_answer_is_a_random_uuid(drawn):
    assert daemon.answer_id(lambda size: drawn[:size]) == str(UUID(bytes=drawn, version=4))


class Doors:
    """Nobody has been here since the test began."""

    def __init__(self):
        self.began = trio.current_time()
        self.has_finished = False

    def quiet_for(self):
        return trio.current_time() - self.began

    def finish(self):
        self.has_finished = True


def a_daemon(*, would_forget):
    return daemon.Daemon(
        settings=replace(SETTINGS, idle_exit=90.0),
        doors=Doors(),
        open_at=(),
        clock=lambda: 0.0,
        hardening=hardening(100),
        measures={},
        desk=SimpleNamespace(would_forget=would_forget),
        listens_at=(),
        is_activated=True,
    )


async def test_whoever_finds_his_keys_again_ends_when_nobody_comes(autojump_clock):
    idle = a_daemon(would_forget=False)

    await idle.wait_until_idle()

    assert idle.doors.quiet_for() == 90
    assert idle.doors.has_finished


async def test_keys_that_only_a_passphrase_brings_back_do_not_go_for_want_of_visitors(
    autojump_clock,
):
    """Until they are rekeyed, or sealed."""
    idle = a_daemon(would_forget=True)

    with trio.move_on_after(100_000):
        await idle.wait_until_idle()
    assert not idle.doors.has_finished
    idle.desk.would_forget = False
    with trio.fail_after(60):
        await idle.wait_until_idle()
    assert idle.doors.has_finished
