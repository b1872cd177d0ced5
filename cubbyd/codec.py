"""Our strict subset of CBOR (RFC 8949), the only door to cbor2.

A decoder that is generous is a way in: two readers of the same bytes may understand different
things. So an item is refused unless it is one of null, booleans, integers (tags 2 and 3 of at most
64 bytes), finite floats, text, byte strings, arrays, and maps with text keys that are all
different; everything of definite length, nothing after the end, nothing deeper or longer than the
bounds below.

``check`` walks the bytes before anything is built from them: cbor2 takes half a second over one
mebibyte of empty arrays, and this refuses them after the ten-thousandth. The walk costs more than
all else that is done with a small request, so what is plainly in the subset is spared it: see
``_load_plain``, which decides nothing else and refuses nothing.
"""

from collections.abc import Mapping
from math import isfinite
from struct import unpack
from typing import Final, NoReturn, cast

import cbor2

from cubbyd.errors import MalformedFrameError
from cubbyd.value import Value

MAX_DEPTH: Final = 64
"""Containers within containers; deeper than any credential, shallower than any stack."""
MAX_ITEMS: Final = 10_000
"""Data items in one payload, keys and containers included."""
MAX_BIGNUM_BYTES: Final = 64
"""Bytes of an integer beyond 64 bits: 512 bits, since decimal conversion grows quadratically."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_BIGNUM_TAGS = (2, 3)
_FALSE_TRUE_NULL = (20, 21, 22)
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_PLAIN: Final = bytes(range(_TAG << 5)) + b"\xf4\xf5\xf6"
"""What begins a number, text, byte string, array or map, and false, true and null."""
_CONTAINERS = (dict, list)
_END: Final = cbor2.undefined
_END_BYTE: Final = cbor2.dumps(_END)
_EMPTY_MAP: Final = _MAP << 5
_FOLLOWS, _RESERVED = 24, 28
"""Additional information below 24 is the argument; up to 27 it says how many bytes of argument
follow; from 28 on it is reserved, or says 'indefinite' (31)."""


def decode(payload: bytes, *, max_items: int = MAX_ITEMS) -> Value:
    """The one data item in the payload.

    Raises:
        MalformedFrameError: It is not exactly one item of the subset.
    """
    if len(payload) <= max_items and not payload.translate(None, _PLAIN):
        try:
            return _load_plain(payload)
        except (cbor2.CBORDecodeError, ValueError, TypeError, RecursionError):
            pass  # the walk knows what is wrong, if anything is
    check(payload, max_items=max_items)
    return _load(payload)


def decode_own(payload: bytes) -> Value:
    """Like ``decode``, but unchecked: for what we encoded, sealed and opened ourselves.

    Raises:
        MalformedFrameError: It is not CBOR.
    """
    return _load(payload)


def encode(value: Value) -> bytes:
    """The value as CBOR, for values that came from ``decode`` or were built by us."""
    return cbor2.dumps(value)


def with_member(encoded: bytes, key: str, value: Value) -> bytes:
    """An encoded map and one more member, whose key it does not have: what is there stays as it is.

    Raises:
        ValueError: It has so many that their number may not be where it is looked for.
    """
    head = encoded[0]
    if not _EMPTY_MAP <= head < _EMPTY_MAP + _FOLLOWS - 1:
        raise ValueError("no map, or one with too many members")
    return bytes((head + 1,)) + encoded[1:] + encode(key) + encode(value)


def encode_foreign(value: object) -> bytes:
    """A value that a caller of the library made up, held to the same subset.

    Raises:
        ValueError: It has a part that cubbyd does not carry; says which kind.
    """
    try:
        _check_shape(value)
        payload = cbor2.dumps(value, encoders={memoryview: _encode_memoryview})
        decode(payload)
    except (cbor2.CBOREncodeError, MalformedFrameError, UnicodeError, RecursionError) as error:
        problem = error if isinstance(error, MalformedFrameError) else _problem(error)
    else:
        return payload
    raise ValueError(f"cubbyd cannot carry this value: {problem}")


def _problem(error: Exception) -> str:
    """In words that quote nothing of the value."""
    return "text that is not Unicode" if isinstance(error, UnicodeError) else type(error).__name__


def _check_shape(value: object) -> None:
    """Refuse what is too deep before cbor2 sees it: its recursion has no bound but the stack."""
    pending = [(value, 1)]
    for _ in range(MAX_ITEMS):
        if not pending:
            return
        part, depth = pending.pop()
        if isinstance(part, Mapping | list | tuple):
            if depth > MAX_DEPTH:
                raise MalformedFrameError(f"nested deeper than {MAX_DEPTH}")
            inner = part.values() if isinstance(part, Mapping) else part
            pending += [(each, depth + 1) for each in inner]
    raise MalformedFrameError(f"more than {MAX_ITEMS} items")


def _encode_memoryview(encoder: cbor2.CBOREncoder, view: memoryview) -> None:
    # cbor2 takes it for a sequence of numbers.
    encoder.encode_bytes(view.tobytes())


def check(payload: bytes, *, max_items: int = MAX_ITEMS) -> None:
    """Walk one payload and refuse whatever is outside the subset, but for what only cbor2 sees.

    (That is invalid UTF-8 and duplicate keys, which ``_load`` refuses.)

    Raises:
        MalformedFrameError: Says what and at which byte, never the byte itself.
    """
    try:
        end = _walk(payload, max_items)
    except IndexError:
        end = len(payload) + 1
    if end > len(payload):
        _refuse("the data item is cut short", len(payload))
    if end < len(payload):
        _refuse("something follows the data item", end)


def _walk(payload: bytes, max_items: int) -> int:
    """The position after the item; past the end, or an IndexError, when it is cut short."""
    position = items = 0
    # How many items each open container still waits for; for a map, keys fall on even counts.
    remaining, is_map = 1, False
    outer: list[tuple[int, bool]] = []
    while True:
        while remaining == 0:
            if not outer:
                return position
            remaining, is_map = outer.pop()
        items += 1
        if items > max_items:
            _refuse(f"more than {max_items} items", position)
        start = position
        initial = payload[start]
        major, argument = initial >> 5, initial & 31
        if argument < _FOLLOWS:  # most are so short; a call for each would double the time
            position += 1
        else:
            major, argument, position = _head(payload, start)
        if is_map and remaining % 2 == 0 and major != _TEXT:
            _refuse("a map key is not text", start)
        remaining -= 1
        if major in (_BYTES, _TEXT):
            position += argument
        elif major in (_ARRAY, _MAP):
            if len(outer) >= MAX_DEPTH:
                _refuse(f"nested deeper than {MAX_DEPTH}", start)
            outer.append((remaining, is_map))
            remaining, is_map = (argument, False) if major == _ARRAY else (2 * argument, True)
        elif major == _TAG:
            position = _bignum_end(payload, argument, position)
        elif major == _SIMPLE:
            _check_simple(payload, start)


def _head(payload: bytes, position: int) -> tuple[int, int, int]:
    """An item's major type, its argument, and where what follows begins."""
    initial = payload[position]
    major, argument = initial >> 5, initial & 31
    if argument < _FOLLOWS:
        return major, argument, position + 1
    if argument >= _RESERVED:
        _refuse("an indefinite or reserved length", position)
    end = position + 1 + (1 << (argument - _FOLLOWS))
    return major, int.from_bytes(payload[position + 1 : end], "big"), end


