"""What all sealed files of the store have in common: a clear header, and sealed sections.

    "cubbyd"  version  term  length   first section        what follows
    6 bytes   u16      u32   u32      length bytes          what is left

All integers are big-endian. The first section is sealed under the daemon's root key of that term.
The associated data says what a section *is*: format version, kind, the name of its file, and its
term; so a file that was renamed, or copied over another, does not open.
"""

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from struct import error as struct_error
from typing import Final, NamedTuple, TypeAlias

from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.sealing import NONCE_BYTES, seal, unseal
from cubbyd.errors import SealBrokenError, UnknownFormatError
from cubbyd.secret import Secret

FORMAT_VERSION: Final = 1
MAGIC: Final = b"cubbyd"

_HEADER = Struct(">6sHII")
_ASSOCIATED = Struct(">6sHB16sI")

Random: TypeAlias = Callable[[int], bytes]
"""So many bytes that nobody can guess: os.urandom, but for frozen vectors."""


class Section(IntEnum):
    """What a sealed section holds."""

    METADATA = 1
    CUBBYHOLE = 2
    POLICY = 3


class Opened(NamedTuple):
    """A file whose first section has been opened."""

    term: int
    plaintext: bytes
    rest: bytes
    """What follows the first section, as it is."""


def seal_file(
    plaintext: bytes, section: Section, name: str, *, keys: RootKeys, random: Random
) -> bytes:
    """Header and first section, sealed under the newest term. ``name`` is 32 hex digits."""
    sealed = seal(
        plaintext,
        key=keys.terms[keys.term],
        associated=associated(section, name, keys.term),
        nonce=random(NONCE_BYTES),
    )
    return _HEADER.pack(MAGIC, FORMAT_VERSION, keys.term, len(sealed)) + sealed


def open_file(file: bytes, section: Section, name: str, *, keys: RootKeys) -> Opened:
    """The inverse of ``seal_file``, with whatever follows.

    Raises:
        SealBrokenError: It does not open as this name's.
        UnknownFormatError: It is of another format version, or of a term that the keyring lacks.
    """
    try:
        magic, version, term, length = _HEADER.unpack_from(file)
    except struct_error:
        raise SealBrokenError("a file of the store is shorter than its header") from None
    if magic != MAGIC:
        raise SealBrokenError("a file of the store does not begin as one")
    if version != FORMAT_VERSION:
        raise UnknownFormatError(
            f"a file of the store has format version {version}; this cubbyd reads {FORMAT_VERSION}"
        )
    key: Secret | None = keys.terms.get(term)
    if key is None:
        raise UnknownFormatError(
            f"a file of the store wants key term {term}, which the keyring lacks"
        )
    end = _HEADER.size + length
    sealed = file[_HEADER.size : end]
    if len(sealed) != length:
        raise SealBrokenError("a file of the store is shorter than its header says")
    plaintext = unseal(sealed, key=key, associated=associated(section, name, term))
    return Opened(term, plaintext, file[end:])


def reseal(file: bytes, section: Section, name: str, *, keys: RootKeys, random: Random) -> bytes:
    """The same file, its first section sealed under the newest term; what follows is as it was.

    Raises:
        SealBrokenError, UnknownFormatError: As ``open_file``.
    """
    opened = open_file(file, section, name, keys=keys)
    return seal_file(opened.plaintext, section, name, keys=keys, random=random) + opened.rest


def term_of(file: bytes) -> int:
    """The term that sealed a file's first section, where that is known to open."""
    return int(_HEADER.unpack_from(file)[2])


def section_bytes(file: bytes) -> int | None:
    """How long a file's first section is; None where it is none of ours, or was cut there."""
    try:
        magic, _, _, length = _HEADER.unpack_from(file)
    except struct_error:
        return None
    return int(length) if magic == MAGIC and len(file) >= _HEADER.size + length else None


def with_our_header(file: bytes, term: int) -> bytes:
    """The same file, as if of our format version and of this term.

    If it opens so, it was ours, and its header was changed. No harm can come of trying: what was
    sealed as something else does not open.
    """
    try:
        magic, _, _, length = _HEADER.unpack_from(file)
    except struct_error:
        return file
    return _HEADER.pack(magic, FORMAT_VERSION, term, length) + file[_HEADER.size :]


def associated(section: Section, name: str, term: int = 0) -> bytes:
    """What a section is, as its associated data; a cubbyhole is of no term."""
    return _ASSOCIATED.pack(MAGIC, FORMAT_VERSION, section, bytes.fromhex(name), term)
