"""docs/format.md says enough: a reader written from it alone opens what the daemon wrote.

The reader below knows no code of the daemon's, only the page.
"""

import hashlib
import struct
from contextlib import closing
from dataclasses import replace

import cbor2
import pytest
from fakes import EPOCH, OWNER, counting_random
from house import open_house
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as aead_decrypt
from nacl.bindings import crypto_pwhash_alg
from nacl.exceptions import CryptoError

from cubbyd.crypto.opener import Argon2id, KeySource, Opener
from cubbyd.secret import Secret
from cubbyd.store.batch import apply
from cubbyd.store.files import DiskFiles
from cubbyd.store.key_places import KeyPlaces
from cubbyd.store.keyring import load_or_create, rewriting

# The reader


def unsealed(sealed, key, associated):
    padded = aead_decrypt(sealed[24:], associated, sealed[:24], key)
    plaintext = padded.rstrip(b"\0")
    assert plaintext.endswith(b"\x80")
    return cbor2.loads(plaintext[:-1])


def wrapping_key(parameters, *, digits=None, passphrase=None):
    """What opens a keyring with these parameters, made of digits or a passphrase."""
    match parameters:
        case {"kdf": "none", **where} if where in ({}, {"source": "credential"}):
            return bytes.fromhex(digits)
        case {"kdf": "argon2id", "salt": salt, "opslimit": passes, "memlimit": memory, **other}:
            assert (len(salt), other) == (16, {})
            assert 1 <= passes <= 16
            assert 8192 <= memory <= 1073741824
            return crypto_pwhash_alg(32, passphrase, salt, passes, memory, 2)  # 2: Argon2id
    raise AssertionError(parameters)


def read_keyring(store, **secret):
    """The accessor key, and the root keys by term."""
    file = (store / "keyring").read_bytes()
    magic, version, length = struct.unpack_from(">8sHI", file)
    assert (magic, version) == (b"cubbykey", 1)
    key = wrapping_key(cbor2.loads(file[14 : 14 + length]), **secret)
    keys = unsealed(file[14 + length :], key, file[: 14 + length])
    return keys["accessor_key"], {int(term): key for term, key in keys["terms"].items()}


def accessor_of(token, accessor_key):
    return hashlib.blake2b(token.encode(), key=accessor_key, digest_size=16).hexdigest()


def read_metadata(store, accessor, terms):
    """A token's metadata, and what follows it in the file."""
    file = (store / accessor).read_bytes()
    magic, version, term, length = struct.unpack_from(">6sHII", file)
    assert (magic, version) == (b"cubbyd", 1)
    associated = b"cubbyd\0\1\1" + bytes.fromhex(accessor) + struct.pack(">I", term)
    metadata = unsealed(file[16 : 16 + length], terms[term], associated)
    assert metadata["accessor"] == accessor
    return metadata, file[16 + length :]


def read_cubbyhole(store, accessor, terms, token):
    """Every object in a token's cubbyhole, by path."""
    metadata, sealed = read_metadata(store, accessor, terms)
    if "file_key" not in metadata:
        assert sealed == b""
        return {}
    key = hashlib.blake2b(token.encode(), key=metadata["file_key"], digest_size=32).digest()
    associated = b"cubbyd\0\1\2" + bytes.fromhex(accessor) + bytes(4)
    contents = unsealed(sealed, key, associated)
    return {path: cbor2.loads(item) for path, item in contents.items()}


# What it reads


@pytest.fixture
async def written(tmp_path):
    """A store that a daemon wrote, its key file, and three tokens: the last is a wrapping one."""
    store, key_file = tmp_path / "store", tmp_path / "config" / "key"
    with closing(DiskFiles(store)) as files:
        keys = load_or_create(files, KeyPlaces(key_file), counting_random())
        async with open_house(files, keys=keys, clock=lambda: EPOCH) as house:
            token = await house.token(meta={"for": "tests"}, ttl="1h", display_name="docs")
            limited = await house.token("root", num_uses=7)
            await house.owner.ask("write", "cubbyhole/a/b", {"key": b"\0\xff"}, token=token)
            await house.owner.ask("write", "cubbyhole/c", {"n": 2**70}, token=token)
            wrapping = await house.wrapped({"password": "xyzzy"}, ttl="20m")
    return store, key_file, token, limited, wrapping


