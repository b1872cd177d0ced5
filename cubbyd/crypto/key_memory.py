"""Pages in which keys lie while they are in use: locked, left out of dumps, and wiped.

A key is copied out of here for each time it is used, as bytes of Python's that live for the length
of one call; SECURITY.md says what becomes of such copies. What lies here for as long as the daemon
is unsealed is here alone.
"""

import ctypes
import logging
import mmap
import os
import threading
from typing import Final

from cubbyd.crypto.opener import KEY_BYTES
from cubbyd.errors import BusyError, SealedError
from cubbyd.secret import Secret

MEMORY_BYTES: Final = 4 * mmap.PAGESIZE
MAX_KEYS: Final = MEMORY_BYTES // KEY_BYTES
"""At once: terms, the accessor key, and what opens the keyring. Each rotation adds one, until the
files have moved over to it."""

_log = logging.getLogger(__name__)
_libc = ctypes.CDLL(None, use_errno=True)


class KeyMemory:
    """Room for keys of 32 bytes."""

    def __init__(self) -> None:
        self._pages = mmap.mmap(-1, MEMORY_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._free = list(range(MAX_KEYS))
        self._filling = 0
        self._lock = threading.RLock()  # which a collection may enter again, from any line
        self._is_locked = self._lock_pages()
        self._is_undumped = self._leave_out_of_dumps()

    def measures(self) -> dict[str, bool]:
        """Whether the pages stay out of swap, and out of core dumps and children's memory."""
        return {"keys_locked": self._is_locked, "keys_not_dumped": self._is_undumped}

    def hold(self, key: bytes) -> Secret:
        """The same 32 bytes, kept here until nobody has this secret any more, or all is wiped.

        Raises:
            BusyError: There are ``MAX_KEYS`` already.
        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        with self._lock:
            if not self._free:
                raise BusyError(
                    f"there are {MAX_KEYS} keys already; old ones go when no file needs them any "
                    "more"
                )
            slot = self._free.pop()
            self._pages[slot * KEY_BYTES : (slot + 1) * KEY_BYTES] = key
            return _HeldKey(self, slot, self._filling)

    def wipe(self) -> None:
        """Forget every key: whoever still has one of the secrets is told that we are sealed."""
        with self._lock:
            self._pages[:] = bytes(MEMORY_BYTES)
            self._filling += 1
            self._free = list(range(MAX_KEYS))

    def close(self) -> None:
        """Wipe; for good."""
        self.wipe()

    def read(self, slot: int, filling: int) -> bytes:
        """A key. Raises SealedError where it has been wiped."""
        if filling != self._filling:
            raise SealedError
        return self._pages[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]

    def release(self, slot: int, filling: int) -> None:
        """Forget one key."""
        with self._lock:
            if filling == self._filling:
                self._pages[slot * KEY_BYTES : (slot + 1) * KEY_BYTES] = bytes(KEY_BYTES)
                self._free.append(slot)

    def _lock_pages(self) -> bool:
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
        if _libc.mlock(ctypes.c_void_p(start), ctypes.c_size_t(MEMORY_BYTES)):
            problem = os.strerror(ctypes.get_errno())
            _log.warning("the keys' memory cannot be locked, and may go to swap: %s", problem)
            return False
        return True

    def _leave_out_of_dumps(self) -> bool:
        try:
            self._pages.madvise(mmap.MADV_DONTDUMP)
            self._pages.madvise(mmap.MADV_DONTFORK)
        except OSError:
            return False
        return True


class _HeldKey(Secret):
    """A secret that lies in those pages, and nowhere else for longer than a call."""

    __slots__ = ("_filling", "_memory", "_slot")

    def __init__(self, memory: KeyMemory, slot: int, filling: int) -> None:
        super().__init__(b"")
        self._memory = memory
        self._slot = slot
        self._filling = filling

    def reveal(self) -> bytes:
        return self._memory.read(self._slot, self._filling)

    def __repr__(self) -> str:
        return f"<Secret of {KEY_BYTES} bytes>"

    def __del__(self) -> None:
        self._memory.release(self._slot, self._filling)