def _bignum_end(payload: bytes, tag: int, position: int) -> int:
    """Where the byte string behind a bignum's tag ends."""
    if tag not in _BIGNUM_TAGS:
        _refuse("a tag other than a bignum's", position)
    major, length, content = _head(payload, position)
    if major != _BYTES or length > MAX_BIGNUM_BYTES:
        _refuse(f"a bignum that is not a byte string of at most {MAX_BIGNUM_BYTES}", position)
    return content + length


def _check_simple(payload: bytes, position: int) -> None:
    kind = payload[position] & 31
    if kind in _FALSE_TRUE_NULL:
        return
    layout = _FLOATS.get(kind)
    if layout is None:
        _refuse("an undefined or simple value", position)
    number = payload[position + 1 : position + 1 + (1 << (kind - _FOLLOWS))]
    if len(number) == 1 << (kind - _FOLLOWS) and not isfinite(unpack(layout, number)[0]):
        _refuse("a number that is not finite", position)


def _load_plain(payload: bytes) -> Value:
    """The value of a payload that ``check`` and ``_load`` would take, or an exception: ask them.

    The payload has only ``_PLAIN`` bytes, and no more of them than there may be items. So cbor2
    finds no tag, float, simple value or end of something indefinite in it, wherever it looks. Read
    as the first of two items, whose second is a byte that is not among them, it is one item: were
    it less or more, the second would not be that one.
    """
    value, end = cbor2.loads(
        b"\x82" + payload + _END_BYTE,
        max_depth=MAX_DEPTH,  # the pair is one more, but an empty container is not counted
        allow_duplicate_keys=False,
        strict_hashable_types=True,  # keys that are text or byte strings
    )
    if end is not _END:
        raise ValueError
    if isinstance(value, _CONTAINERS):
        _check_keys(value)
    return cast("Value", value)


def _check_keys(container: dict[str, Value] | list[Value]) -> None:
    """Raise TypeError at a key that is not text."""
    if isinstance(container, dict):
        "".join(container)  # looks at each, and is the fastest that does
    for part in container.values() if isinstance(container, dict) else container:
        if isinstance(part, _CONTAINERS):
            _check_keys(part)


def _load(payload: bytes) -> Value:
    # cbor2 quotes what it read in its errors, and Python chains them: neither may get out.
    try:
        return cast("Value", cbor2.loads(payload, allow_duplicate_keys=False))
    except (cbor2.CBORDecodeError, ValueError, RecursionError):
        problem = "a key is there twice, or text is not UTF-8"
    raise MalformedFrameError(problem)


def _refuse(problem: str, position: int) -> NoReturn:
    raise MalformedFrameError(f"{problem}, at byte {position}")
