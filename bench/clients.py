"""What a client process does: one thing again and again, and how long each took.

A client must not hide the server behind its own work, for both share the machine. So a request's
bytes are made beforehand (``doors.py``), an answer is looked through only for a few bytes that it
must hold, and nothing of cubbyd is imported here.
"""

import gc
import os
import re
import resource
import socket
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from time import perf_counter, process_time, sleep
from typing import Protocol

RECEIVE_BYTES = 65_536
HEADER_BYTES = 4
NEVER = 2**62
"""More than anybody does in a slice."""

Step = Callable[[], object]


class WrongAnswerError(Exception):
    """A server said something else than what is measured."""


class Task(Protocol):
    """What is done again and again; travels to a client process."""

    weight: int
    """Requests in one turn of it, or pairs of them where a pair is what is measured."""

    def opened(self) -> "Opened":
        """Ready to begin: what to do before each turn, untimed, and the turn itself."""


Opened = Iterator[tuple[Step | None, Step]]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A connection to a server, and in which of the two framings it talks."""

    socket: str
    framing: str
    hello: bytes = b""
    """Sent first, and not answered: the echo is told so what to say."""

    @contextmanager
    def opened(self) -> Iterator[tuple[Callable[[bytes], None], Callable[[int], bytes]]]:
        """Two functions: to send, and to receive so many answers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.socket)
            connection.sendall(self.hello)
            yield connection.sendall, partial(FRAMINGS[self.framing], connection.recv)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request, the same again and again; or so many of them at once."""

    line: Line
    request: bytes
    expected: bytes
    """What a good answer holds."""
    weight: int = 1

    @contextmanager
    def opened(self) -> "Opened":
        """See ``Task``."""
        with self.line.opened() as (send, receive):
            requests, expected, weight = self.request * self.weight, self.expected, self.weight

            def turn() -> bytes:
                send(requests)
                answers = receive(weight)
                if answers.count(expected) != weight:
                    raise WrongAnswerError(answers[:500])
                return answers

            yield None, turn


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A request that makes a token, and one that is about that token."""

    line: Line
    first: bytes
    mark: bytes
    """What stands before the token in the answer."""
    size: int
    """The token's length."""
    second: tuple[bytes, bytes]
    """What comes before and after the token."""
    expected: bytes
    """What a good answer to the second holds."""
    weight: int = 1

    @contextmanager
    def opened(self) -> "Opened":
        """See ``Task``."""
        with self.line.opened() as (send, receive):
            make = self.maker(send, receive)
            before, after = self.second
            expected = self.expected

            def turn() -> None:
                send(before + make() + after)
                answer = receive(1)
                if expected not in answer:
                    raise WrongAnswerError(answer[:500])

            yield None, turn

    def maker(
        self, send: Callable[[bytes], None], receive: Callable[[int], bytes]
    ) -> Callable[[], bytes]:
        """The first half, which returns the token."""
        first, mark, size = self.first, self.mark, self.size

        def make() -> bytes:
            send(first)
            answer = receive(1)
            begin = answer.find(mark) + len(mark)
            if begin < len(mark):
                raise WrongAnswerError(answer[:500])
            return answer[begin : begin + size]

        return make


