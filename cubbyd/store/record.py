"""A token's file: sealed metadata, and behind it a sealed cubbyhole or none.

The metadata is the first section (``sealed_file``). The cubbyhole is sealed under a key made of the
token and of the file key that lies in the metadata: old metadata does not open new contents, and
metadata that has a file key wants a cubbyhole, so none can be cut off. docs/format.md describes
every byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import contains
from typing import Final, NotRequired, TypedDict, cast

from cubbyd import codec
from cubbyd.clock import Timestamp
from cubbyd.core.token import Accessor, Creator, TokenEntry, TokenType
from cubbyd.crypto.keys import RootKeys, cubbyhole_key
from cubbyd.crypto.opener import KEY_BYTES
from cubbyd.crypto.sealing import NONCE_BYTES, seal, unseal
from cubbyd.errors import MalformedFrameError, SealBrokenError
from cubbyd.secret import Secret
from cubbyd.store.sealed_file import Random, Section, associated, open_file, seal_file
from cubbyd.value import Map, Value

_TYPES = {kind.value: kind for kind in TokenType}


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
        UnknownFormatError: It is of another format version, or of a term that the keyring lacks.
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


class _CreatorMap(TypedDict):
    uid: int
    gid: int
    pid: int
    exe: NotRequired[str]
    unit: NotRequired[str]


class _MetadataMap(TypedDict):
    """What ``_metadata_to_map`` makes."""

    accessor: str
    type: str
    policies: list[str]
    path: str
    creator: _CreatorMap
    created_at: Timestamp
    issued_at: Timestamp
    parent: NotRequired[str]
    renewed_at: NotRequired[Timestamp]
    expires_at: NotRequired[Timestamp]
    ttl: float
    explicit_max_ttl: float
    period: float
    num_uses: int
    renewable: bool
    display_name: str
    meta: NotRequired[dict[str, str]]
    wrapped_accessor: NotRequired[str]
    file_key: NotRequired[bytes]


_ABSENT: Final = type(None)
_NUMBER: Final = (float, int)  # a clock, and what is added to it, may well be whole seconds


class _Shape:
    """Of which types the members of a map are.

    A token that is not in the cache has its metadata read for every request, and nearly all have
    the same: so what was once found to fit is not looked at one by one again.
    """

    def __init__(self, kinds: Mapping[str, tuple[type, ...]]) -> None:
        self._kinds = kinds
        self._known: set[tuple[type, ...]] = set()

    def fits(self, fields: Map) -> bool:
        """Whether each member is of one of its types."""
        types = tuple(map(type, map(fields.get, self._kinds)))
        if types not in self._known:
            if not all(map(contains, self._kinds.values(), types)):
                return False
            self._known.add(types)
        return True


_CREATOR: Final = _Shape(
    {
        **dict.fromkeys(("uid", "gid", "pid"), (int,)),
        **dict.fromkeys(("exe", "unit"), (str, _ABSENT)),
    }
)
_METADATA: Final = _Shape(
    {
        **dict.fromkeys(("accessor", "type", "path", "display_name"), (str,)),
        **dict.fromkeys(("created_at", "issued_at", "ttl", "explicit_max_ttl", "period"), _NUMBER),
        **dict.fromkeys(("renewed_at", "expires_at"), (*_NUMBER, _ABSENT)),
        **dict.fromkeys(("parent", "wrapped_accessor"), (str, _ABSENT)),
        "policies": (list,),
        "creator": (dict,),
        "num_uses": (int,),
        "renewable": (bool,),
        "meta": (dict, _ABSENT),
        "file_key": (bytes, _ABSENT),
    }
)
"""``_MetadataMap`` as a table."""


def _metadata_from(plaintext: bytes) -> tuple[TokenEntry, Secret | None]:
    """The entry and the file key. What opened was sealed by us, so only its shape is looked at."""
    found = _decoded(plaintext)
    if not (
        isinstance(found, dict)
        and _METADATA.fits(found)
        and found["type"] in _TYPES
        and isinstance(found["creator"], dict)
        and _CREATOR.fits(found["creator"])
    ):
        raise SealBrokenError("a token's metadata cannot be understood")
    fields = cast("_MetadataMap", found)
    creator, meta, file_key = fields["creator"], fields.get("meta"), fields.get("file_key")
    parent, wrapped_accessor = fields.get("parent"), fields.get("wrapped_accessor")
    entry = TokenEntry(
        accessor=Accessor(fields["accessor"]),
        type=_TYPES[fields["type"]],
        policies=tuple(map(str, fields["policies"])),
        path=fields["path"],
        creator=Creator(
            uid=creator["uid"],
            gid=creator["gid"],
            pid=creator["pid"],
            exe=creator.get("exe"),
            unit=creator.get("unit"),
        ),
        created_at=fields["created_at"],
        issued_at=fields["issued_at"],
        parent=None if parent is None else Accessor(parent),
        renewed_at=fields.get("renewed_at"),
        expires_at=fields.get("expires_at"),
        ttl=fields["ttl"],
        explicit_max_ttl=fields["explicit_max_ttl"],
        period=fields["period"],
        num_uses=fields["num_uses"],
        renewable=fields["renewable"],
        display_name=fields["display_name"],
        meta=None if meta is None else {key: str(value) for key, value in meta.items()},
        wrapped_accessor=None if wrapped_accessor is None else Accessor(wrapped_accessor),
    )
    return entry, None if file_key is None else Secret(file_key)


def _decoded(plaintext: bytes) -> Value:
    try:
        return codec.decode_own(plaintext)
    except MalformedFrameError:
        return None
