"""A token's file, byte by byte: a clear header, sealed metadata, and a sealed cubbyhole or none.

    "cubbyd"  version  term  length   metadata             cubbyhole
    6 bytes   u16      u32   u32      length bytes          what is left

All integers are big-endian. The metadata is sealed under the daemon's root key of that term; the
cubbyhole under a key made of the token and of the file key that lies in the metadata. The
associated data names version, section and accessor (and the metadata's term), so a file that was
renamed, spliced or copied over another does not open; and metadata that has a file key wants a
cubbyhole, so none can be cut off. docs/format.md describes every byte.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct
from struct import error as struct_error
from typing import Final, TypeAlias, TypeVar

from cubbyd import codec
from cubbyd.clock import Timestamp
from cubbyd.core.token import Accessor, Creator, TokenEntry, TokenType
from cubbyd.crypto.keys import KEY_BYTES, RootKeys, cubbyhole_key
from cubbyd.crypto.sealing import NONCE_BYTES, seal, unseal
from cubbyd.errors import IntegrityError, MalformedFrameError, SealBrokenError
from cubbyd.secret import Secret
from cubbyd.value import Map, Value

FORMAT_VERSION: Final = 1
MAGIC: Final = b"cubbyd"

_HEADER = Struct(">6sHII")
_METADATA, _CUBBYHOLE = 1, 2
_ASSOCIATED = Struct(">6sHB16sI")

_TYPES = {kind.value: kind for kind in TokenType}

T = TypeVar("T")

Random: TypeAlias = Callable[[int], bytes]
"""So many bytes that nobody can guess: os.urandom, but for frozen vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A file that was read: its metadata open, its cubbyhole as sealed as it was."""

    entry: TokenEntry
    term: int = 0
    """The term of the root key that sealed the metadata; 0 for one that is not on disk yet."""
    file_key: Secret | None = None
    sealed: bytes = field(default=b"", repr=False)

    def open(self, token: Secret) -> bytes | None:
        """The cubbyhole's contents as they were encoded, or None where nothing was ever stored.

        Raises:
            SealBrokenError: The cubbyhole is damaged.
        """
        if self.file_key is None:
            return None
        key = cubbyhole_key(self.file_key, token)
        return unseal(self.sealed, key=key, associated=_associated(_CUBBYHOLE, self.entry.accessor))


def with_contents(entry: TokenEntry, token: Secret, contents: bytes, random: Random) -> Record:
    """A record with a new cubbyhole, under a new file key."""
    file_key = Secret(random(KEY_BYTES))
    sealed = seal(
        contents,
        key=cubbyhole_key(file_key, token),
        associated=_associated(_CUBBYHOLE, entry.accessor),
        nonce=random(NONCE_BYTES),
    )
    return Record(entry=entry, file_key=file_key, sealed=sealed)


def encode(record: Record, keys: RootKeys, random: Random) -> bytes:
    """The record as a file, its metadata sealed under the newest term."""
    metadata = _metadata_to_map(record.entry)
    if record.file_key is not None:
        metadata["file_key"] = record.file_key.reveal()
    section = seal(
        codec.encode(metadata),
        key=keys.terms[keys.term],
        associated=_associated(_METADATA, record.entry.accessor, keys.term),
        nonce=random(NONCE_BYTES),
    )
    header = _HEADER.pack(MAGIC, FORMAT_VERSION, keys.term, len(section))
    return header + section + record.sealed


def decode(file: bytes, accessor: Accessor, keys: RootKeys) -> Record:
    """The record in a file that lay under this accessor's name.

    Raises:
        SealBrokenError: It does not open as this accessor's.
        IntegrityError: It is of another format version, or of a term that the keyring lacks.
    """
    try:
        magic, version, term, length = _HEADER.unpack_from(file)
    except struct_error:
        raise SealBrokenError("a token's file is shorter than its header") from None
    if magic != MAGIC:
        raise SealBrokenError("a token's file does not begin as one")
    if version != FORMAT_VERSION:
        raise IntegrityError(
            f"a token's file has format version {version}; this cubbyd reads {FORMAT_VERSION}"
        )
    key = keys.terms.get(term)
    if key is None:
        raise IntegrityError(f"a token's file wants key term {term}, which the keyring lacks")
    end = _HEADER.size + length
    section, sealed = file[_HEADER.size : end], file[end:]
    if len(section) != length:
        raise SealBrokenError("a token's file is shorter than its header says")
    plaintext = unseal(section, key=key, associated=_associated(_METADATA, accessor, term))
    entry, file_key = _metadata_from(plaintext)
    if (file_key is None) == bool(sealed) or entry.accessor != accessor:
        raise SealBrokenError("a token's file does not end where its metadata says")
    return Record(entry=entry, term=term, file_key=file_key, sealed=sealed)


def _associated(section: int, accessor: Accessor, term: int = 0) -> bytes:
    return _ASSOCIATED.pack(MAGIC, FORMAT_VERSION, section, bytes.fromhex(accessor), term)


def _metadata_to_map(entry: TokenEntry) -> Map:
    creator = entry.creator
    fields: Map = {
        "accessor": entry.accessor,
        "type": entry.type.value,
        "policies": [*entry.policies],
        "path": entry.path,
        "creator": _present(
            {
                "uid": creator.uid,
                "gid": creator.gid,
                "pid": creator.pid,
                "exe": creator.exe,
                "unit": creator.unit,
            }
        ),
        "created_at": entry.created_at,
        "issued_at": entry.issued_at,
        "parent": entry.parent,
        "renewed_at": entry.renewed_at,
        "expires_at": entry.expires_at,
        "ttl": entry.ttl,
        "explicit_max_ttl": entry.explicit_max_ttl,
        "period": entry.period,
        "num_uses": entry.num_uses,
        "renewable": entry.renewable,
        "display_name": entry.display_name,
        "meta": None if entry.meta is None else {**entry.meta},
        "wrapped_accessor": entry.wrapped_accessor,
    }
    return _present(fields)


def _present(fields: Map) -> Map:
    """What is none is left out: a file says only what there is."""
    return {key: value for key, value in fields.items() if value is not None}


def _metadata_from(plaintext: bytes) -> tuple[TokenEntry, Secret | None]:
    """The entry and the file key. What opened was sealed by us, so only its shape is looked at."""
    match _decoded(plaintext):
        case {
            "accessor": str(accessor),
            "type": str(kind),
            "policies": list(policies),
            "path": str(path),
            "creator": {"uid": int(uid), "gid": int(gid), "pid": int(pid), **observed},
            "created_at": int(created_at) | float(created_at),
            "issued_at": int(issued_at) | float(issued_at),
            "ttl": int(ttl) | float(ttl),
            "explicit_max_ttl": int(explicit_max_ttl) | float(explicit_max_ttl),
            "period": int(period) | float(period),
            "num_uses": int(num_uses),
            "renewable": bool(renewable),
            "display_name": str(display_name),
            **rest,
        } if kind in _TYPES:
            file_key = _optional(rest, "file_key", bytes)
            meta = _optional(rest, "meta", dict)
            entry = TokenEntry(
                accessor=Accessor(accessor),
                type=_TYPES[kind],
                policies=tuple(str(name) for name in policies),
                path=path,
                creator=Creator(
                    uid=uid,
                    gid=gid,
                    pid=pid,
                    exe=_optional(observed, "exe", str),
                    unit=_optional(observed, "unit", str),
                ),
                created_at=created_at,
                issued_at=issued_at,
                parent=_accessor(rest, "parent"),
                renewed_at=_instant(rest, "renewed_at"),
                expires_at=_instant(rest, "expires_at"),
                ttl=ttl,
                explicit_max_ttl=explicit_max_ttl,
                period=period,
                num_uses=num_uses,
                renewable=renewable,
                display_name=display_name,
                meta=None if meta is None else {key: str(value) for key, value in meta.items()},
                wrapped_accessor=_accessor(rest, "wrapped_accessor"),
            )
            return entry, None if file_key is None else Secret(file_key)
        case _:
            raise SealBrokenError("a token's metadata cannot be understood")


def _decoded(plaintext: bytes) -> Value:
    try:
        return codec.decode_own(plaintext)
    except MalformedFrameError:
        return None


def _optional(fields: dict[object, object], key: str, kind: type[T]) -> T | None:
    value = fields.get(key)
    if value is None or isinstance(value, kind):
        return value
    raise SealBrokenError("a token's metadata cannot be understood")


def _instant(fields: dict[object, object], key: str) -> Timestamp | None:
    # A clock, and what is added to it, may well be whole seconds.
    value = fields.get(key)
    if value is None or isinstance(value, int | float):
        return value
    raise SealBrokenError("a token's metadata cannot be understood")


def _accessor(fields: dict[object, object], key: str) -> Accessor | None:
    text = _optional(fields, key, str)
    return None if text is None else Accessor(text)
