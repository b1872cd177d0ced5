"""Every way in which a command ends has one status, which never changes its meaning."""

import gc

import pytest
from command_tree import commands

from cubbyd.cli.commands import COMMANDS
from cubbyd.cli.exit_codes import MEANINGS, Exit, exit_for
from cubbyd.cli.main import main
from cubbyd.client import OutcomeUnknownError
from cubbyd.errors import REFUSALS, UnavailableError, refusal

BY_CODE = {
    "invalid_request": 1,
    "permission_denied": 4,
    "unsupported_path": 3,
    "not_found": 3,
    "unsupported_operation": 1,
    "wrapping_token_invalid": 6,
    "too_large": 1,
    "quota_exceeded": 10,
    "internal": 1,
    "integrity": 9,
    "busy": 10,
    "sealed": 8,
    "storage_full": 10,
}


@pytest.mark.parametrize("code", REFUSALS)
def test_each_refusal_has_its_status(code):
    assert exit_for(REFUSALS[code]()) == BY_CODE[code]


def test_a_code_that_is_not_known_goes_by_its_status():
    assert exit_for(refusal("forbidden_on_sundays", 403, ["no"])) == 4


def test_only_what_was_not_done_is_no_daemon():
    """A script may start a daemon and try again after 7."""
    assert exit_for(UnavailableError()) == 7
    assert exit_for(OutcomeUnknownError()) == 1


def test_the_help_tells_every_status(capsys):
    assert main(["--help"]) == 0

    told = capsys.readouterr().out
    assert set(MEANINGS) == set(Exit)
    for code, meaning in MEANINGS.items():
        assert f"{code:>3}  {meaning.splitlines()[0]}" in told


@pytest.mark.usefixtures("daemon")
def test_a_command_within_another_program_leaves_its_garbage_alone():
    assert main(["status"]) == 0

    assert gc.isenabled()
    assert not gc.get_freeze_count()


def test_a_sealed_daemon_is_shown_as_one(toy, daemon, capsys):
    toy.is_sealed = True

    assert main(["status"]) == 8
    assert "sealed     true" in capsys.readouterr().out
    assert len(daemon.requests) == 3


def test_a_command_that_is_not_installed_does_not_break_the_others(monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "gone", "cubbyd.cli.gone:gone")

    assert main(["--help"]) == 0
    assert main(["gone"]) == 2
    assert "No such command 'gone'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [words for words in commands() if words != ["demo"]], ids=" ".join
)
def test_the_help_of_each_command_has_an_example(words, capsys):
    assert main([*words, "--help"]) == 0

    _, examples = capsys.readouterr().out.split("Examples:")
    assert f"cubby {' '.join(words)}" in examples
