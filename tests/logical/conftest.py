import pytest
from house import open_house


@pytest.fixture
async def house():
    """A daemon without a socket. A test that waits takes ``autojump_clock`` beside it."""
    async with open_house() as house:
        yield house
