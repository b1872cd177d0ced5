"""What the process does for itself. In processes of their own, since it cannot be undone."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cubbyd.hardening import group_may_not_swap

ROOT = Path(__file__).parents[2]


def hardened(code, *, nofile=None, max_connections=100):
    """What a hardened process prints as JSON."""
    program = (
        "import json, os, resource\nfrom cubbyd.hardening import harden\n"
        f"held = harden(max_connections={max_connections})\n{code}"
    )

    def limit():
        if nofile is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, nofile)

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        preexec_fn=limit,
    )
    return json.loads(done.stdout)


def test_all_of_it_holds_here():
    held = hardened("print(json.dumps([held.no_core_dumps, held.not_dumpable]))")

    assert held == [True, True]


def test_there_is_no_core_dump():
    assert hardened("print(json.dumps(resource.getrlimit(resource.RLIMIT_CORE)))") == [0, 0]


def test_what_is_created_is_private(tmp_path):
    mode = hardened(
        f"open({str(tmp_path / 'file')!r}, 'x').close()\n"
        f"print(json.dumps(os.stat({str(tmp_path / 'file')!r}).st_mode & 0o777))"
    )

    assert mode == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_another_process_of_the_user_cannot_read_the_memory():
    """Not dumpable, /proc/PID belongs to root."""
    program = (
        "import ctypes, os, sys\n"
        "from cubbyd.hardening import harden\n"
        "os.setresgid(1234, 1234, 1234); os.setresuid(1234, 1234, 1234)\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"  # as after exec; setresuid took it away
        "if sys.argv[1] == 'hard': harden(max_connections=1)\n"
        "if os.fork() == 0:\n"
        "    try: open(f'/proc/{os.getppid()}/mem', 'rb').close(); print('read')\n"
        "    except PermissionError: print('denied')\n"
        "else: os.wait()\n"
    )
    outcomes = [
        subprocess.run(
            [sys.executable, "-c", program, how],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout.strip()
        for how in ("soft", "hard")
    ]

    assert outcomes == ["read", "denied"]


def test_the_limit_of_open_files_is_raised_to_what_the_connections_need():
    held = hardened(
        "print(json.dumps([held.max_open_files, held.max_connections]))",
        nofile=(50, 4096),
        max_connections=1000,
    )

    assert held == [1128, 1000]


def test_where_the_system_gives_fewer_open_files_it_is_told():
    held = hardened(
        "print(json.dumps([held.max_open_files, held.max_connections]))",
        nofile=(50, 500),
        max_connections=1000,
    )

    assert held == [500, 372]


def test_a_limit_that_is_high_enough_is_left():
    held = hardened("print(json.dumps(held.max_open_files))", nofile=(4000, 4096))

    assert held == 4000


def test_whether_there_is_swap_is_asked_of_the_kernel():
    """As with ProcSubset=pid, which hides /proc/swaps: sysinfo(2) tells the same."""
    (held,) = hardened("print(json.dumps([held.no_swap]))")

    assert held == (len(Path("/proc/swaps").read_text().splitlines()) == 1)


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/a.slice/b.service\n", {"a.slice/b.service": "0\n"}, True),
        ("0::/a.slice/b.service\n", {"a.slice/b.service": "max\n"}, False),
        ("0::/a.slice/b.service\n", {"a.slice/b.service": "max\n", "a.slice": "0\n"}, True),
        ("0::/a.slice/b.service\n", {"another": "0\n"}, False),
        ("9:memory:/a\n0::/a\n", {"a": "0\n"}, True),
        ("9:memory:/a\n", {"a": "0\n"}, False),
        ("0::/\n", {}, False),
        (None, {"a": "0\n"}, False),
    ],
    ids=["none", "all", "none-around", "anothers", "hybrid", "version-1", "root", "hidden"],
)
def test_a_control_group_without_swap(tmp_path, groups, limits, expected):
    (tmp_path / "proc/self").mkdir(parents=True)
    if groups is not None:
        (tmp_path / "proc/self/cgroup").write_text(groups)
    for group, limit in limits.items():
        directory = tmp_path / "sys/fs/cgroup" / group
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "memory.swap.max").write_text(limit)

    assert group_may_not_swap(tmp_path) is expected
