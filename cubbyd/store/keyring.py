"""The keyring: the root keys and the accessor key in one file, wrapped by a key-encryption key.

    "cubbykey"  version  length   parameters     keys
    8 bytes     u16      u32      length bytes    what is left

The parameters (CBOR, in clear) say how the key-encryption key comes about: ``{"kdf": "none"}`` for
32 random bytes from a key file. The keys (CBOR, sealed) are
``{"accessor_key": bytes, "terms": {"1": bytes, ...}, "installed_at": {"1": time, ...}}``. All that
stands before them is their associated data. docs/format.md describes every byte.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path
from struct import Struct
from struct import error as struct_error
from typing import Final

from cubbyd import codec
from cubbyd.clock import Timestamp
from cubbyd.core.token import is_accessor
from cubbyd.crypto.keys import KEY_BYTES, RootKeys
from cubbyd.crypto.sealing import NONCE_BYTES, seal, unseal
from cubbyd.errors import (
    IntegrityError,
    MalformedFrameError,
    RefusedError,
    StartError,
    StoreError,
)
from cubbyd.secret import Secret
from cubbyd.store.batch import Write, apply
from cubbyd.store.files import DiskFiles, Files, sweep
from cubbyd.store.policy_record import PREFIX as POLICY_PREFIX
from cubbyd.store.sealed_file import Random
from cubbyd.store.system_calls import SystemCalls
from cubbyd.value import Map, Value

KEYRING_NAME: Final = "keyring"
MAGIC: Final = b"cubbykey"
VERSION: Final = 1

_HEADER = Struct(">8sHI")
_RANDOM_KEY = codec.encode({"kdf": "none"})


def load_or_create(
    files: Files,
    key_file: Path,
    random: Random,
    calls: SystemCalls = os,
    *,
    now: Timestamp | None = None,
) -> RootKeys:
    """The store's keys; a store without anything in it gets new ones.

    A key file is made only where neither keyring nor tokens exist: a key that is lost is an error,
    never a fresh start.

    Args:
        files: The store.
        key_file: Where the key lies that opens its keyring.
        random: For new keys.
        calls: What reads and writes the key file.
        now: When new keys are made, to be noted beside them.

    Raises:
        StartError: Says what is missing or damaged, and what to do.
    """
    try:
        file = files.read(KEYRING_NAME)
        in_use = file is not None or any(_holds(name) for name in files.names())
        wrapping_key = _read_key_file(key_file, calls)
        if file is not None and wrapping_key is not None:
            return replace(decode(file, wrapping_key), wrapping_key=wrapping_key)
        if in_use:
            raise StartError(_lost(key_file) if file is not None else _KEYRING_GONE)
        wrapping_key = _durable_key_file(key_file, wrapping_key, random, calls)
        keys = RootKeys(
            accessor_key=Secret(random(KEY_BYTES)),
            terms={1: Secret(random(KEY_BYTES))},
            installed_at={} if now is None else {1: now},
            wrapping_key=wrapping_key,
        )
        _save(files, encode(keys, wrapping_key, random))
    except OSError as error:
        raise StartError(f"the keys cannot be read or written: {error.strerror}") from None
    except (RefusedError, StoreError) as error:
        raise StartError(str(error)) from None
    return keys


def _holds(name: str) -> bool:
    """Whether a name in the store is that of something sealed under its keys."""
    return is_accessor(name) or name.startswith(POLICY_PREFIX)


def encode(keys: RootKeys, wrapping_key: Secret, random: Random) -> bytes:
    """The keyring as a file."""
    clear = _HEADER.pack(MAGIC, VERSION, len(_RANDOM_KEY)) + _RANDOM_KEY
    fields: Map = {
        "accessor_key": keys.accessor_key.reveal(),
        "terms": {str(term): key.reveal() for term, key in keys.terms.items()},
    }
    if keys.installed_at:
        fields["installed_at"] = {str(term): at for term, at in keys.installed_at.items()}
    secret = codec.encode(fields)
    return clear + seal(secret, key=wrapping_key, associated=clear, nonce=random(NONCE_BYTES))


def rewriting(keys: RootKeys, random: Random) -> Write:
    """The change that puts these keys in the place of those that were read from a keyring."""
    if keys.wrapping_key is None:
        raise ValueError("keys that came from no keyring cannot be put into one")
    return Write(KEYRING_NAME, encode(keys, keys.wrapping_key, random))


def decode(file: bytes, wrapping_key: Secret) -> RootKeys:
    """The keys in a keyring's file.

    Raises:
        IntegrityError: It is damaged, of another version, or wrapped by another key.
    """
    try:
        magic, version, length = _HEADER.unpack_from(file)
    except struct_error:
        magic, version, length = b"", 0, 0
    if magic != MAGIC:
        raise IntegrityError(_DAMAGED)
    end = _HEADER.size + length
    # The version first: what a newer one has for parameters need make no sense to us.
    if version != VERSION or _parameters(file[_HEADER.size : end]) != {"kdf": "none"}:
        raise IntegrityError(
            f"the keyring has format version {version} or key parameters that this cubbyd does "
            "not know; use the cubbyd that wrote it"
        )
    try:
        fields = codec.decode_own(unseal(file[end:], key=wrapping_key, associated=file[:end]))
    except (IntegrityError, MalformedFrameError):
        raise IntegrityError(
            "the keyring does not open: it is damaged, or the key file is another store's"
        ) from None
    match fields:
        case {"accessor_key": bytes(accessor_key), "terms": dict(terms), **rest}:
            return RootKeys(
                accessor_key=Secret(accessor_key),
                terms={
                    int(term): Secret(key) for term, key in terms.items() if isinstance(key, bytes)
                },
                installed_at=_instants(rest.get("installed_at")),
            )
        case _:
            raise IntegrityError("the keyring's content cannot be understood")


def _parameters(encoded: bytes) -> Value:
    try:
        return codec.decode(encoded)
    except MalformedFrameError:
        raise IntegrityError(_DAMAGED) from None


def _instants(fields: object) -> dict[int, Timestamp]:
    """The times by term; nothing depends on one that is missing, as in a keyring that has none."""
    if not isinstance(fields, dict):
        return {}
    return {int(term): at for term, at in fields.items() if isinstance(at, int | float)}


_DAMAGED = "the keyring is damaged; restore it from a copy of the store"
_KEYRING_GONE = (
    "the store holds tokens but no keyring, and nothing opens them without it; "
    "restore the file 'keyring' from a copy of the store"
)


def _lost(key_file: Path) -> str:
    return (
        f"the key file {key_file} is missing, and the store's keyring opens with nothing else; "
        "restore it, name another with --key-file, or begin anew with an empty --store"
    )


def _save(files: Files, data: bytes) -> None:
    (problem,) = apply(files, [[Write(KEYRING_NAME, data)]])
    if problem is not None:
        raise problem


def _read_key_file(path: Path, calls: SystemCalls) -> Secret | None:
    """The key in a key file: 64 hex digits and a newline; None when there is no file."""
    try:
        fd = calls.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(f"the key file {path} cannot be read: {error.strerror}") from None
    try:
        status = calls.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()):
            raise StartError(f"the key file {path} is no file of yours; see --key-file")
        if status.st_mode & 0o077:
            raise StartError(f"the key file {path} is open to others; run: chmod 600 {path}")
        text = calls.read(fd, 2 * KEY_BYTES + 2)
    finally:
        calls.close(fd)
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartError(f"the key file {path} does not hold {2 * KEY_BYTES} hex digits")
    return Secret(key)


def _durable_key_file(path: Path, key: Secret | None, random: Random, calls: SystemCalls) -> Secret:
    """The key in the key file, or a new one: durable under its name before anything depends on it.

    Also one that is there already: a first start may have been killed before it was durable.
    """
    try:
        directory = DiskFiles(path.parent, calls)
    except PermissionError:
        if key is None:
            raise
        return key  # we did not put it there
    try:
        sweep(directory, directory.names())
        if key is None:
            key = Secret(random(KEY_BYTES))
            directory.publish(directory.stage(key.reveal().hex().encode() + b"\n"), path.name)
        directory.sync()
    finally:
        directory.close()
    return key