async def test_what_the_daemon_wrote_is_read_from_the_page_alone(written):
    store, key_file, token, limited, wrapping = written

    accessor_key, terms = read_keyring(store, digits=key_file.read_text())

    names = {each: accessor_of(each, accessor_key) for each in (token, limited, wrapping)}
    assert {each.name for each in store.iterdir()} == {"keyring", *names.values()}
    assert read_cubbyhole(store, names[token], terms, token) == {
        "a/b": {"key": b"\0\xff"},
        "c": {"n": 2**70},
    }
    assert read_cubbyhole(store, names[limited], terms, limited) == {}
    wrapped = read_cubbyhole(store, names[wrapping], terms, wrapping)
    assert wrapped.keys() == {"response"}
    assert wrapped["response"]["data"] == {"password": "xyzzy"}


async def test_whatever_opens_the_keyring_it_is_read_from_the_page_alone(written):
    store, key_file, *_ = written
    accessor_key, terms = read_keyring(store, digits=key_file.read_text())
    digits = "5a" * 32 + "\n"
    argon2id = Argon2id(bytes(range(16)), opslimit=3, memlimit=64 * 1024)
    by_credential = Opener(key=Secret(b"\x5a" * 32), source=KeySource.CREDENTIAL)
    key = argon2id.derive(Secret(b"correct horse"))
    by_passphrase = Opener(key=key, source=KeySource.PASSPHRASE, argon2id=argon2id)
    with closing(DiskFiles(store)) as files:
        keys = load_or_create(files, KeyPlaces(key_file), counting_random())
        for opener, secret in (
            (by_credential, {"digits": digits}),
            (by_passphrase, {"passphrase": b"correct horse"}),
        ):
            apply(files, [[rewriting(replace(keys, opener=opener), counting_random())]])
            assert read_keyring(store, **secret) == (accessor_key, terms)


async def test_metadata_says_what_the_page_says(written):
    store, key_file, token, limited, wrapping = written
    accessor_key, terms = read_keyring(store, digits=key_file.read_text())

    found, _ = read_metadata(store, accessor_of(token, accessor_key), terms)

    assert len(found.pop("file_key")) == 32
    assert found == {
        "accessor": accessor_of(token, accessor_key),
        "type": "service",
        "policies": ["default"],
        "path": "auth/token/create",
        "creator": {"uid": OWNER.uid, "gid": OWNER.gid, "pid": OWNER.pid, "exe": OWNER.exe},
        "created_at": EPOCH,
        "issued_at": EPOCH,
        "expires_at": EPOCH + 3600,
        "ttl": 3600,
        "explicit_max_ttl": 0,
        "period": 0,
        "num_uses": 0,
        "renewable": True,
        "display_name": "token-docs",
        "meta": {"for": "tests"},
    }
    found, _ = read_metadata(store, accessor_of(wrapping, accessor_key), terms)
    assert (found["policies"], found["num_uses"]) == (["response-wrapping"], 1)
    assert found["path"] == "sys/wrapping/wrap"
    found, _ = read_metadata(store, accessor_of(limited, accessor_key), terms)
    assert found["num_uses"] == 7


async def test_only_the_token_opens_its_cubbyhole(written):
    store, key_file, token, limited, wrapping = written
    accessor_key, terms = read_keyring(store, digits=key_file.read_text())

    for other in (limited, wrapping):
        with pytest.raises(CryptoError):
            read_cubbyhole(store, accessor_of(token, accessor_key), terms, other)
