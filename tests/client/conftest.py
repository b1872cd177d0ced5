"""Both shells, driven alike: what holds for one holds for the other."""

from inspect import isawaitable

import pytest
from fake_daemon import FakeDaemon

from cubbyd.client import AsyncClient, Client
from cubbyd.errors import NotFoundError


class Shell:
    """A client of either kind; ``do`` performs a method and awaits it if it must be."""

    def __init__(self, kind, path) -> None:
        self._kind = kind
        self._path = path
        self._client = None

    def open(self, token=None, **options) -> None:
        self._client = self._kind(token, self._path, **options)

    @property
    def client(self):
        if self._client is None:
            self.open()
        return self._client

    async def do(self, method, *arguments, **options):
        result = getattr(self.client, method)(*arguments, **options)
        return await result if isawaitable(result) else result

    async def close(self) -> None:
        await self.do("aclose" if self._kind is AsyncClient else "close")


def refuse_all(_request):
    raise NotFoundError


@pytest.fixture
def daemon(tmp_path):
    with FakeDaemon(tmp_path / "cubbyd.sock", refuse_all) as daemon:
        yield daemon


@pytest.fixture(params=[Client, AsyncClient], ids=["blocking", "trio"])
async def shell(request, tmp_path):
    shell = Shell(request.param, tmp_path / "cubbyd.sock")
    yield shell
    await shell.close()
