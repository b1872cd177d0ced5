"""The keyring: the root keys and the accessor key in one file, wrapped by a key-encryption key.

    "cubbykey"  version  length   parameters     keys
    8 bytes     u16      u32      length bytes    what is left

The parameters (CBOR, in clear) say what opens the keys: a key file or a credential with 32 random
bytes, or a passphrase. The keys (CBOR, sealed) are
``{"accessor_key": bytes, "terms": {"1": bytes, ...}, "installed_at": {"1": time, ...}}``. All that
stands before them is their associated data. docs/format.md describes every byte.
"""

from collections.abc import Callable
from struct import Struct
from struct import error as struct_error
from typing import Final, TypeAlias

from cubbyd import codec
from cubbyd.clock import Timestamp
from cubbyd.core.token import is_accessor
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import KEY_BYTES, Argon2id, KeySource, Opener
from cubbyd.crypto.sealing import NONCE_BYTES, seal, unseal
from cubbyd.errors import (
    IntegrityError,
    InvalidRequestError,
    MalformedFrameError,
    RefusedError,
    SealBrokenError,
    StartError,
    WrongPassphraseError,
)
from cubbyd.secret import Secret
from cubbyd.store.batch import FileChange, apply, refused
from cubbyd.store.files import QUARANTINE_PREFIX, Files
from cubbyd.store.key_places import CREDENTIAL, KeyPlaces
from cubbyd.store.policy_record import PREFIX as POLICY_PREFIX
from cubbyd.store.sealed_file import Random
from cubbyd.value import Map, Value

KEYRING_NAME: Final = "keyring"
MAGIC: Final = b"cubbykey"
VERSION: Final = 1

_HEADER = Struct(">8sHI")

Hold: TypeAlias = Callable[[bytes], Secret]
"""Keeps a key: in memory of its own, or in a test anywhere."""


def load_or_create(
    files: Files,
    places: KeyPlaces,
    random: Random,
    *,
    hold: Hold = Secret,
    now: Timestamp | None = None,
) -> RootKeys | None:
    """The store's keys; a store without anything in it gets new ones.

    A key that opens the keyring is made only where neither keyring nor tokens exist: one that is
    lost is an error, never a fresh start. Where there is a credential, the new keyring opens with
    that; else with a key file.

    Args:
        files: The store.
        places: Where the key may lie that opens its keyring.
        random: For new keys.
        hold: Keeps the keys.
        now: When new keys are made, to be noted beside them.

    Returns:
        None where only a passphrase opens the keyring: see ``unlock``.

    Raises:
        StartError: Says what is missing or damaged, and what to do.
        StoreError: Nobody knows what is on disk.
    """
    try:
        file = files.read(KEYRING_NAME)
        if file is None:
            if any(_holds(name) for name in files.names()):
                raise StartError(_KEYRING_GONE)
            return _create(files, places, random, hold, now)
        source, _ = source_of(file)
        if source is KeySource.PASSPHRASE:
            return None
        key = places.read(source)
        if key is None:
            raise StartError(_lost(source, places))
        return decode(file, key, hold)
    except OSError as error:
        raise StartError(f"the keys cannot be read or written: {error.strerror}") from None
    except RefusedError as error:
        raise StartError(str(error)) from None


def unlock(files: Files, passphrase: Secret, *, hold: Hold = Secret) -> RootKeys:
    """The store's keys, where a passphrase opens them. Takes most of a second.

    Raises:
        WrongPassphraseError: It does not open them.
        RefusedError: The keyring cannot be read, or opens with something else.
    """
    try:
        file = files.read(KEYRING_NAME)
    except OSError as error:
        raise refused(error) from None
    if file is None:
        raise IntegrityError(_KEYRING_GONE)
    _, argon2id = source_of(file)
    if argon2id is None:
        raise InvalidRequestError("this store's keyring opens with no passphrase")
    try:
        return decode(file, argon2id.derive(passphrase), hold)
    except SealBrokenError:
        raise WrongPassphraseError(_WRONG_OR_DAMAGED) from None


def _create(
    files: Files, places: KeyPlaces, random: Random, hold: Hold, now: Timestamp | None
) -> RootKeys:
    source = KeySource.CREDENTIAL
    key = places.read(source)
    if key is None:
        source = KeySource.KEY_FILE
        key = places.durable_key_file(random)
    keys = RootKeys(
        accessor_key=hold(random(KEY_BYTES)),
        terms={1: hold(random(KEY_BYTES))},
        installed_at={} if now is None else {1: now},
        opener=Opener(key=hold(key.reveal()), source=source),
        keep=hold,
    )
    (problem,) = apply(files, [[rewriting(keys, random)]])
    if problem is not None:
        raise problem
    return keys


def _holds(name: str) -> bool:
    """Whether a name in the store is that of something sealed under its keys, or of much of it."""
    return is_accessor(name) or name.startswith((POLICY_PREFIX, QUARANTINE_PREFIX))


def encode(keys: RootKeys, opener: Opener, random: Random) -> bytes:
    """The keyring as a file."""
    parameters = codec.encode(_parameters(opener))
    clear = _HEADER.pack(MAGIC, VERSION, len(parameters)) + parameters
    fields: Map = {
        "accessor_key": keys.accessor_key.reveal(),
        "terms": {str(term): key.reveal() for term, key in keys.terms.items()},
    }
    if keys.installed_at:
        fields["installed_at"] = {str(term): at for term, at in keys.installed_at.items()}
    secret = codec.encode(fields)
    return clear + seal(secret, key=opener.key, associated=clear, nonce=random(NONCE_BYTES))


