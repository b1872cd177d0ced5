"""A second reader of our CBOR subset, written from docs/protocol.md and not from the codec.

It goes about it differently on purpose: recursive, reading from a stream, and in two passes, the
first for the structure and the second for what the structure means.
"""

import struct
from io import BytesIO

MAX_DEPTH, MAX_ITEMS, MAX_BIGNUM_BYTES = 64, 10_000, 64


class OutsideError(Exception):
    """The payload is not in the subset."""


class NoStructureError(OutsideError):
    """Its heads and lengths already say so."""


class NoMeaningError(OutsideError):
    """Its texts or keys say so: not UTF-8, or there twice."""


class Text(bytes):
    """What is claimed to be UTF-8."""


class Pairs(list):
    """A map before its keys were looked at."""


def read(payload):
    """The value, or one of the errors above."""
    return meaning(structure(payload))


def structure(payload):
    """The first pass."""
    stream = BytesIO(payload)
    item = _Reader(stream).item(depth=0)
    if stream.read(1):
        raise NoStructureError
    return item


def meaning(item):
    """The second pass."""
    if isinstance(item, Text):
        return _text(item)
    if isinstance(item, Pairs):
        pairs = [(_text(key), meaning(value)) for key, value in item]
        if len(dict(pairs)) < len(pairs):
            raise NoMeaningError
        return dict(pairs)
    if isinstance(item, list):
        return [meaning(each) for each in item]
    return item


def _text(raw):
    try:
        return raw.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise NoMeaningError from None


class _Reader:
    def __init__(self, stream):
        self.stream = stream
        self.items = 0

    def take(self, count):
        # A length may be a lie of many exabytes.
        taken = self.stream.read(min(count, 1 << 31))
        if len(taken) < count:
            raise NoStructureError
        return taken

    def head(self):
        (initial,) = self.take(1)
        major, info = divmod(initial, 32)
        if info > 27:
            raise NoStructureError
        following = self.take({24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0))
        return major, info, int.from_bytes(following, "big") if following else info, following

    def item(self, *, depth):
        self.items += 1
        if self.items > MAX_ITEMS:
            raise NoStructureError
        major, info, argument, following = self.head()
        readers = {
            0: lambda: argument,
            1: lambda: -1 - argument,
            2: lambda: self.take(argument),
            3: lambda: Text(self.take(argument)),
            4: lambda: [self.item(depth=self.deeper(depth)) for _ in self.times(argument, depth)],
            5: lambda: Pairs(self.pair(self.deeper(depth)) for _ in self.times(argument, depth)),
            6: lambda: self.bignum(argument),
            7: lambda: self.simple(info, following),
        }
        return readers[major]()

    def times(self, count, depth):
        self.deeper(depth)
        return range(min(count, MAX_ITEMS + 1))

    def deeper(self, depth):
        if depth == MAX_DEPTH:
            raise NoStructureError
        return depth + 1

    def pair(self, depth):
        key = self.item(depth=depth)
        if not isinstance(key, Text):
            raise NoStructureError
        return key, self.item(depth=depth)

    def bignum(self, tag):
        major, _, length, _ = self.head()
        if tag not in {2, 3} or major != 2 or length > MAX_BIGNUM_BYTES:
            raise NoStructureError
        number = int.from_bytes(self.take(length), "big")
        return number if tag == 2 else -1 - number

    def simple(self, info, following):
        if info in {20, 21, 22}:
            return {20: False, 21: True, 22: None}[info]
        if info not in {25, 26, 27}:
            raise NoStructureError
        (number,) = struct.unpack({2: ">e", 4: ">f", 8: ">d"}[len(following)], following)
        if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124
            raise NoStructureError
        return number
