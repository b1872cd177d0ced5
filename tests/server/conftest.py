import pytest
from session_client import Client
from trio.testing import memory_stream_pair


@pytest.fixture
def streams():
    client, server = memory_stream_pair()
    return Client(client), server
