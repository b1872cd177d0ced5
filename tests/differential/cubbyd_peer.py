"""A real cubbyd, with an HTTP door on a Unix socket and everything it keeps below one directory."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from exchange import PATIENCE, Server, UnixConnection

from cubbyd.client import Client

_CONFIGURATION = """\
[limits]
max_tokens_per_uid = 1_000_000
max_policies = 100_000
"""
"""One user makes the tokens of all sequences, and nobody waits for them to end."""


@contextmanager
def real_cubbyd(directory: Path) -> Iterator[Server]:
    """A daemon, and a token with policy root that its owner made at the other door."""
    config, socket = directory / "cubbyd.toml", directory / "run" / "cubbyd.sock"
    http_socket = directory / "run" / "http.sock"
    config.write_text(_CONFIGURATION)
    config.chmod(0o600)
    paths = {
        "--config": config,
        "--socket": socket,
        "--http-socket": http_socket,
        "--store": directory / "store",
        "--key-file": directory / "key",
    }
    options = [str(word) for pair in paths.items() for word in pair]
    log = (directory / "cubbyd.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-m", "cubbyd.cli.serve", *options, "--log-level=warning"],
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(directory),
        ) as process,
    ):
        try:
            if not process.stdout.readline():
                raise RuntimeError("cubbyd did not start; see cubbyd.log")
            with Client(None, socket) as owner:
                root = owner.create_token(policies=["root"]).client_token.reveal().decode()
            with closing(Server(UnixConnection(str(http_socket)), root)) as server:
                yield server
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUBBY_")}
    return kept | {"HOME": str(directory)}
