"""A token's file: sealed metadata, and behind it a sealed cubbyhole or none.

The metadata is the first section (``sealed_file``). The cubbyhole is sealed under a key made of the
token and of the file key that lies in the metadata: old metadata does not open new contents, and
metadata that has a file key wants a cubbyhole, so none can be cut off. docs/format.md describes
every byte.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from operator import contains
from typing import Final, TypeAlias, TypeVar, cast

from cubbyd import codec
from cubbyd.clock import Timestamp
from cubbyd.core.token import Accessor, Creator, TokenEntry, TokenType
from cubbyd.crypto.keys import RootKeys, cubbyhole_key
from cubbyd.crypto.opener import KEY_BYTES
from cubbyd.crypto.sealing import NONCE_BYTES, seal, unseal
from cubbyd.errors import MalformedFrameError, SealBrokenError
from cubbyd.secret import Secret
from cubbyd.store.sealed_file import Random, Section, associated, open_file, seal_file
from cubbyd.unchanging import unchanging
from cubbyd.value import Map, Value

K = TypeVar("K")
V = TypeVar("V")

MAX_SHARED: Final = 256
"""Of each kind, in memory besides those of the records that are there."""

_TYPES = {kind.value: kind for kind in TokenType}


@unchanging
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


class Encodings:
    """Metadata as it was encoded last: who writes again and again has the same, but a file key."""

    def __init__(self) -> None:
        self._known: dict[Accessor, tuple[TokenEntry, bytes]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def drop(self, accessor: Accessor) -> None:
        """Forget a token's."""
        self._known.pop(accessor, None)

    def of(self, entry: TokenEntry) -> bytes:
        """A map without a file key."""
        known = self._known.get(entry.accessor)
        if known is None or known[0] is not entry:
            known = entry, codec.encode(_metadata_to_map(entry))
            _remember(self._known, entry.accessor, known)
        return known[1]


def encode(
    record: Record, keys: RootKeys, random: Random, encodings: Encodings | None = None
) -> bytes:
    """The record as a file, its metadata sealed under the newest term.

    ``encodings`` is of the records that are written by the same.
    """
    plaintext = (Encodings() if encodings is None else encodings).of(record.entry)
    if record.file_key is not None:
        plaintext = codec.with_member(plaintext, "file_key", record.file_key.reveal())
    accessor = record.entry.accessor
    file = seal_file(plaintext, Section.METADATA, accessor, keys=keys, random=random)
    return file + record.sealed


class Shared:
    """What many records have in common, each in memory once: few programs make most of the tokens.

    Nobody changes any of it.
    """

    def __init__(self) -> None:
        self._creators: dict[_CreatorMembers, Creator] = {}
        self._meta: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        self._policies: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._texts: dict[str, str] = {}

    def creator(self, fields: Map) -> Creator:
        """The creator that a map tells of. Raises SealBrokenError where it tells of none."""
        members = cast("_CreatorMembers", _CREATOR.members(fields))
        creator = self._creators.get(members)
        if creator is None:
            uid, gid, pid, exe, unit = members
            creator = Creator(uid=uid, gid=gid, pid=pid, exe=exe, unit=unit)
            return _remember(self._creators, members, creator)
        return creator

    def meta(self, fields: Map) -> dict[str, str]:
        """Metadata of which the values are text."""
        items = tuple((key, str(value)) for key, value in fields.items())
        meta = self._meta.get(items)
        if meta is None:
            return _remember(self._meta, items, dict(items))
        return meta

    def policies(self, names: Sequence[str]) -> tuple[str, ...]:
        """These names."""
        policies = tuple(map(str, names))
        known = self._policies.get(policies)
        return _remember(self._policies, policies, policies) if known is None else known

    def text(self, text: str) -> str:
        """This text."""
        known = self._texts.get(text)
        return _remember(self._texts, text, text) if known is None else known


def _remember(known: dict[K, V], key: K, value: V) -> V:
    if len(known) >= MAX_SHARED:
        known.clear()
    known[key] = value
    return value


def decode(file: bytes, accessor: Accessor, keys: RootKeys, shared: Shared | None = None) -> Record:
    """The record in a file that lay under this accessor's name.

    ``shared`` is of the records that it is kept with.

    Raises:
        SealBrokenError: It does not open as this accessor's.
        UnknownFormatError: It is of another format version, or of a term that the keyring lacks.
    """
    term, plaintext, sealed = open_file(file, Section.METADATA, accessor, keys=keys)
    entry, file_key = _metadata_from(plaintext, shared or Shared())
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


