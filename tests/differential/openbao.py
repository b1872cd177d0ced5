"""The real server as one of the two that are asked."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from bao_server import ROOT_TOKEN, bao_server
from exchange import PATIENCE, Server, Step


@contextmanager
def real_openbao(directory: Path) -> Iterator[Server]:
    """A server of its own for as long as it is needed."""
    with bao_server(directory) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with closing(Server(connection, ROOT_TOKEN)) as server:
            _let_default_rewrap(server)
            yield server


def _let_default_rewrap(server: Server) -> None:
    """Make one policy like cubbyd's, which differs on purpose, so that no answer has to."""
    default = Step("GET", "sys/policies/acl/default", ROOT_TOKEN)
    rule = 'path "sys/wrapping/rewrap" { capabilities = ["update"] }'
    policy = server.ask(default).body["data"]["policy"] + rule
    assert server.ask(replace(default, method="PUT", body={"policy": policy})).status == 204
