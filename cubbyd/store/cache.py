"""Records as they were last read or written, within a bound of bytes.

What is kept is what the disk has: metadata, opened, and cubbyholes, still sealed. The disk has the
last word all the same: a record counts only as long as its file is the one that was read.
"""

from collections import OrderedDict
from sys import getsizeof
from typing import Final

from cubbyd.core.token import Accessor
from cubbyd.store.record import Record

MAX_CACHE_BYTES: Final = 16 * 1024 * 1024
"""Some eight thousand tokens of a common size; the rest are read again when they are used."""
RECORD_BYTES: Final = 1536
"""What a record takes besides its texts and its cubbyhole, roughly, as Python objects."""


class RecordCache:
    """The records used last."""

    def __init__(self, *, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Accessor, tuple[object, Record]] = OrderedDict()
        self._bytes = 0

    def get(self, accessor: Accessor, version: object) -> Record | None:
        """A record, if it is here and its file's version is still this."""
        kept = self._kept.get(accessor)
        if kept is None:
            return None
        if kept[0] != version:
            self.drop(accessor)
            return None
        self._kept.move_to_end(accessor)
        return kept[1]

    def put(self, record: Record, version: object) -> None:
        """Keep a record that is on disk, at the price of those used longest ago."""
        accessor = record.entry.accessor
        self.drop(accessor)
        self._kept[accessor] = (version, record)
        self._bytes += _size(record)
        while self._bytes > self._max_bytes:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)

    def drop(self, accessor: Accessor) -> None:
        """Forget a record."""
        kept = self._kept.pop(accessor, None)
        if kept is not None:
            self._bytes -= _size(kept[1])


def _size(record: Record) -> int:
    entry, meta = record.entry, record.entry.meta or {}
    texts = (entry.path, entry.display_name, *entry.policies, *meta, *meta.values())
    return RECORD_BYTES + sum(map(getsizeof, texts)) + len(record.sealed)
