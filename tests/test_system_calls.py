"""What a request asks of the kernel is a handful of calls, with 100 tokens as with 2,000.

Counted on a real directory, call by call; test_size.py counts what more there is, in memory.
"""

import os
from collections import Counter
from functools import partial

import pytest
import trio
from crowd import crowd
from fakes import EPOCH, MemoryFiles
from house import House, open_house
from trio.testing import wait_all_tasks_blocked

from cubbyd.reaper import build_index, reap
from cubbyd.store.files import DiskFiles

FEW, MANY = 100, 2000
CHILDREN = 5
SIZE_BYTES = 1024
"""More than a small token's file has."""


class CountingCalls:
    """Those of ``os``, counted; what is done to a directory apart from what is done to a file."""

    def __init__(self):
        self._counted = Counter()
        self._directories = set()

    def taken(self):
        """What there was since this was asked last."""
        counted, self._counted = self._counted, Counter()
        return dict(counted)

    def open(self, path, flags, mode=0o777, *, dir_fd=None):
        self._counted["create" if flags & os.O_CREAT else "open"] += 1
        fd = os.open(path, flags, mode, dir_fd=dir_fd)
        if flags & os.O_DIRECTORY:
            self._directories.add(fd)
        return fd

    def close(self, fd):
        self._counted["close"] += 1
        self._directories.discard(fd)
        os.close(fd)

    def fsync(self, fd):
        self._counted["fsync directory" if fd in self._directories else "fsync file"] += 1
        # It need not be durable here.

    def read(self, fd, length):
        data = os.read(fd, length)
        self._counted["read"] += 1
        self._counted["bytes read"] += len(data)
        return data

    def write(self, fd, data):
        self._counted["write"] += 1
        self._counted["bytes written"] += len(data)
        return os.write(fd, data)

    def __getattr__(self, call):
        self._counted[call] += 1
        return getattr(os, call)


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """What was counted in a daemon's life, by the number of tokens and by what was done."""
    made = MemoryFiles()
    tokens = trio.run(furnish, made)
    found = {}
    for size in (FEW, MANY):
        directory = tmp_path_factory.mktemp(f"{size}")
        directory.chmod(0o700)
        for name in [*made.files][:size]:
            path = directory / name
            path.write_bytes(made.files[name])
            path.chmod(0o600)
        total = sum(path.stat().st_size for path in directory.iterdir())
        found[size] = {**trio.run(life, directory, tokens), "bytes there": total}
    return found


async def furnish(files):
    """Tokens, the first of which has a family; all are there as files, in this order."""
    async with open_house(files) as house:
        [parent] = await crowd(house, 1)
        await crowd(house, CHILDREN, parent=house.store.accessor(parent))
        return [parent, *await crowd(house, MANY - CHILDREN - 1)]


async def life(directory, tokens):
    """A daemon starts, answers, and does one thing after the other."""
    calls = CountingCalls()
    files = DiskFiles(directory, calls)
    house = House(files, clock=lambda: EPOCH, random=os.urandom)  # or tokens would come again
    counted = {}
    calls.taken()
    with files.locked():
        for name, act in SCENARIO.items():
            await act(house, tokens)
            counted[name] = calls.taken()
    files.close()
    return counted


async def start(house, tokens):
    house.store.prepare()
    await look_up(1, house, tokens)


async def index(house, _tokens):
    await build_index(house.store)


async def look_up(number, house, tokens):
    await house.guest.ask("read", "auth/token/lookup-self", token=tokens[number])


async def look_up_a_forgotten_one(number, house, tokens):
    store = house.store
    store._cache.drop(store.accessor(tokens[number]))  # noqa: SLF001 - as if others came since
    await look_up(number, house, tokens)


async def write(house, tokens):
    await house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=tokens[2])


async def create_a_token(house, _tokens):
    await house.owner.ask("write", "auth/token/create", {"ttl": "1h"})


async def wrap_and_unwrap(house, tokens):
    await house.unwrap(await house.wrapped({"a": 1}, token=tokens[2]))


async def revoke_a_tree(house, tokens):
    """And those below are destroyed."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reap, house.store, lambda: EPOCH)
        await house.owner.ask("write", "auth/token/revoke", {"token": tokens[0].reveal_text()})
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


SCENARIO = {
    "a start and its first answer": start,
    "indexing": index,
    "a cold read": partial(look_up_a_forgotten_one, 2),
    "a hot read": partial(look_up, 2),
    "a write": write,
    "a token": create_a_token,
    "a wrap and its unwrap": wrap_and_unwrap,
    "a revoke of a tree": revoke_a_tree,
}
READ = {"open": 1, "fstat": 1, "read": 1, "close": 1}
STAGED = {"create": 1, "write": 1, "fsync file": 1, "close": 1, "rename": 1}
EXPECTED = {
    # The lock file; what is found is made durable; the names, for what was left half-written.
    "a start and its first answer": {
        **READ,
        "create": 1,
        "fsync directory": 1,
        "listdir": 1,
    },
    "a cold read": READ,
    "a hot read": {"stat": 1},
    # It looks to decide, and to remember the new file.
    "a write": {**STAGED, "stat": 2, "fsync directory": 1},
    # Nobody looks for the file that a new token cannot have.
    "a token": {**STAGED, "stat": 1, "fsync directory": 1},
    # The token that is asked for asks itself, and is looked at once.
    "a wrap and its unwrap": {**STAGED, "stat": 3, "fsync directory": 2, "unlink": 1},
    # Those below the one that is named go by what the index knows, with one sync.
    "a revoke of a tree": {"stat": 1, "fsync directory": 2, "unlink": 1 + CHILDREN},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_so_many_calls_and_no_more_however_many_tokens_there_are(counted, name):
    few, many = ({**counted[size][name]} for size in (FEW, MANY))

    assert few == many
    assert few.pop("bytes read", 0) < SIZE_BYTES
    assert few.pop("bytes written", 0) < 2 * SIZE_BYTES
    assert few == EXPECTED[name]


@pytest.mark.parametrize("size", [FEW, MANY])
def test_indexing_reads_every_file_once(counted, size):
    each = dict.fromkeys(READ, size)

    assert counted[size]["indexing"] == {
        "listdir": 1,
        **each,
        "bytes read": counted[size]["bytes there"],
    }
