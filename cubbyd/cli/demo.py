"""``cubby demo``: the main job told as a true story, by real processes, in a few seconds.

Everything happens in a private temporary directory with a daemon of its own, and is gone at the
end, however the end comes. Only SIGKILL leaves the directory, but no daemon, and nothing of the
user's file in clear: that goes from process to process through pipes.
"""

import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import click

from cubbyd import codec
from cubbyd.cli.exit_codes import Exit
from cubbyd.cli.invocation import examples
from cubbyd.cli.quick import command
from cubbyd.core.token import is_accessor
from cubbyd.settings import LimitSettings

SAMPLE_BYTES: Final = 4096
"""Size of the binary file that is made up when none is given."""
MAX_FILE_BYTES: Final = LimitSettings().max_cubbyhole_bytes - 1024
"""Of the user's file: what a daemon keeps for one token unless it is configured otherwise, less
room for the password, the names and the rest of a wrapped answer."""
TELLING_BYTES: Final = 16
"""Length from which a secret is not found in a file by chance."""
SHORT_TTL: Final = 1
"""Seconds that the secret which is to expire lives: the least there is."""
PATIENCE: Final = 5.0
"""Seconds to wait for what takes one; a machine may be busy."""
POLL: Final = 0.05
"""Seconds between two looks at something that happens in another process."""
ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""The signals with which somebody, or the end of a terminal, asks a program to stop."""


class StoryError(click.ClickException):
    """Something in the story did not happen as it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the story plays: a daemon's socket and store."""

    socket: Path
    store: Path

    def cubby(self, *words: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        """Run a ``cubby`` command in a process of its own; what is secret goes in by stdin."""
        command = [sys.executable, "-m", "cubbyd.cli.main", "--socket", str(self.socket), *words]
        return subprocess.run(  # noqa: S603 - our own program and our own words
            command, input=stdin, capture_output=True, env=_environment(), check=False
        )

    def token_files(self) -> list[Path]:
        """The sealed files of living tokens."""
        return [path for path in self.store.iterdir() if is_accessor(path.name)]


@command(epilog=examples("cubby demo", "cubby demo ~/.ssh/id_ed25519"))
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def demo(file: Path | None) -> None:
    """Show the main job with real processes, and leave nothing behind.

    A daemon is started in a private temporary directory; one process wraps a generated password
    and a binary file (FILE, or a made-up one), another unwraps them, a third comes too late.
    """
    content = secrets.token_bytes(SAMPLE_BYTES) if file is None else _content(file)
    for ending in ENDINGS:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as under nohup
            signal.signal(ending, _interrupt)
    with _private_directory() as directory, _daemon(directory) as stage:
        _tell(stage, directory, content)
    click.echo(_what_next())


def _content(file: Path) -> bytes:
    try:
        # A FIFO would have us wait for its writer.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            is_regular = stat.S_ISREG(os.fstat(opened.fileno()).st_mode)
            content = opened.read(MAX_FILE_BYTES + 1) if is_regular else b""
    except OSError as error:
        raise click.UsageError(f"cannot read {file}: {error.strerror}") from None
    if not is_regular:
        raise click.UsageError(f"{file} is not a regular file; name one, or none")
    if len(content) > MAX_FILE_BYTES:
        raise click.UsageError(
            f"{file} is larger than {MAX_FILE_BYTES} bytes, the most that the demo can hand over; "
            "name a smaller one, or none (a daemon of your own takes more with "
            "limits.max_frame_bytes and limits.max_cubbyhole_bytes)"
        )
    return content


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, and let no second signal disturb that."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


def _tell(stage: Stage, directory: Path, content: bytes) -> None:
    password = secrets.token_urlsafe(24).encode()
    source = directory / "password"
    source.write_bytes(password)
    _say(f"A daemon serves at {stage.socket}")

    token = _wrapped(stage, source, content)
    _say(
        f"One process wrapped a password of {len(password)} bytes and a file of {len(content)}.",
        f"It got a single-use token, {token[:9].decode()}..., to hand on in place of them.",
    )

    _check_ciphertext(stage, password, content[:64], token)
    (sealed,) = stage.token_files()
    _say(
        f"On disk lies one sealed file, {sealed.stat().st_size} bytes, that begins after its "
        "header with",
        f"{sealed.read_bytes()[16:40].hex(' ')}",
        "Neither the password, nor the file, nor the token is found in any file of the store.",
    )

    _check_unwrapped(stage, token, password, content)
    _say(
        "A second process read the token from a pipe and unwrapped both, byte for byte:",
        f"sha256 {sha256(password + content).hexdigest()}",
    )

    _say("A third process came with the same token, and was told:", _refused(stage, token))

    name = _expired(stage, content)
    _say(
        f"Another secret was wrapped for {SHORT_TTL} second, and nobody came for it.",
        f"Its file {name} is gone, and its token opens nothing any more.",
    )


def _wrapped(stage: Stage, password: Path, content: bytes) -> bytes:
    """A wrapping token, as the next process in a pipe would get it."""
    words = ("wrap", f"password=@{password}", "file=-", "--wrap-ttl", "60s")
    return _output(stage.cubby(*words, stdin=content))


def _check_ciphertext(stage: Stage, *secret_parts: bytes) -> None:
    files = [path.read_bytes() for path in stage.store.iterdir()]
    # A few bytes may well stand in ciphertext by chance.
    telling = [part for part in secret_parts if len(part) >= TELLING_BYTES]
    if any(part in file for part in telling for file in files):
        raise StoryError("a secret lies on the disk in clear")


def _check_unwrapped(stage: Stage, token: bytes, password: bytes, content: bytes) -> None:
    answer = codec.decode(_output(stage.cubby("unwrap", "--format", "cbor", stdin=token)))
    match answer:
        case {"data": {"password": bytes(got), "file": bytes(copy)}}:
            if (got, copy) == (password, content):
                return
    raise StoryError("what was unwrapped is not what was wrapped")


def _refused(stage: Stage, token: bytes) -> str:
    late = stage.cubby("unwrap", stdin=token)
    if late.returncode != Exit.WRAPPING_TOKEN_INVALID or late.stdout:
        raise StoryError("the same token was unwrapped twice")
    return f"{late.stderr.decode().strip()} (exit status {late.returncode})"


def _expired(stage: Stage, content: bytes) -> str:
    """The name of the file of a token that was left to expire, and whose file went with it."""
    words = ("wrap", "file=-", "--wrap-ttl", f"{SHORT_TTL}s", "--format", "cbor")
    match codec.decode(_output(stage.cubby(*words, stdin=content))):
        case {"wrap_info": {"token": str(token), "accessor": str(accessor)}}:
            file = stage.store / accessor
        case _:
            raise StoryError("nothing was wrapped")
    _wait_until(lambda: not file.exists(), "the file of an expired token is still there")
    _refused(stage, token.encode())
    return file.name


def _output(done: subprocess.CompletedProcess[bytes]) -> bytes:
    if done.returncode != Exit.DONE:
        raise StoryError(done.stderr.decode(errors="replace").strip().removeprefix("cubby: "))
    return done.stdout


@contextmanager
def _private_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="cubby-demo-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def _daemon(directory: Path) -> Iterator[Stage]:
    """A daemon that serves for as long as the story lasts."""
    stage = Stage(socket=directory / "run" / "cubbyd.sock", store=directory / "store")
    (directory / "cubbyd.toml").touch(mode=0o600)  # not the user's own settings
    options = {
        "--config": directory / "cubbyd.toml",
        "--socket": stage.socket,
        "--store": stage.store,
        "--key-file": directory / "key",
    }
    words = [str(word) for option in options.items() for word in option]
    log = directory / "log"  # no part of the story, unless it ends before it began
    with log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own program and our own words
            [sys.executable, "-m", "cubbyd.cli.tethered", str(os.getpid()), *words],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for us; the daemon is stopped in order
        )
    try:
        if process.stdout is None or not process.stdout.readline():
            process.wait()
            raise StoryError(f"the daemon did not start: {log.read_text(errors='replace')}")
        yield stage
    finally:
        process.terminate()
        process.communicate()


def _environment() -> dict[str, str]:
    """Ours, without what would lead a command elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CUBBY_")}


def _wait_until(happened: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise StoryError(otherwise)
        time.sleep(POLL)


def _say(first: str, *more: str) -> None:
    click.echo("\n  ".join([f"* {first}", *more]))


def _what_next() -> str:
    # Where cubbyd was not put on the PATH, as in a fresh venv, it lies beside this program.
    there = "" if shutil.which("cubbyd") else f"{Path(sys.argv[0]).parent}/"
    return f"""
Everything of this demo is removed. To run cubbyd for real, in your own directories:

  {there}cubbyd &
  printf %s "a secret" | {there}cubby wrap password=- | {there}cubby unwrap --field password

It says where it listens; `cubbyd --help` and `cubby --help` say the rest."""
