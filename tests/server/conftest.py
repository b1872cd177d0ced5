import pytest
from session_client import Client
from trio.testing import memory_stream_pair

from cubbyd.server.logs import log


@pytest.fixture
def streams():
    """A client of a session, and the session's end of the stream."""
    client, server = memory_stream_pair()
    return Client(client), server


@pytest.fixture(autouse=True)
def _each_complaint_is_told():
    """What one test provoked is not withheld from the next."""
    dampers = log.filters[:]
    log.filters.clear()
    yield
    log.filters[:] = dampers
