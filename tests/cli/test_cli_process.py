"""What only real processes show: pipes, terminals, signals, descriptors, and what is imported."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from fake_daemon import HangUpError
from toy_daemon import OWN, wrapping_token

from cubbyd.cli.main import main

LONG_TO_LOAD = {
    "trio",
    "nacl",
    "asyncio",
    "cubbyd.cli.demo",
    "cubbyd.wire.connection",
    "getpass",
    "hashlib",
    "hmac",
    "pathlib",
    "platformdirs",
    "socket",
    "urllib",
    "locale",
    "platform",  # by uuid
    # Brought by inspect, which dataclasses of later Pythons need.
    *(["ast", "dis", "tokenize"] if sys.version_info < (3, 12) else []),
}
CUBBY = [sys.executable, "-c", "import sys; from cubbyd.cli.main import main; sys.exit(main())"]


@pytest.fixture(autouse=True)
def _daemon(daemon):
    return daemon


def cubby(*arguments, stdin=b"", **options):
    return subprocess.run(
        [*CUBBY, *arguments], input=stdin, capture_output=True, check=False, timeout=30, **options
    )


@contextmanager
def terminal():
    """A terminal's two ends: the person's and the program's."""
    person, program = pty.openpty()
    try:
        yield person, program
    finally:
        os.close(person)
        os.close(program)


def read_until(person, words):
    shown = b""
    while words not in shown:
        shown += os.read(person, 4096)
    return shown


def test_what_is_put_off_is_there_for_whoever_wants_it():
    """As a library may that is loaded later."""
    program = (
        "from cubbyd.cli.main import main\n"
        "import sys\n"
        "sys.argv = ['cubby', '--version']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import click, inspect, uuid\n"
        "print(uuid.UUID(int=1), click.UUID.convert(str(uuid.UUID(int=2)), None, None))\n"
        "print(inspect.cleandoc(' words'))\n"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    numbers = [f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2)]
    assert ran.stdout.decode().splitlines()[-2:] == [" ".join(numbers), "words"]


def test_a_pipe_hands_a_secret_over(place):
    secret = bytes(range(256))
    (place / "secret").write_bytes(secret)
    with subprocess.Popen([*CUBBY, "wrap", "key=@secret"], stdout=subprocess.PIPE) as wrap:
        unwrap = subprocess.run(
            [*CUBBY, "unwrap", "--field", "key"],
            stdin=wrap.stdout,
            capture_output=True,
            check=True,
            timeout=30,
        )

    assert unwrap.stdout == secret


def test_on_a_terminal_wrap_shows_a_table_and_a_value_ends_its_line():
    with terminal() as (person, program):
        subprocess.run([*CUBBY, "wrap", "a=b"], stdout=program, check=True, timeout=30)
        shown = read_until(person, b"wrapping_token_creation_path")
        assert b"Key" in shown

        token = wrapping_token(1).reveal()
        command = [*CUBBY, "unwrap", "--field", "a"]
        subprocess.run(command, input=token, stdout=program, check=True, timeout=30)
        assert read_until(person, b"\n").endswith(b"b\r\n")


def test_on_a_terminal_a_policy_is_read_as_it_was_written_and_steers_nothing(daemon, toy):
    toy.policies["p"] = '{\n\t"path": {}\n}\x1b[2J\n'
    with terminal() as (person, program):
        subprocess.run([*CUBBY, "policy", "read", "p"], stdout=program, check=True, timeout=30)
        shown = read_until(person, b"[2J")

    assert b"\x1b" not in shown
    assert b'{\r\n\t"path": {}\r\n}\\x1b[2J' in shown
    assert cubby("policy", "read", "p").stdout.decode() == toy.policies["p"]


def test_on_a_terminal_a_token_is_asked_for_and_not_shown():
    token = cubby("wrap", "a=b").stdout
    with terminal() as (person, program):
        with subprocess.Popen(
            [*CUBBY, "unwrap", "--field", "a"],
            stdin=program,
            stdout=subprocess.PIPE,
            stderr=program,
            start_new_session=True,
        ) as unwrap:
            shown = read_until(person, b"Wrapping token: ")
            os.write(person, token + b"\n")
            output, _ = unwrap.communicate(timeout=30)
        assert output == b"b"
        assert token not in shown


def test_nothing_typed_is_no_token():
    with terminal() as (person, program):
        with subprocess.Popen(
            [*CUBBY, "unwrap"], stdin=program, stderr=program, start_new_session=True
        ) as unwrap:
            read_until(person, b"Wrapping token: ")
            os.write(person, b"\n")
            assert unwrap.wait(30) == 2
        assert b"no token came" in read_until(person, b"--help")


def test_a_token_comes_from_a_descriptor(daemon):
    reader, writer = os.pipe()
    os.write(writer, OWN.encode() + b"\n")
    os.close(writer)

    result = cubby("token", "lookup", "--token-fd", str(reader), pass_fds=[reader])
    os.close(reader)

    assert result.returncode == 0
    assert daemon.requests[0].token.reveal_text() == OWN


def test_nobody_who_reads_is_no_reason_for_noise():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        result = subprocess.run(
            [*CUBBY, "status"], stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=30
        )

    assert (result.returncode, result.stderr) == (1, b"")


def to_a_full_disk(*arguments, stdin=b"", stream="stdout"):
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Path("/dev/full").open("wb") as full:
        options = pipe | {stream: full}
        return subprocess.run([*CUBBY, *arguments], input=stdin, check=False, timeout=30, **options)


