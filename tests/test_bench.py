"""The benchmark counts right: what is slow it calls slow, and what was answered it counts.

Real processes and real time, so these bounds are wide; a real OpenBao is asked at the end.
"""

import random
import re
import socket
import subprocess
import sys
import threading
from array import array
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from time import process_time

import pytest

BENCH = Path(__file__).parents[1] / "bench"
sys.path.insert(0, str(BENCH))

from clients import FRAMINGS, Ask, Disk, Line, Pair, Slice, WrongAnswerError, spend  # noqa: E402
from crew import Crew, figures, quantile  # noqa: E402
from goals import Goal, ratio, verdicts  # noqa: E402
from measure import Measured  # noqa: E402
from peers.echo import echo  # noqa: E402
from picture import drawn  # noqa: E402
from process_figures import cpu_seconds  # noqa: E402
from report import Report, put_into  # noqa: E402

FRAME = b"\x00\x00\x00\x06answer"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
EMPTY = b"HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n"


def asking(path, **more):
    line = Line(socket=str(path), framing="cbor", hello=FRAME)
    return Ask(**{"line": line, "request": FRAME, "expected": b"answer", **more})


class FakeServer:
    """Sends one piece after the other, each for something that it received; keeps what that was."""

    def __init__(self, path, pieces):
        self.received = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.pieces = pieces
        self.thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listener.close()

    def _serve(self):
        connection, _ = self.listener.accept()
        with connection:
            for piece in self.pieces:
                self.received.append(connection.recv(65536))
                connection.sendall(piece)


# -- what is counted


def test_what_a_server_answered_is_what_is_counted(tmp_path):
    path = tmp_path / "socket"
    with FakeServer(path, [FRAME] * 38) as server:
        task = asking(path, line=Line(socket=str(path), framing="cbor"))
        with task.opened() as (prepare, turn):
            done = spend(prepare, turn, seconds=3600, most=37)
            turn()

    assert len(done.times) == 37
    assert len(server.received) == 38


def test_time_ends_a_slice_and_its_last_turn_counts():
    done = spend(None, lambda: None, seconds=0)

    assert len(done.times) == 1


def test_the_rate_is_that_of_all_clients_together():
    slices = [
        Slice(times=array("d", [0.1] * 10), cpu_seconds=0.5),
        Slice(times=array("d", [0.2] * 5), cpu_seconds=0.25),
    ]

    made = figures(slices, 16, server_seconds=2.4)

    assert made.requests == 16 * 15
    assert made.rate == pytest.approx(16 * (10 + 5))
    assert made.server_cpu == pytest.approx(0.01)
    assert made.client_cpu == pytest.approx(0.75 / 240)
    assert made.times == sorted(made.times)
    assert (made.quantile(0.5), made.quantile(0.99)) == (0.1, 0.2)


@pytest.mark.parametrize(
    ("size", "share", "expected"),
    [(1, 0.99, 1), (100, 0.5, 50), (100, 0.99, 99), (101, 0.99, 100), (1000, 0.99, 990), (2, 0, 1)],
)
def test_a_quantile_is_one_of_the_samples(size, share, expected):
    assert quantile(range(1, size + 1), share) == expected


def test_quantiles_agree_with_those_of_the_standard_library():
    samples = sorted(random.Random(7).expovariate(1) for _ in range(9999))  # noqa: S311

    assert quantile(samples, 0.99) == pytest.approx(quantiles(samples, n=100)[98], rel=0.01)


def test_the_cpu_of_a_process_is_what_it_says_itself():
    program = "sum(range(10**6)); import time; print(time.process_time(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        said = float(process.stdout.readline())
        seen = cpu_seconds(process.pid)
        process.communicate(b"\n")

    assert said <= seen < said + 0.1


def test_what_a_client_spends_is_its_own_cpu():
    def work_for_a_while():
        until = process_time() + 0.05
        while process_time() < until:
            pass

    assert 0.05 <= spend(None, work_for_a_while, seconds=0).cpu_seconds < 0.1


# -- what is understood


