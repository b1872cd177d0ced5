"""What a process and its children cost is told together, and what they share counts once."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from machine import Stolen
from process_figures import cpu_seconds, family, field_mib, resident_mib, user_and_system_seconds

BENCH = Path(__file__).parents[1] / "bench"
NOBODY = 65534
LARGE_MIB = 64
FAMILY = f"""
import ctypes, os, sys, time
large = b"x" * ({LARGE_MIB} << 20)
ctypes.CDLL(None).prctl(4, int(sys.argv[1]))  # PR_SET_DUMPABLE
if os.fork() == 0:
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
sys.stdin.read()
os.wait()
"""
"""A parent and its child, which has worked for a while, share what is large."""


@contextmanager
def a_family(*, dumpable=True):
    command = [sys.executable, "-c", FAMILY, str(int(dumpable))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process.pid


def test_what_a_child_spends_counts():
    with a_family() as pid:
        user, system = user_and_system_seconds(pid)
        spent = cpu_seconds(pid)

    assert spent >= 0.3
    assert user + system == pytest.approx(spent, abs=0.05)


def test_what_a_family_shares_counts_once():
    with a_family() as pid:
        assert len(family(pid)) == 2
        (found,) = resident_mib(pid)

    assert LARGE_MIB < found["own"] < 1.5 * LARGE_MIB
    assert 0 < found["files"] < LARGE_MIB
    assert found["all"] == found["own"] + found["files"]


def test_a_process_alone_has_what_the_system_says():
    """Also of the files that it shares with every other Python."""
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        (found,) = resident_mib(process.pid)
        said = field_mib(process.pid, "status", "VmRSS")
        process.communicate(b"\n")

    assert found["all"] == pytest.approx(said, abs=1)


def test_where_shares_cannot_be_seen_all_are_taken_as_they_are_resident():
    """One of two processes is not dumpable, and who looks is not root."""
    program = f"""
import json, os, sys
sys.path.insert(0, {str(BENCH)!r})
from process_figures import resident_mib
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(*[{NOBODY}] * 3)
    os.setresuid(*[{NOBODY}] * 3)
print(json.dumps(resident_mib(*map(int, sys.argv[1:]))))
"""
    with a_family() as one, a_family(dumpable=False) as other:
        command = [sys.executable, "-c", program, str(one), str(other)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert all(each["own"] > 2 * LARGE_MIB for each in found)


def test_a_size_that_is_not_told_is_none():
    assert field_mib(os.getpid(), "status", "VmNothing") == 0.0


def test_what_the_host_keeps_is_told_of_the_time_since_then(tmp_path):
    """Guests' ticks, which come last, are in those of users already."""
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 50 800 20 0 10 20 7 7\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    stolen = Stolen(stat)
    assert stolen.share() == "0.0%"

    stat.write_text("cpu  140 0 60 830 25 0 10 35 9 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    assert stolen.share() == "15.0%"
