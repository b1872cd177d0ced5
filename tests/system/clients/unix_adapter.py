"""How requests, and so hvac, gets to a Unix socket. docs/http.md shows all that follows."""

import socket

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool


class UnixConnection(HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class UnixPool(HTTPConnectionPool):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def _new_conn(self):
        connection = UnixConnection("localhost")
        connection.path = self.path
        return connection


class UnixAdapter(HTTPAdapter):
    def __init__(self, path):
        super().__init__()
        self.pool = UnixPool(path)

    def get_connection_with_tls_context(self, *_request, **_tls):
        return self.pool


def unix_session(path):
    session = requests.Session()
    session.trust_env = False  # no proxy stands before a socket
    session.mount("http://", UnixAdapter(path))
    return session
