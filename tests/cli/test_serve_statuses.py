"""``cubbyd`` tells a script, and systemd, why it ended."""

import pytest
from click.testing import CliRunner

from cubbyd.cli import serve
from cubbyd.errors import StartError, StoreError


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([StartError("no")], 1),
        ([StoreError("the store's directory cannot be synced")], 3),
        ([StoreError("changes are no longer carried out"), StartError("no")], 3),
    ],
)
def test_what_stopped_it_is_told_by_the_status(monkeypatch, errors, status, caplog):
    def fails(*_args, **_kwargs):
        raise ExceptionGroup("tasks", [ExceptionGroup("a task", errors)])

    monkeypatch.setattr(serve.config, "load", fails)
    monkeypatch.setattr(serve.journal, "set_up", lambda _environment: None)

    ended = CliRunner().invoke(serve.main, [])

    assert ended.exit_code == status
    assert [record.getMessage() for record in caplog.records] == [*map(str, errors)]


def test_units_do_not_start_one_that_lost_track(pytestconfig):
    for unit in pytestconfig.rootpath.glob("systemd/*/cubbyd.service"):
        assert "\nRestartPreventExitStatus=3\n" in unit.read_text()