@pytest.mark.parametrize(
    ("arguments", "what"), [("status", "answer"), ("--help", "output"), ("demo --help", "output")]
)
def test_a_full_disk_is_told(arguments, what):
    result = to_a_full_disk(*arguments.split())

    assert result.returncode == 1
    assert result.stderr == f"cubby: cannot write the {what}: No space left on device\n".encode()


def test_what_cannot_be_said_on_the_side_changes_nothing():
    token = cubby("wrap", "a=b").stdout.decode()

    shown = to_a_full_disk("unwrap", token, "--field", "a", stream="stderr")
    refused = to_a_full_disk("unwrap", token, "--field", "a", stream="stderr")

    assert (shown.returncode, shown.stdout) == (0, b"b")
    assert (refused.returncode, refused.stdout) == (6, b"")


@pytest.mark.parametrize("command", ["unwrap", pytest.param("rewrap", marks=pytest.mark.slow)])
def test_a_secret_that_cannot_be_shown_is_said_to_be_spent(command):
    token = cubby("wrap", "a=b").stdout
    full = to_a_full_disk(command, stdin=token)

    reader, writer = os.pipe()
    os.close(reader)
    token = cubby("wrap", "a=b").stdout
    with os.fdopen(writer, "wb") as stdout:
        unread = subprocess.run(
            [*CUBBY, command], input=token, stdout=stdout, stderr=subprocess.PIPE, check=False
        )

    for result in (full, unread):
        assert result.returncode == 1
        assert result.stderr.endswith(b"; the secret was spent\n")
        assert result.stderr.count(b"\n") == 1


def test_without_an_output_no_secret_is_asked_for(daemon):
    """It would be spent, and nobody would have it."""
    token = cubby("wrap", "a=b").stdout
    daemon.requests.clear()

    result = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *CUBBY, "unwrap"],
        input=token,
        stderr=subprocess.PIPE,
        check=False,
        timeout=30,
    )

    assert result.returncode == 1
    assert result.stderr == b"cubby: standard output is closed; nothing was sent\n"
    assert not daemon.requests


def test_an_interrupt_ends_a_command_quietly(daemon):
    asked, released = Event(), Event()

    def answer_late(_request):
        asked.set()
        assert released.wait(30)
        raise HangUpError

    daemon.handler = answer_late
    with subprocess.Popen([*CUBBY, "status"], stderr=subprocess.PIPE) as command:
        assert asked.wait(30)
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=30)
    released.set()

    assert command.returncode == 130
    assert errors.strip() == b""


def test_an_interrupt_while_it_starts_ends_a_command_quietly():
    program = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from cubbyd.cli.main import main
sys.exit(main())
"""
    result = subprocess.run(
        [sys.executable, "-c", program, "status"], capture_output=True, check=False, timeout=30
    )

    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    monkeypatch.delenv("CUBBY_SOCKET")
    for name in [name for name in os.environ if name == "HOME" or name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    program = """
import pwd, sys
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
from cubbyd.cli.main import main
sys.exit(main())
"""
    result = subprocess.run(
        [sys.executable, "-c", program, "status"], capture_output=True, check=False, timeout=30
    )

    assert (result.returncode, result.stdout) == (2, b"")
    assert b"HOME" in result.stderr
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("words", [[], ["unwrap"], ["token", "create"]], ids=" ".join)
def test_what_a_command_put_off_comes_when_its_help_needs_it(words, capsys):
    assert main([*words, "--help"]) == 0

    told = cubby(*words, "--help")

    assert (told.returncode, told.stderr) == (0, b"")
    assert told.stdout.decode() == capsys.readouterr().out


@pytest.mark.parametrize("around", [b"%s\n", b"%s\r\n", b"%s\n\n", b"  %s", b"\t%s \n"], ids=ascii)
def test_blanks_around_a_token_are_no_part_of_it(place, around):
    (place / "token").write_bytes(around % cubby("wrap", "a=b").stdout)

    assert cubby("unwrap", "--token-file", "token", "--field", "a").stdout == b"b"


@pytest.mark.parametrize(
    "arguments",
    [
        ["read", "cubbyhole/\udcff"],
        ["write", "cubbyhole/a", "\udcff=b"],
        ["token", "create", "--display-name", "\udcff"],
        ["wrap", "a=b", "--wrap-ttl", "\udcff"],
    ],
    ids=ascii,
)
def test_text_that_is_not_unicode_is_called_so_and_not_sent(daemon, arguments):
    result = cubby(*arguments)

    assert result.returncode == 2
    assert b"UTF-8" in result.stderr
    assert result.stderr.count(b"\n") == 1
    assert not daemon.requests


@pytest.mark.parametrize(
    "arguments",
    [
        "unwrap",
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in (
                "wrap a=b",
                "read cubbyhole/a",
                "token lookup",
                "token renew",
                "token capabilities a",
                "policy read default",
                "random --wrap-ttl 60s",
            )
        ),
    ],
)
def test_no_command_brings_what_takes_long_to_load(arguments):
    program = f"""
import sys
before = set(sys.modules)
from cubbyd.cli.main import main
main()
print(*{LONG_TO_LOAD} & (sys.modules.keys() - before), file=sys.stderr)
"""
    token = cubby("wrap", "a=b").stdout
    cubby("write", "cubbyhole/a", "a=b")

    result = subprocess.run(
        [sys.executable, "-c", program, *arguments.split()],
        input=token,
        capture_output=True,
        check=True,
        timeout=30,
    )

    assert result.stderr == b"\n"
