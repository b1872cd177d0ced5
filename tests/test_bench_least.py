"""The server that does the least does what it is measured for, asked in cubbyd's own bytes.

Real processes and real files; no time is judged.
"""

import os
import sys
from array import array
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import cbor2
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from clients import Ask, Slice
from crew import figures
from doors import CborDoor
from goals import OF_RATE, verdicts
from measure import Measured
from peers.cubbyd import SIZES, cubbyd
from peers.echo import SERVER
from peers.least import least
from peers.serving import serving
from report import Report
from workloads import DATA, PATH, WORKLOADS, WRAP_TTL

FILE_BYTES = {"write": 864, "wrap": 900, "token": 568}
TOKEN, OTHER = ("cbys_" + letter * (SIZES.service - 5) for letter in "ab")


class Asking:
    """Requests to one server, as cubbyd's client makes them."""

    def __init__(self, server):
        self.door = CborDoor(server.socket, TOKEN, SIZES)
        self.files = server.store

    @contextmanager
    def connected(self):
        with self.door.line().opened() as functions:
            yield functions

    def __call__(self, *asked, **more):
        with self.connected() as (send, receive):
            send(self.door.request(*asked, **more))
            return decoded(receive(1))[0]

    def wrap(self):
        return self("write", "sys/wrapping/wrap", DATA, wrap_ttl=WRAP_TTL)["wrap_info"]["token"]

    def unwrap(self, token):
        return self("write", "sys/wrapping/unwrap", token=token)

    def file_that_comes_with(self, change):
        """What the change returns, and the one file that it makes."""
        before = set(self.files.iterdir())
        made = change()
        (path,) = set(self.files.iterdir()) - before
        return made, path


def decoded(frames):
    found = []
    while frames:
        end = 4 + int.from_bytes(frames[:4], "big")
        found.append(cbor2.loads(frames[4:end]))
        frames = frames[end:]
    return found


@pytest.fixture
def directory():
    """A short one: a socket's path has little room."""
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def ask(directory):
    with least(directory, [TOKEN, OTHER], FILE_BYTES) as server:
        yield Asking(server)


