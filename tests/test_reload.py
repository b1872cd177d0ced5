"""What a running daemon takes up of a new configuration, and what it says."""

from dataclasses import replace
from pathlib import Path

from cubbyd.reload import RELOADABLE, reload
from cubbyd.settings import AccessSettings, LimitSettings, LoginSettings, Settings

OLD = Settings(socket=Path("/run/a.sock"), store=Path("/d"), key_file=Path("/k"))
STANDS_ON = {"socket", "http_socket", "store", "key_file"}


def test_nothing_new_is_nothing_to_say():
    found = reload(OLD, OLD)

    assert (found.settings, found.changed, found.waiting) == (OLD, (), ())


def test_what_can_hold_at_once_does_and_each_is_told_in_a_line():
    new = replace(
        OLD,
        log_level="debug",
        access=AccessSettings(guest_uids=frozenset({1002, 1001})),
        login=LoginSettings(gids={7: ("a", "b")}),
        limits=replace(LimitSettings(), idle_timeout=90.0),
    )

    found = reload(OLD, new)

    assert found.settings == new
    assert found.waiting == ()
    assert found.changed == (
        "log_level is now debug, and was info",
        "access.guest_uids is now [1001, 1002], and was []",
        "login.gids is now {7: [a, b]}, and was {}",
        "limits.idle_timeout is now 1m30s, and was 10m",
    )


def test_what_the_daemon_stands_on_stays_and_is_told():
    new = replace(OLD, store=Path("/other"), http_socket=Path("/run/h.sock"), stop_timeout=1.0)

    found = reload(OLD, new)

    assert found.settings == replace(OLD, stop_timeout=1.0)
    assert found.changed == ("stop_timeout is now 1s, and was 10s",)
    assert found.waiting == (
        "http_socket is now /run/h.sock, and was unset",
        "store is now /other, and was /d",
    )


def test_only_settings_that_there_are_can_be_taken_up():
    names = set(Settings.__dataclass_fields__)

    assert names >= RELOADABLE
    assert not RELOADABLE & STANDS_ON