@pytest.mark.parametrize("framing", ["cbor", "http"])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_answers_are_found_however_they_arrive(tmp_path, framing, size):
    """Three answers to three requests at once, in pieces of any size."""
    whole = FRAME * 3 if framing == "cbor" else OK + EMPTY + OK
    client, server = socket.socketpair()
    pieces = [whole[begin : begin + size] for begin in range(0, len(whole), size)]

    def serve():
        for piece in pieces:
            server.sendall(piece)

    thread = threading.Thread(target=serve)
    with client, server:
        thread.start()
        received = FRAMINGS[framing](lambda most: client.recv(min(most, size)), 3)
        thread.join()

    assert received == whole


@pytest.mark.parametrize(
    "pieces", [[b"\x00\x00\x00\x05error"], [b""], [FRAME + FRAME]], ids=["other", "end", "two"]
)
def test_a_wrong_answer_is_no_measurement(tmp_path, pieces):
    path = tmp_path / "socket"
    task = asking(path, line=Line(socket=str(path), framing="cbor"))

    with (
        FakeServer(path, pieces),
        task.opened() as (_, turn),
        pytest.raises(WrongAnswerError),
    ):
        turn()


def test_a_pair_asks_about_the_token_that_it_was_given(tmp_path):
    path = tmp_path / "socket"
    made = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"token":"abc"}'
    pair = Pair(
        line=Line(socket=str(path), framing="http"),
        first=b"make",
        mark=b'"token":"',
        size=3,
        second=(b"<", b">"),
        expected=b"fine",
    )

    with FakeServer(path, [made, OK]) as server, pair.opened() as (_, turn):
        turn()

    assert server.received == [b"make", b"<abc>"]


@pytest.mark.parametrize(("then_remove", "left"), [(True, []), (False, ["name"])])
def test_the_bare_calls_leave_what_the_change_leaves(tmp_path, then_remove, left):
    task = Disk(directory=str(tmp_path), name="name", size_bytes=99, then_remove=then_remove)

    with task.opened() as (_, turn):
        turn()
        turn()

    assert [path.name for path in tmp_path.iterdir()] == left
    assert all(path.stat().st_size == 99 for path in tmp_path.iterdir())


# -- several processes


@pytest.mark.slow
@pytest.mark.parametrize("clients", [1, 3])
def test_a_server_that_is_slowed_down_shows_it(tmp_path, clients):
    """Over each frame it sleeps for 5 ms and holds everybody up: so its rate is at most 200."""
    delay = 0.005
    with (
        Crew(clients) as crew,
        echo(tmp_path, delay) as slow,
        crew.on([asking(slow.socket)] * clients) as shift,
    ):
        made = shift.spend(1.0, lambda: cpu_seconds(slow.pid))

    assert 50 < made.rate <= 1 / delay
    assert delay * clients * 0.9 <= made.quantile(0.5) < 4 * delay * clients
    assert made.server_cpu < delay / 2
    assert made.requests == pytest.approx(made.rate, rel=0.3)


@pytest.mark.slow
def test_beside_one_that_is_not_it_is_as_much_slower(tmp_path):
    delay = 0.005
    (tmp_path / "slow").mkdir()
    with Crew(1) as crew, echo(tmp_path) as quick, echo(tmp_path / "slow", delay) as slow:
        medians = []
        for side in (quick, slow, quick, slow):
            with crew.on([asking(side.socket)]) as shift:
                medians.append(shift.spend(0.5).quantile(0.5))

    for before, after in (medians[:2], medians[2:]):
        assert delay <= after - before < 2 * delay


@pytest.mark.slow
def test_requests_at_once_are_counted_each(tmp_path):
    with (
        Crew(2) as crew,
        echo(tmp_path) as server,
        crew.on([asking(server.socket, weight=16)] * 2) as shift,
    ):
        made = shift.spend(3600, most=10)

    assert made.requests == 2 * 16 * 10
    assert len(made.times) == 2 * 10


@pytest.mark.slow
def test_a_client_that_is_refused_stops_the_run(tmp_path):
    with Crew(1) as crew, echo(tmp_path) as server:
        task = asking(server.socket, expected=b"something else")
        with pytest.raises(SystemExit, match="WrongAnswerError"), crew.on([task]):
            pytest.fail("it began")


# -- the report