def rewriting(keys: RootKeys, random: Random) -> FileChange:
    """The change that puts these keys in the place of those that were read from a keyring."""
    if keys.opener is None:
        raise ValueError("keys that came from no keyring cannot be put into one")
    return FileChange(KEYRING_NAME, encode(keys, keys.opener, random))


def source_of(file: bytes) -> tuple[KeySource, Argon2id | None]:
    """What a keyring opens with, and how that is made of a passphrase where it is one.

    Raises:
        IntegrityError: It is damaged, or of another version.
    """
    return _header(file)[1:]


def decode(file: bytes, key: Secret, hold: Hold = Secret) -> RootKeys:
    """The keys in a keyring's file.

    Raises:
        SealBrokenError: It is damaged, or opens with another key.
        IntegrityError: It is of another version.
    """
    end, source, argon2id = _header(file)
    try:
        fields = codec.decode_own(unseal(file[end:], key=key, associated=file[:end]))
    except (IntegrityError, MalformedFrameError):
        raise SealBrokenError(
            f"the keyring does not open: it is damaged, or the {_WORDS[source]} is another store's"
        ) from None
    match fields:
        case {"accessor_key": bytes(accessor_key), "terms": dict(terms), **rest}:
            return RootKeys(
                accessor_key=hold(accessor_key),
                terms={
                    int(term): hold(each) for term, each in terms.items() if isinstance(each, bytes)
                },
                installed_at=_instants(rest.get("installed_at")),
                opener=Opener(key=hold(key.reveal()), source=source, argon2id=argon2id),
                keep=hold,
            )
        case _:
            raise IntegrityError("the keyring's content cannot be understood")


def _header(file: bytes) -> tuple[int, KeySource, Argon2id | None]:
    """Where a keyring's sealed keys begin, and what opens them."""
    try:
        magic, version, length = _HEADER.unpack_from(file)
    except struct_error:
        magic, version, length = b"", 0, 0
    if magic != MAGIC:
        raise IntegrityError(_DAMAGED)
    end = _HEADER.size + length
    # The version first: what a newer one has for parameters need make no sense to us.
    found = _source(_read_parameters(file[_HEADER.size : end])) if version == VERSION else None
    if found is None:
        raise IntegrityError(
            f"the keyring has format version {version} or key parameters that this cubbyd does "
            "not know; use the cubbyd that wrote it"
        )
    return end, *found


def _parameters(opener: Opener) -> Map:
    """What a keyring says in clear; a key file's says least, being the first that there was."""
    made = opener.argon2id
    if made is not None:
        salt, opslimit, memlimit = made.salt, made.opslimit, made.memlimit
        return {"kdf": "argon2id", "salt": salt, "opslimit": opslimit, "memlimit": memlimit}
    if opener.source is KeySource.CREDENTIAL:
        return {"kdf": "none", "source": "credential"}
    return {"kdf": "none"}


def _source(parameters: Value) -> tuple[KeySource, Argon2id | None] | None:
    """The inverse of ``_parameters``; None for what we do not know."""
    if parameters == {"kdf": "none"}:
        return KeySource.KEY_FILE, None
    if parameters == {"kdf": "none", "source": "credential"}:
        return KeySource.CREDENTIAL, None
    match parameters:
        case {
            "kdf": "argon2id",
            "salt": bytes(salt),
            "opslimit": int(opslimit),
            "memlimit": int(memlimit),
            **others,
        } if not others:
            made = Argon2id(salt=salt, opslimit=opslimit, memlimit=memlimit)
            return (KeySource.PASSPHRASE, made) if made.is_bounded else None
        case _:
            return None


def _read_parameters(encoded: bytes) -> Value:
    try:
        return codec.decode(encoded)
    except MalformedFrameError:
        raise IntegrityError(_DAMAGED) from None


def _instants(fields: object) -> dict[int, Timestamp]:
    """The times by term; nothing depends on one that is missing, as in a keyring that has none."""
    if not isinstance(fields, dict):
        return {}
    return {int(term): at for term, at in fields.items() if isinstance(at, int | float)}


_WRONG_OR_DAMAGED = "the passphrase is wrong, or the keyring is damaged"
_DAMAGED = "the keyring is damaged; restore it from a copy of the store"
_KEYRING_GONE = (
    "the store holds tokens but no keyring, and nothing opens them without it; "
    "restore the file 'keyring' from a copy of the store"
)


_WORDS: Final = {
    KeySource.KEY_FILE: "key file",
    KeySource.CREDENTIAL: f"credential {CREDENTIAL}",
    KeySource.PASSPHRASE: "passphrase",
}


def _lost(source: KeySource, places: KeyPlaces) -> str:
    if source is KeySource.CREDENTIAL:
        return (
            f"the store's keyring opens with the systemd credential {CREDENTIAL}, and there is "
            f"none; the unit needs LoadCredentialEncrypted={CREDENTIAL}:PATH"
        )
    return (
        f"the key file {places.key_file} is missing, and the store's keyring opens with nothing "
        "else; restore it, name another with --key-file, or begin anew with an empty --store"
    )
