"""What the benchmark says of the parts of a request's time."""

import subprocess
import sys
from pathlib import Path
from time import process_time

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from process_figures import cpu_seconds, user_and_system_seconds
from where import PARTS, parts_of, table

ROOT = Path(__file__).parents[1]
SAMPLES = [
    "main (cli/serve.py:1);run (trio/_core/_run.py:9);read (/x/cubbyd/logical/cubbyhole.py:3) 30",
    "main (cli/serve.py:1);run (trio/_core/_run.py:9);unseal (/x/cubbyd/crypto/sealing.py:3) 20",
    "run (trio/_core/_run.py:9);read (cubbyd/logical/x.py:3);__init__ (dataclasses.py:1) 5",
    "run (trio/_core/_run.py:9) 44",
    "main (cli/serve.py:1) 1",
]


def test_a_sample_counts_for_the_innermost_part():
    assert sorted(parts_of(SAMPLES).values()) == [1, 20, 35, 44]


def test_the_process_that_writes_to_the_disk_is_around_the_disks_calls():
    """What forked it has a stack as well, and comes first."""
    daemon = 'process 1:"python -m cubbyd.cli.serve";process 2:"python -m cubbyd.cli.serve"'
    stack = "main (cubbyd/cli/serve.py:1);opened (cubbyd/daemon.py:1)"
    child = "be_the_disk (cubbyd/store/disk_worker.py:1);sendall (socket.py:1)"

    assert parts_of([f"{daemon};{stack};{child} 7"]) == {"around the disk's calls": 7}


def test_no_part_names_a_file_that_is_gone():
    """What is looked for in vain counts for another part."""
    here = {path.as_posix() for path in ROOT.glob("cubbyd/**/*")}
    ours = [mark for _, marks in PARTS for mark in marks if mark.startswith(("cubbyd/", "store/"))]

    assert len(ours) > 10
    assert [mark for mark in ours if not any(mark.rstrip("/") in path for path in here)] == []


def test_the_parts_of_a_request_add_up():
    parts = [line.split("|")[1:4] for line in table(0.0002, 0.25, parts_of(SAMPLES))][2:]
    *parts, whole = [
        (float(share.strip(" *%")), float(cpu.strip(" *µs"))) for _, share, cpu in parts
    ]

    assert whole == (100, 200)
    assert sum(share for share, _ in parts) == pytest.approx(100, abs=0.3)
    assert sum(cpu for _, cpu in parts) == pytest.approx(200, abs=3)


def test_the_kernels_share_is_what_the_kernel_says():
    program = "import os, time; [os.urandom(10**6) for _ in range(300)]; input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        deadline = process_time() + 5
        while user_and_system_seconds(process.pid)[1] < 0.05 and process_time() < deadline:
            pass
        user, system = user_and_system_seconds(process.pid)
        spent = cpu_seconds(process.pid)
        process.communicate(b"\n")

    assert system > user
    assert user + system == pytest.approx(spent, abs=0.05)