def measured(side, rates, **more):
    slices = [
        figures([Slice(times=array("d", [1 / rate] * 10), cpu_seconds=0.1)], 1, 1.0)
        for rate in rates
    ]
    return replace(Measured.of("read", 1, side, slices), **more)


READ = [
    measured("cubbyd", [310.0, 200.0, 500.0]),
    measured("openbao", [100.0, 100.0, 100.0]),
    measured("echo", [1000.0, 1000.0, 1000.0]),
]


def test_a_ratio_is_the_median_of_the_rounds_with_its_spread():
    goal = Goal(workload="read", words="", bound=3)

    found = ratio(goal, READ, 1)

    assert (found.median, found.least, found.most) == pytest.approx((3.1, 2, 5))
    assert ratio(goal, READ, 4) is None


def test_a_goal_is_reached_or_missed_by_the_median():
    met = {title: is_met for title, _, is_met in verdicts(READ, [1])}

    assert met == {
        "read: at least 3 x OpenBao": True,
        "read: at most 1/4 of OpenBao's CPU": False,
        "read: at least 65% of the echo": False,
        "read: at most 1/2 of OpenBao's p99": True,
    }


def a_report(load="0.10"):
    sizes = {"all": 30.0, "own": 20.0, "files": 10.0}
    memory = {"idle": {"cubbyd": sizes, "openbao": {**sizes, "all": 60.0}}}
    machine = {"processor": "<one>", "cores": "2", "date": "today", "load before": load}
    return Report(machine=machine, plan={"rounds": 3}, measured=READ, memory=memory)


def test_a_report_survives_its_file(tmp_path):
    a_report().write(tmp_path / "report.json")

    assert Report.read(tmp_path / "report.json") == a_report()


def test_the_tables_say_what_was_asked_and_what_was_reached():
    tables = a_report().tables()

    assert "| read: at least 3 x OpenBao" in tables
    assert "3.10 (2.00 to 5.00)" in tables
    assert "resident memory idle: at most 1/2 of OpenBao's | 0.50" in tables
    assert tables.count("**missed**") == 2


def test_the_tables_of_a_busy_machine_say_so():
    assert "Other programs" not in a_report().tables()
    assert "Other programs" in a_report(load="1.50").tables()


def test_the_picture_is_xml_and_escapes_what_it_shows():
    text = drawn(a_report())

    assert text.startswith("<svg ")
    assert "&lt;one&gt;" in text
    assert text.count("<circle") == len(READ)


@pytest.mark.parametrize("name", ["table", "table with many tokens"])
def test_tables_are_put_between_their_marks(tmp_path, name):
    page = tmp_path / "page.md"
    text = "".join(f"<!-- {each} -->\nold\n<!-- end of {each} -->\n" for each in ("table", "other"))
    page.write_text(f"before\n{text.replace('other', 'table with many tokens')}after\n")

    put_into(page, "new", name)

    assert f"<!-- {name} -->\n\nnew\n\n<!-- end of {name} -->" in page.read_text()
    assert page.read_text().count("old") == 1


# -- all of it


@pytest.mark.conformance
def test_the_whole_comparison_runs(tmp_path):
    """With a real OpenBao. Times are told, not judged."""
    plan = ["--clients", "2", "--rounds", "1", "--seconds", "0.05", "--wraps", "10"]
    files = ["--json", tmp_path / "all.json", "--svg", tmp_path / "all.svg"]
    command = [sys.executable, BENCH / "compare.py", *plan, *files]

    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    report = Report.read(tmp_path / "all.json")
    assert len({each.workload for each in report.measured}) == 9
    assert all(each.requests >= 1 and each.rate > 0 for each in report.measured)
    assert all(each.server_cpu > 0 for each in report.measured if each.side != "bare")
    assert report.memory.keys() == {"idle", "after the run", "with live wraps"}
    assert (tmp_path / "all.svg").stat().st_size > 0
    sys.stdout.write(ran.stdout)  # shown by -rP


@pytest.mark.slow
def test_a_profiler_is_told_which_process_it_is():
    command = [sys.executable, BENCH / "drive.py", "read", "--seconds", "0.2"]

    ran = subprocess.run(
        [*command, "--", "ls", "/proc/PID/comm"], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^/proc/\d+/comm$", ran.stdout, re.MULTILINE)
    assert "a second; median" in ran.stdout