_ABSENT: Final = type(None)
_NOT_UNDERSTOOD: Final = "a token's metadata cannot be understood"
_NUMBER: Final = (float, int)  # a clock, and what is added to it, may well be whole seconds


class _Shape:
    """Of which types the members of a map are.

    A token that is not in the cache has its metadata read for every request, and nearly all have
    the same: so what was once found to fit is not looked at one by one again.
    """

    def __init__(self, kinds: Mapping[str, tuple[type, ...]]) -> None:
        self._names = tuple(kinds)
        self._kinds = tuple(kinds.values())
        self._known: set[tuple[type, ...]] = set()

    def members(self, fields: Value) -> tuple[Value, ...]:
        """The members in this order, None for each that is absent.

        Raises:
            SealBrokenError: It is no map of this shape.
        """
        if not isinstance(fields, dict):
            raise SealBrokenError(_NOT_UNDERSTOOD)
        members = tuple(map(fields.get, self._names))
        types = tuple(map(type, members))
        if types not in self._known:
            if not all(map(contains, self._kinds, types)):
                raise SealBrokenError(_NOT_UNDERSTOOD)
            self._known.add(types)
        return members


_CREATOR: Final = _Shape(
    {
        **dict.fromkeys(("uid", "gid", "pid"), (int,)),
        **dict.fromkeys(("exe", "unit"), (str, _ABSENT)),
    }
)
_CreatorMembers: TypeAlias = tuple[int, int, int, str | None, str | None]

_METADATA: Final = _Shape(
    {
        "accessor": (str,),
        "type": (str,),
        "policies": (list,),
        "path": (str,),
        "creator": (dict,),
        **dict.fromkeys(("created_at", "issued_at"), _NUMBER),
        "parent": (str, _ABSENT),
        **dict.fromkeys(("renewed_at", "expires_at"), (*_NUMBER, _ABSENT)),
        **dict.fromkeys(("ttl", "explicit_max_ttl", "period"), _NUMBER),
        "num_uses": (int,),
        "renewable": (bool,),
        "display_name": (str,),
        "meta": (dict, _ABSENT),
        "wrapped_accessor": (str, _ABSENT),
        "file_key": (bytes, _ABSENT),
    }
)
_MetadataMembers: TypeAlias = tuple[
    *tuple[Accessor, str, list[str], str, Map, Timestamp, Timestamp],
    *tuple[Accessor | None, Timestamp | None, Timestamp | None],
    *tuple[float, float, float, int, bool, str],
    *tuple[Map | None, Accessor | None, bytes | None],
]


def _metadata_from(plaintext: bytes, shared: Shared) -> tuple[TokenEntry, Secret | None]:
    """The entry and the file key. What opened was sealed by us, so only its shape is looked at.

    What many tokens have, or one has twice, is one object: thousands of records are kept.
    """
    members = cast("_MetadataMembers", _METADATA.members(_decoded(plaintext)))
    (
        accessor,
        kind,
        policies,
        path,
        creator,
        created_at,
        issued_at,
        parent,
        renewed_at,
        expires_at,
        ttl,
        explicit_max_ttl,
        period,
        num_uses,
        renewable,
        display_name,
        meta,
        wrapped_accessor,
        file_key,
    ) = members
    if kind not in _TYPES:
        raise SealBrokenError(_NOT_UNDERSTOOD)
    entry = TokenEntry(
        accessor=accessor,
        type=_TYPES[kind],
        policies=shared.policies(policies),
        path=shared.text(path),
        creator=shared.creator(creator),
        created_at=created_at,
        issued_at=created_at if issued_at == created_at else issued_at,
        parent=parent,
        renewed_at=renewed_at,
        expires_at=expires_at,
        ttl=ttl,
        explicit_max_ttl=explicit_max_ttl or 0.0,
        period=period or 0.0,
        num_uses=num_uses,
        renewable=renewable,
        display_name=shared.text(display_name),
        meta=None if meta is None else shared.meta(meta),
        wrapped_accessor=wrapped_accessor,
    )
    return entry, None if file_key is None else Secret(file_key)


def _decoded(plaintext: bytes) -> Value:
    try:
        return codec.decode_own(plaintext)
    except MalformedFrameError:
        return None
