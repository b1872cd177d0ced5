"""A real ``cubbyd`` with its HTTP door open, and the plainest of clients."""

import socket
from contextlib import contextmanager
from pathlib import Path

from http_talk import sized
from real_daemon import PATIENCE, RealDaemon


class HttpDaemon(RealDaemon):
    """A daemon with both doors."""

    @property
    def http_socket(self) -> Path:
        return self.directory / "http" / "cubbyd.sock"

    def options(self) -> list[str]:
        return [*super().options(), "--http-socket", str(self.http_socket)]

    def configure(self, text):
        self.directory.mkdir(exist_ok=True)
        self.options()
        (self.directory / "cubbyd.toml").write_text(text)

    @contextmanager
    def connected(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(str(self.http_socket))
            yield sock

    def exchange(self, *sent) -> bytes:
        """All that comes back until the daemon ends the connection, or we have."""
        with self.connected() as sock:
            for each in sent:
                sock.sendall(each)
            sock.shutdown(socket.SHUT_WR)
            return rest(sock)

    def wrapped(self) -> bytes:
        with self.client() as client:
            return client.wrap({"password": "hunter2"}, 60).token.reveal()


def rest(sock) -> bytes:
    """All that comes until the end; a reset would be an error."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def an_unwrap(token):
    return sized(b"", b"X-Vault-Token: " + token, path=b"/v1/sys/wrapping/unwrap")
