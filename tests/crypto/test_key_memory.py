"""Keys lie in locked pages, one copy each, until nobody has them or all are wiped.

The pages themselves are looked at: what was let go of is zeros there.
"""

import ctypes
import gc
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cubbyd.crypto import key_memory
from cubbyd.crypto.key_memory import MAX_KEYS, MEMORY_BYTES, KeyMemory
from cubbyd.errors import BusyError, SealedError
from cubbyd.secret import Secret

ROOT = Path(__file__).parents[2]
KEY = b"a key that has 32 bytes, exactly"
OTHER = bytes(range(32))


def pages(memory):
    """All that lies there."""
    return memory._pages[:]  # noqa: SLF001 - they are the point


def test_a_key_comes_back_as_it_was():
    held = KeyMemory().hold(KEY)

    assert held.reveal() == KEY
    assert held == Secret(KEY)
    assert Secret(KEY) == held
    assert held != Secret(OTHER)
    assert repr(held) == "<Secret of 32 bytes>"


def test_it_lies_in_the_pages_and_nowhere_in_the_secret():
    memory = KeyMemory()

    held = memory.hold(KEY)

    assert pages(memory).count(KEY) == 1
    assert held._value == b""  # noqa: SLF001


def test_keys_lie_beside_each_other():
    memory = KeyMemory()

    held = [memory.hold(bytes([number]) * 32) for number in range(9)]

    assert [each.reveal()[0] for each in held] == [*range(9)]


def test_a_key_that_nobody_has_any_more_is_wiped_and_its_place_free():
    memory = KeyMemory()
    other = memory.hold(OTHER)
    held = [memory.hold(KEY) for _ in range(MAX_KEYS - 1)]

    held.clear()
    gc.collect()

    assert KEY not in pages(memory)
    assert len([memory.hold(KEY) for _ in range(MAX_KEYS - 1)]) == MAX_KEYS - 1
    assert other.reveal() == OTHER


def test_wiped_is_wiped_and_whoever_has_a_key_is_told_so():
    memory = KeyMemory()
    held = [memory.hold(KEY), memory.hold(OTHER)]

    memory.wipe()

    assert pages(memory) == bytes(MEMORY_BYTES)
    for each in held:
        with pytest.raises(SealedError):
            each.reveal()
        with pytest.raises(SealedError):
            _ = each == Secret(KEY)
        assert repr(each) == "<Secret of 32 bytes>"


def test_keys_from_before_a_wiping_do_not_touch_those_that_came_after():
    memory = KeyMemory()
    old = [memory.hold(KEY) for _ in range(5)]
    memory.wipe()
    new = [memory.hold(bytes([number]) * 32) for number in range(MAX_KEYS // 2)]

    old.clear()
    gc.collect()

    assert [each.reveal()[0] for each in new] == [number % 256 for number in range(MAX_KEYS // 2)]
    assert len([memory.hold(KEY) for _ in range(MAX_KEYS - len(new))]) == MAX_KEYS - len(new)


def test_closed_is_wiped():
    memory = KeyMemory()
    held = memory.hold(KEY)

    memory.close()

    assert KEY not in pages(memory)
    with pytest.raises(SealedError):
        held.reveal()


def test_one_key_too_many_is_refused():
    memory = KeyMemory()
    held = [memory.hold(KEY) for _ in range(MAX_KEYS)]

    with pytest.raises(BusyError, match=f"{MAX_KEYS} keys"):
        memory.hold(OTHER)

    held.pop()
    memory.hold(OTHER)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_only_keys_are_held(size):
    with pytest.raises(ValueError, match="32 bytes"):
        KeyMemory().hold(bytes(size))


def test_pages_that_cannot_be_locked_are_told_and_hold_keys_all_the_same(monkeypatch, caplog):
    class Libc:
        def mlock(self, _start, _length):
            return -1

    monkeypatch.setattr(key_memory, "_libc", Libc())

    memory = KeyMemory()

    assert memory.measures() == {"keys_locked": False, "keys_not_dumped": True}
    assert memory.hold(KEY).reveal() == KEY
    assert "memory cannot be locked" in caplog.text


LOOKED_AT = """
import ctypes, json, re
from cubbyd.crypto.key_memory import KeyMemory
memory = KeyMemory()
held = memory.hold(b"k" * 32)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory._pages))
flags, inside = [], False
for line in open("/proc/self/smaps"):
    if found := re.match("([0-9a-f]+)-([0-9a-f]+) ", line):
        inside = int(found[1], 16) <= start < int(found[2], 16)
    elif inside and line.startswith("VmFlags:"):
        flags = line.split()[1:]
print(json.dumps({**memory.measures(), "flags": flags, "held": len(held.reveal())}))
"""


def told_by_a_process(before=lambda: None):
    """What another process tells of its key memory."""
    done = subprocess.run(
        [sys.executable, "-c", LOOKED_AT],
        capture_output=True,
        check=True,
        text=True,
        cwd=ROOT,
        preexec_fn=before,
    )
    return json.loads(done.stdout)


def test_the_pages_are_locked_not_dumped_and_not_inherited():
    """As the kernel tells it: VM_LOCKED, VM_DONTDUMP, VM_DONTCOPY."""
    told = told_by_a_process()

    assert told["keys_not_dumped"] is True
    assert {"dd", "dc"} <= set(told["flags"])
    assert told["keys_locked"] is ("lo" in told["flags"])
    allowed = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if os.geteuid() == 0 or allowed == resource.RLIM_INFINITY or allowed >= MEMORY_BYTES:
        assert told["keys_locked"] is True


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_limit_that_forbids_locking_is_told_and_no_reason_not_to_start():
    def nobody_may_lock():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        libc = ctypes.CDLL(None)
        libc.prctl(8, 0, 0, 0, 0)  # PR_SET_KEEPCAPS: none is kept
        libc.prctl(24, 14, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_IPC_LOCK
        libc.prctl(28, 1 << 0 | 1 << 5, 0, 0, 0)  # noroot: exec gives root no capabilities

    told = told_by_a_process(nobody_may_lock)

    assert told["keys_locked"] is False
    assert "lo" not in told["flags"]
    assert (told["keys_not_dumped"], told["held"]) == (True, 32)
