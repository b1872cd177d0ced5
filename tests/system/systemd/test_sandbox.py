"""How much the units leave a daemon that was taken over: a score, and what it comes to in practice.

The score is systemd's own, from 0 (nothing) to 10; installed or not, the units must keep it.
"""

import os
import shutil
from pathlib import Path

import pytest
from guest import DAEMON, MEASURES, Manager, run

USER = os.environ.get("CUBBYD_TEST_USER", "tester")
MOST = {"system": 0.6, "user": 0.7}
VERIFY = ("--man=no", "verify")
"""Whether ``man`` finds the page that a unit names depends on where cubbyd is installed."""
SHIPPED = Path(__file__).parents[3] / "systemd"


@pytest.fixture(scope="module", params=["system", "user"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def manager(kind):
    """With its units installed and the daemon running."""
    manager = Manager(None if kind == "system" else USER)
    manager.run(*DAEMON, "install-units", f"--{kind}")
    if kind == "system":
        run("systemd-sysusers", "cubbyd.conf")
        run("systemd-tmpfiles", "--create", "cubbyd.conf")
    manager.systemctl("daemon-reload")
    manager.reset()
    manager.systemctl("start", "cubbyd.socket")
    manager.cubby("wrap", "a=1")
    yield manager
    manager.stop()


def test_the_score_of_the_running_service(manager, kind):
    assert manager.score("cubbyd.service") <= MOST[kind]


def test_the_score_of_the_files(manager, kind):
    for unit in (manager.units / "cubbyd.service", SHIPPED / kind / "cubbyd.service"):
        assert manager.score("--offline=yes", unit) <= MOST[kind]


def test_verify_has_nothing_to_say(manager, kind):
    units = sorted(manager.units.glob("cubbyd*.s*t")) + sorted(
        manager.units.glob("cubbyd*.service")
    )
    assert len(units) == 3

    ran = manager.run("systemd-analyze", f"--{kind}", *VERIFY, *units)

    assert (ran.stdout, ran.stderr) == (b"", b"")


def test_what_is_shipped_verifies_where_the_program_is(kind, tmp_path):
    program = Path("/usr/bin/cubbyd")
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    try:
        shutil.copytree(SHIPPED / kind, tmp_path / kind)
        units = sorted((tmp_path / kind).glob("cubbyd*.s*"))
        environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
        ran = run("systemd-analyze", f"--{kind}", *VERIFY, *units, environment=environment)
    finally:
        program.unlink()

    assert (ran.stdout, ran.stderr) == (b"", b"")


def test_the_sandbox_is_there(manager):
    """Of a user's manager some options go unheard: these must not."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{manager.pid}/status").read_text().splitlines()
    )

    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    for namespace in ("mnt", "net", "ipc"):
        own, hosts = (Path(f"/proc/{pid}/ns/{namespace}").readlink() for pid in (manager.pid, 1))
        assert own != hosts, namespace
    mounts = Path(f"/proc/{manager.pid}/mountinfo").read_text().splitlines()
    root = next(line.split() for line in mounts if line.split()[4] == "/")
    assert "ro" in root[5].split(",")
    assert "noexec" in root[5].split(",")


def test_what_keeps_secrets_in_memory_holds_in_it(manager):
    """Of swap it is told what is so: where there is any, our group's limit may have no effect."""
    has_swap = len(Path("/proc/swaps").read_text().splitlines()) > 1

    measures = manager.measures()

    assert measures | {"no_swap": True} == dict.fromkeys(MEASURES, True)
    assert measures["no_swap"] or has_swap
    locked = Path(f"/proc/{manager.pid}/status").read_text().split("VmLck:")[1].split()[0]
    assert int(locked) > 0


def test_no_process_of_the_user_reads_its_memory(manager, kind):
    user = "cubbyd" if kind == "system" else USER

    for pid in (manager.pid, manager.disk_pid):
        ran = run("cat", f"/proc/{pid}/mem", as_user=user, check=False)

        assert b"Permission denied" in ran.stderr