def changed(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    made_later(path)


def made_later(path):
    """Two changes within a tick of the clock would look like one."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


# -- it does what it answers


def test_what_was_written_is_read(ask):
    for secret in ("one", "two"):
        ask("write", PATH, {"password": secret})

        assert ask("read", PATH)["data"] == {"password": secret}


def test_a_wrapped_secret_leaves_once(ask):
    token, path = ask.file_that_comes_with(ask.wrap)

    assert ask.unwrap(token)["data"] == DATA
    assert not path.exists()
    assert ask.unwrap(token)["error"]["code"] == "permission_denied"


def test_a_revoked_token_is_refused(ask):
    def create():
        made = ask("write", "auth/token/create", {"policies": ["default"], "ttl": "1h"})
        return made["auth"]["client_token"]

    token, path = ask.file_that_comes_with(create)
    assert "error" not in ask("write", PATH, DATA, token=token)

    assert "error" not in ask("write", "auth/token/revoke", {"token": token})

    assert not path.exists()
    for asked in (("read", PATH), ("write", PATH, DATA), ("write", "sys/wrapping/wrap", DATA)):
        assert "error" in ask(*asked, token=token, wrap_ttl=WRAP_TTL)


def test_what_lies_on_the_disk_is_sealed_and_as_large_as_it_was_told(ask):
    ask("write", PATH, DATA)
    token, wrapped = ask.file_that_comes_with(ask.wrap)

    sizes = sorted(path.stat().st_size for path in ask.files.iterdir())

    assert sizes == sorted(FILE_BYTES.values())
    for path in ask.files.iterdir():
        assert not any(word in path.read_bytes() for word in (b"horse", b"password", b"secret"))
        assert path.stat().st_mode & 0o777 == 0o600
    assert token[5:21].encode() not in wrapped.read_bytes()


# -- the disk has the last word


@pytest.mark.parametrize("at", [0, 24, -1], ids=["nonce", "ciphertext", "tag"])
def test_a_file_that_was_tampered_with_is_refused(ask, at):
    token, path = ask.file_that_comes_with(ask.wrap)

    changed(path, at)

    assert "error" in ask.unwrap(token)
    changed(path, at)
    assert ask.unwrap(token)["data"] == DATA


@pytest.mark.parametrize("size", [0, 24, 39, 40])
def test_a_file_that_was_cut_is_refused(ask, size):
    token, path = ask.file_that_comes_with(ask.wrap)

    os.truncate(path, size)
    made_later(path)

    assert "error" in ask.unwrap(token)


def test_a_file_does_not_open_under_the_name_of_another(ask):
    token, path = ask.file_that_comes_with(ask.wrap)
    _, other = ask.file_that_comes_with(ask.wrap)

    other.rename(path)

    assert "error" in ask.unwrap(token)


def test_a_token_whose_file_is_gone_is_refused(ask):
    ask("write", PATH, DATA)

    for path in ask.files.iterdir():
        path.unlink()

    assert "error" in ask("read", PATH)


# -- on the wire


@pytest.mark.parametrize("size", [1, 50, 300, 10**6])
def test_requests_at_once_are_answered_in_their_order(ask, size):
    """However they are cut."""
    tokens = [TOKEN, OTHER] * 5
    for token in tokens[:2]:
        ask("write", PATH, {"of": token}, token=token)
    requests = b"".join(ask.door.request("read", PATH, token=token) for token in tokens)

    with ask.connected() as (send, receive):
        for begin in range(0, len(requests), size):
            send(requests[begin : begin + size])
        answers = decoded(receive(len(tokens)))

    assert [answer["data"]["of"] for answer in answers] == tokens


def test_a_client_that_goes_takes_nobody_with_it(ask):
    request = ask.door.request("write", PATH, DATA)
    with ask.connected() as (send, _):
        send(request * 100 + request[:9])

    for _ in range(3):  # the first may come before it is noticed
        assert "error" not in ask("write", PATH, DATA)


def test_it_is_asked_and_answers_in_as_many_bytes_as_cubbyd(directory):
    """All that the benchmark asks of it, and the files."""
    names = [name for name, work in WORKLOADS.items() if "least" in work.sides]
    with cubbyd(directory, 1, 0) as ours, least(directory, ours.tokens, ours.file_bytes) as server:
        for name in sorted(names, key=lambda name: name != "write"):
            task = ours.task(name, 0)

            assert bytes_of(server.task(task)) == bytes_of(task)
        (path,) = server.store.iterdir()
        assert path.stat().st_size == ours.file_bytes["write"]

    assert {*names} == {"read", "pipelined", "write", "wrap", "token"}


def bytes_of(task):
    """How many are sent and received in one turn, each time."""
    sizes = []
    with task.line.opened() as (send, receive):

        def told(request):
            send(request)
            answer = receive(task.weight)
            sizes.append((len(request), len(answer)))
            return answer

        if isinstance(task, Ask):
            answers = told(task.request * task.weight)
            assert answers.count(task.expected) == task.weight
        else:
            made = told(task.first)
            begin = made.index(task.mark) + len(task.mark)
            before, after = task.second
            assert task.expected in told(before + made[begin : begin + task.size] + after)
    return sizes


# -- the report


def measured(side, rates):
    turns = [Slice(times=array("d", [1 / rate] * 10), cpu_seconds=0.1) for rate in rates]
    return Measured.of("read", 1, side, [figures([each], 1, 1.0) for each in turns])


READ = [
    measured("cubbyd", [310.0, 200.0, 500.0]),
    measured("openbao", [100.0, 100.0, 100.0]),
    measured("echo", [1000.0, 1000.0, 1000.0]),
]
LEAST = measured("least", [640.0, 600.0, 700.0])


def report(sides):
    machine = {"load before": "0.10"}
    return Report(machine=machine, plan={}, measured=sides, memory={})


def test_the_least_is_held_to_the_same_goals_of_rate():
    found = verdicts([*READ, LEAST], [1], goals=OF_RATE, side="least")

    assert [(title, str(ratios[1]), met) for title, ratios, met in found] == [
        ("read: at least 3 x OpenBao", "6.40 (6.00 to 7.00)", True),
        ("read: at least 65% of the echo", "0.64 (0.60 to 0.70)", False),
    ]


def test_its_goals_have_a_table_of_their_own():
    with_it = report([*READ, LEAST]).tables()

    assert "| the same goals for the server that does the least | 1 client " in with_it
    assert "| 0.64 (0.60 to 0.70) | **missed** |" in with_it
    assert "the least" not in report(READ).tables()


def test_a_server_that_cannot_begin_is_not_waited_for(tmp_path):
    path = tmp_path / "no such directory" / "echo.sock"

    with (
        pytest.raises(SystemExit, match=r"echo_server\.py ended with status 1"),
        serving(SERVER, path, "0"),
    ):
        raise AssertionError("it serves")
