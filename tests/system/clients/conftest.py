"""Daemons that serve all tests of this folder: nobody's test minds another's tokens."""

from contextlib import ExitStack
from functools import partial

import pytest
import servers


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="session")
def cubbyd(place):
    with servers.cubbyd(place / "cubbyd") as server:
        yield server


@pytest.fixture(scope="session")
def openbao(place):
    with servers.openbao(place / "openbao") as server:
        yield server


@pytest.fixture(scope="session")
def hvac():
    return pytest.importorskip("hvac", reason="wants hvac: pip install 'cubbyd[conformance]'")


@pytest.fixture
def connect(hvac):
    """Connects hvac to a server, with a token or none."""
    from unix_adapter import unix_session  # noqa: PLC0415 - it wants requests, as hvac does

    with ExitStack() as opened:

        def connect(server, token=None):
            session = opened.enter_context(unix_session(str(server.http_socket)))
            return hvac.Client(url="http://localhost", token=token, session=session)

        yield connect


@pytest.fixture
def client(connect, cubbyd):
    """hvac with a root token of its own."""
    return connect(cubbyd, cubbyd.root_token())


@pytest.fixture
def other(connect, cubbyd):
    """Connects hvac again, with another token or none."""
    return partial(connect, cubbyd)
