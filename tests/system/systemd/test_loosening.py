"""What docs/operations.md says to set in order to loosen the sandbox does what it says."""

import os
import shutil
from pathlib import Path

import pytest
from guest import COMMAND, CONFIG, DAEMON, Manager, run

USER = os.environ.get("CUBBYD_TEST_USER", "tester")
ELSEWHERE = Path("/srv/cubbyd")


@pytest.fixture
def manager(stopped):
    """What a unit is to be, it is told before it starts."""
    return stopped


def test_the_store_lies_elsewhere(manager):
    run("install", "-d", "-o", "cubbyd", "-g", "cubbyd", "-m", "700", ELSEWHERE)
    text = CONFIG.read_text().replace("/var/lib/cubbyd/", f"{ELSEWHERE}/")
    CONFIG.write_text(text)
    manager.drop_in(
        f"[Unit]\nRequiresMountsFor={ELSEWHERE}\n[Service]\nReadWritePaths={ELSEWHERE}\n"
    )
    manager.systemctl("start", "cubbyd.socket")

    manager.cubby("wrap", "a=1")

    assert (ELSEWHERE / "store" / "keyring").exists()
    manager.stop()
    shutil.rmtree(ELSEWHERE)


def test_only_a_group_may_connect(manager):
    CONFIG.write_text(CONFIG.read_text() + '[access]\nguest_gids = ["helpers"]\n')
    manager.drop_in("[Socket]\nSocketGroup=helpers\nSocketMode=0660\n", "cubbyd.socket")
    manager.systemctl("start", "cubbyd.socket")

    assert run(*COMMAND, "login", as_user="helper").returncode == 0
    refused = run(*COMMAND, "login", as_user="stranger", check=False)
    assert refused.returncode == 7
    assert b"you may not connect" in refused.stderr


def test_other_users_processes_are_hidden_and_with_them_their_units(manager):
    manager.drop_in("[Service]\nProtectProc=invisible\n")
    manager.systemctl("start", "cubbyd.socket")

    manager.cubby("wrap", "a=1")

    manager.stop()
    assert manager.creators() == ["0 None"]


def test_a_users_service_does_without_user_namespaces():
    manager = Manager(USER)
    manager.run(*DAEMON, "install-units", "--user")
    manager.reset()
    manager.drop_in("[Service]\nPrivateUsers=no\nPrivateDevices=no\nCapabilityBoundingSet=~\n")
    manager.systemctl("start", "cubbyd.socket")

    manager.cubby("wrap", "a=1")

    assert "Seccomp:\t2" in Path(f"/proc/{manager.pid}/status").read_text()
    manager.reset()


def test_after_too_many_failures_it_takes_two_commands(manager):
    """The socket fails with the service; then both are forgiven, and it serves again."""
    config = CONFIG.read_text()
    CONFIG.write_text('log_level = "loud"\n')
    manager.drop_in("[Service]\nRestartSec=10ms\n[Unit]\nStartLimitBurst=2\n")
    manager.systemctl("start", "cubbyd.socket")
    waited = manager.cubby("status", check=False)

    assert b"the daemon went away" in waited.stderr
    assert manager.show("Result", "cubbyd.socket") == "service-start-limit-hit"

    CONFIG.write_text(config)
    manager.systemctl("reset-failed", "cubbyd.service", "cubbyd.socket")
    manager.systemctl("start", "cubbyd.socket")
    assert manager.cubby("status").returncode == 0
