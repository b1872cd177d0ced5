"""Records as they were last read or written, within a bound of bytes.

What is kept is what the disk has: metadata, opened, and cubbyholes, still sealed. The disk has the
last word all the same: a record counts only as long as its file is the one that was read.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from cubbyd.core.token import Accessor
from cubbyd.store.record import Record

MAX_CACHE_BYTES: Final = 64 * 1024 * 1024
"""Some 50,000 tokens of a common size; the rest are read again when they are used."""
UNIT_BYTES: Final = 64
"""Sizes are kept in these: Python has one object for each small number."""
RECORD_BYTES: Final = 448
"""What a record takes besides its texts and its cubbyhole, roughly, as Python objects, where it
has a creator and metadata in common with others."""
TEXT_BYTES: Final = 56
"""What a text takes besides its characters, roughly."""
CHARACTER_BYTES: Final = 4
"""At most. Most take one, and many texts are the same: to look closer would cost more than it
brings."""


class RecordCache:
    """The records used last."""

    def __init__(self, *, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self._max_units = max_bytes // UNIT_BYTES
        self._kept: OrderedDict[Accessor, tuple[object, Record, int]] = OrderedDict()
        self._units = 0

    def get(self, accessor: Accessor, version_of: Callable[[Accessor], object]) -> Record | None:
        """A record, if it is here and its file's version, asked only then, is still the same."""
        kept = self._kept.get(accessor)
        if kept is None:
            return None
        version, record, _ = kept
        found = version_of(accessor)
        if found is None or found != version:
            self.drop(accessor)
            return None
        self._kept.move_to_end(accessor)
        return record

    def put(self, record: Record, version: object) -> None:
        """Keep a record that is on disk, at the price of those used longest ago."""
        self._put(record, version, _size(record))
        while self._units > self._max_units:
            self._units -= self._kept.popitem(last=False)[1][2]

    def fill(self, record: Record, version: object) -> None:
        """Keep a record that is on disk and was not asked for, while there is room."""
        size = _size(record)
        if self._units + size <= self._max_units and record.entry.accessor not in self._kept:
            self._put(record, version, size)

    def drop(self, accessor: Accessor) -> None:
        """Forget a record."""
        kept = self._kept.pop(accessor, None)
        if kept is not None:
            self._units -= kept[2]

    def _put(self, record: Record, version: object, size: int) -> None:
        accessor = record.entry.accessor
        self.drop(accessor)
        self._kept[accessor] = (version, record, size)
        self._units += size


def _size(record: Record) -> int:
    """In units."""
    entry, meta, creator = record.entry, record.entry.meta, record.entry.creator
    texts = 2 + len(entry.policies)
    length = len(entry.path) + len(entry.display_name) + sum(map(len, entry.policies))
    length += len(creator.exe or "") + len(creator.unit or "")
    if meta:
        texts += 2 * len(meta)
        length += sum(map(len, meta)) + sum(map(len, meta.values()))
    size = RECORD_BYTES + len(record.sealed) + TEXT_BYTES * texts + CHARACTER_BYTES * length
    return -(-size // UNIT_BYTES)