@dataclass(frozen=True, kw_only=True)
class Command:
    """A whole process that is handed a token in its environment; making the token is not timed."""

    pair: Pair
    argv: tuple[str, ...]
    environment: dict[str, str]
    variable: str
    weight: int = 1

    @contextmanager
    def opened(self) -> "Opened":
        """See ``Task``."""
        environment = dict(self.environment)
        quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
        with self.pair.line.opened() as (send, receive):
            make = self.pair.maker(send, receive)

            def prepare() -> None:
                environment[self.variable] = make().decode()

            def turn() -> None:
                pid = os.posix_spawn(self.argv[0], self.argv, environment, file_actions=quiet)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                if status:
                    raise WrongAnswerError(f"{self.argv[0]} ended with {status}")

            yield prepare, turn


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The bare system calls of a durable change; with ``then_remove``, of the two of a pair."""

    directory: str
    name: str
    size_bytes: int
    then_remove: bool
    weight: int = 1

    @contextmanager
    def opened(self) -> "Opened":
        """See ``Task``."""
        data = os.urandom(self.size_bytes)
        staged, name = f"{self.name}.staged", self.name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)

        def turn() -> None:
            fd = os.open(staged, flags, 0o600, dir_fd=directory)
            os.write(fd, data)
            os.fsync(fd)
            os.close(fd)
            os.rename(staged, name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
            if self.then_remove:
                os.unlink(name, dir_fd=directory)
                os.fsync(directory)

        try:
            yield None, turn
        finally:
            os.close(directory)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What one client did in one slice of time."""

    times: array = field(repr=False)
    """Seconds of each turn."""
    cpu_seconds: float
    """Of the client itself and of the processes that it ran."""


def spend(prepare: Step | None, turn: Step, *, seconds: float, most: int = NEVER) -> Slice:
    """Take turns until the time is over, or until there were so many; one at least."""
    times = array("d")
    cpu_before = _cpu_seconds()
    began = perf_counter()
    until = began + seconds
    while len(times) < most:
        if prepare is not None:
            prepare()
            began = perf_counter()
        turn()
        ended = perf_counter()
        times.append(ended - began)
        if ended >= until:
            break
        began = ended
    return Slice(times=times, cpu_seconds=_cpu_seconds() - cpu_before)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


def work(pipe: Connection) -> None:
    """A client process: one task after the other, as ``crew.py`` says."""
    gc.disable()
    with suppress(EOFError):  # the parent has gone
        _work(pipe)


def _work(pipe: Connection) -> None:
    for task in iter(pipe.recv, None):
        try:
            with task.opened() as (prepare, turn):
                spend(prepare, turn, seconds=0, most=1)
                pipe.send(None)
                for begin, seconds, most in iter(pipe.recv, None):
                    sleep(max(0.0, begin - perf_counter()))
                    pipe.send(spend(prepare, turn, seconds=seconds, most=most))
        except (WrongAnswerError, OSError) as error:
            pipe.send(f"{type(task).__name__}: {error!r}")
            return


def _frames(receive: Callable[[int], bytes], count: int) -> bytes:
    """So many frames: a length in four bytes, and what it counts."""
    data = receive(RECEIVE_BYTES)
    position = 0
    while True:
        body = position + HEADER_BYTES
        end = body + int.from_bytes(data[position:body], "big")
        if len(data) >= body and len(data) >= end:
            position, count = end, count - 1
            if not count:
                break
        else:
            data += _more(receive)
    if position != len(data):
        raise WrongAnswerError("more than was asked for")
    return data


_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)")
_NO_CONTENT = b"HTTP/1.1 204"


def _http(receive: Callable[[int], bytes], count: int) -> bytes:
    """So many HTTP answers that say their length, as both servers' do where they are short."""
    data = receive(RECEIVE_BYTES)
    position = 0
    while True:
        head = data.find(b"\r\n\r\n", position) + 4
        if head >= 4:
            length = _LENGTH.search(data, position, head)
            if length is None and not data.startswith(_NO_CONTENT, position):
                raise WrongAnswerError(data[:500])
            end = head + (int(length[1]) if length else 0)
        if head >= 4 and len(data) >= end:
            position, count = end, count - 1
            if not count:
                break
        else:
            data += _more(receive)
    if position != len(data):
        raise WrongAnswerError("more than was asked for")
    return data


def _more(receive: Callable[[int], bytes]) -> bytes:
    data = receive(RECEIVE_BYTES)
    if not data:
        raise WrongAnswerError("the server has closed the connection")
    return data


FRAMINGS = {"cbor": _frames, "http": _http}
