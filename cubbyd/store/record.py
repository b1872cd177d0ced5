"""A token's file: sealed metadata, and behind it a sealed cubbyhole or none.

The metadata is the first section (``sealed_file``). The cubbyhole is sealed under a key made of the
token and of the file key that lies in the metadata: old metadata does not open new contents, and
metadata that has a file key wants a cubbyhole, so none can be cut off. docs/format.md describes
every byte.
"""

from dataclasses import dataclass, field
from typing import TypeVar

from cubbyd import codec
from cubbyd.clock import Timestamp
from cubbyd.core.token import Accessor, Creator, TokenEntry, TokenType
from cubbyd.crypto.keys import KEY_BYTES, RootKeys, cubbyhole_key
from cubbyd.crypto.sealing import NONCE_BYTES, seal, unseal
from cubbyd.errors import MalformedFrameError, SealBrokenError
from cubbyd.secret import Secret
from cubbyd.store.sealed_file import Random, Section, associated, open_file, seal_file
from cubbyd.value import Map, Value

_TYPES = {kind.value: kind for kind in TokenType}

T = TypeVar("T")


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
        accessor = self.entry.accessor
        kind = associated(Section.CUBBYHOLE, accessor)
        try:
            return unseal(self.sealed, key=cubbyhole_key(self.file_key, token), associated=kind)
        except SealBrokenError:
            problem = f"token file {accessor}: its cubbyhole does not open"
        raise SealBrokenError(problem)


def with_contents(entry: TokenEntry, token: Secret, contents: bytes, random: Random) -> Record:
    """A record with a new cubbyhole, under a new file key."""
    file_key = Secret(random(KEY_BYTES))
    sealed = seal(
        contents,
        key=cubbyhole_key(file_key, token),
        associated=associated(Section.CUBBYHOLE, entry.accessor),
        nonce=random(NONCE_BYTES),
    )
    return Record(entry=entry, file_key=file_key, sealed=sealed)


def encode(record: Record, keys: RootKeys, random: Random) -> bytes:
    """The record as a file, its metadata sealed under the newest term."""
    metadata = _metadata_to_map(record.entry)
    if record.file_key is not None:
        metadata["file_key"] = record.file_key.reveal()
    plaintext = codec.encode(metadata)
    accessor = record.entry.accessor
    file = seal_file(plaintext, Section.METADATA, accessor, keys=keys, random=random)
    return file + record.sealed


def decode(file: bytes, accessor: Accessor, keys: RootKeys) -> Record:
    """The record in a file that lay under this accessor's name.

    Raises:
        SealBrokenError: It does not open as this accessor's.
        IntegrityError: It is of another format version, or of a term that the keyring lacks.
    """
    term, plaintext, sealed = open_file(file, Section.METADATA, accessor, keys=keys)
    entry, file_key = _metadata_from(plaintext)
    if (file_key is None) == bool(sealed) or entry.accessor != accessor:
        raise SealBrokenError("a token's file does not end where its metadata says")
    return Record(entry=entry, term=term, file_key=file_key, sealed=sealed)


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
