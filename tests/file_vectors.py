"""How the frozen files in tests/vectors/files were made: always the same, byte for byte.

``python tests/file_vectors.py`` writes them again, which is right only for a new format version:
files like these are on disks out there.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

from fakes import EPOCH, counting_random

from cubbyd import codec
from cubbyd.core.policy import RESPONSE_WRAPPING
from cubbyd.core.token import Accessor, Creator, TokenEntry, TokenType
from cubbyd.core.token_text import Prefix, token_text
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import Argon2id, KeySource, Opener
from cubbyd.secret import Secret
from cubbyd.store import keyring, record

DIRECTORY = Path(__file__).parent / "vectors" / "files"

WRAPPING_KEY = Secret(bytes(range(32)))
PASSPHRASE = Secret(b"correct horse battery staple")
TERM_1, TERM_2 = Secret(b"\x11" * 32), Secret(b"\x22" * 32)
KEYS = RootKeys(accessor_key=Secret(b"\xaa" * 32), terms={1: TERM_1, 2: TERM_2})
OLD_KEYS = RootKeys(accessor_key=KEYS.accessor_key, terms={1: TERM_1})

SERVICE = token_text(Prefix.SERVICE, bytes(range(32)))
OTHER = token_text(Prefix.SERVICE, bytes(range(1, 33)))
WRAPPING = token_text(Prefix.WRAPPING, bytes(range(2, 34)))

ABOUT = [
    "Files of a store, as docs/format.md describes them; all bytes are in hexadecimal.",
    "'token' is the token whose accessor is the name that the file had, 'opened_with' the one that",
    "opens the cubbyhole, if that is another.",
    "'expect' is what is found: the metadata (without the file key), the term of the key",
    "that sealed it, and the cubbyhole: the CBOR of each object by its path, or null for none.",
    "Or it is where it is refused, 'metadata' when the file is read or 'cubbyhole' when the token",
    "comes; because of a 'seal' that does not open, or a 'version' or term that is not ours.",
]
KEYRING_ABOUT = [
    "Keyrings, as docs/format.md describes them; 'key' is the 32 bytes from the key file or the",
    "credential, 'passphrase' the text that they are made of where there is one.",
    "'expect' is the keys that are found; or null, where it is refused.",
]


def entry_of(token, **fields):
    plain = {
        "accessor": Accessor(KEYS.accessor(token)),
        "policies": ("default",),
        "path": "auth/token/create",
        "creator": Creator(uid=1000, gid=1000, pid=4711),
        "created_at": EPOCH,
        "issued_at": EPOCH,
    }
    return TokenEntry(**{**plain, **fields})


PLAIN = entry_of(SERVICE)
FULL = entry_of(
    SERVICE,
    policies=("backup", "default"),
    creator=Creator(uid=1000, gid=100, pid=4711, exe="/usr/bin/backup", unit="backup.service"),
    parent=Accessor(KEYS.accessor(OTHER)),
    renewed_at=EPOCH + 1.5,
    expires_at=EPOCH + 3600,
    ttl=3600,
    explicit_max_ttl=86400,
    period=3600.5,
    num_uses=3,
    renewable=True,
    display_name="token-bäckup",
    meta={"for": "🔑"},
)
STUB = entry_of(SERVICE, type=TokenType.STUB, policies=())
WRAPPED = entry_of(
    WRAPPING,
    policies=(RESPONSE_WRAPPING,),
    path="sys/wrapping/wrap",
    expires_at=EPOCH + 60,
    ttl=60,
    explicit_max_ttl=60,
    num_uses=1,
    display_name="peer-1000",
    wrapped_accessor=Accessor(KEYS.accessor(OTHER)),
)
OBJECTS = {"a/b": {"key": b"\0\xff"}, "": {}, "🔑": {"n": 2**70, "f": 1.5, "none": None}}
ANSWER = {"response": {"request_id": "00000000-0000-4000-8000-000000000000", "data": {"a": 1}}}


def contents_of(objects):
    return codec.encode({path: codec.encode(each) for path, each in objects.items()})


def written(entry, random, *, token=SERVICE, objects=None, keys=KEYS):
    new = record.Record(entry=entry)
    if objects is not None:
        new = record.with_contents(entry, token, contents_of(objects), random)
    return record.encode(new, keys, random)


def described(entry):
    """Metadata as JSON, in the words of docs/format.md."""
    fields = {**asdict(entry), "type": entry.type.value, "policies": list(entry.policies)}
    fields["creator"] = _present(fields["creator"])
    return _present(fields)


def _present(fields):
    return {key: value for key, value in fields.items() if value is not None}


def found(entry, objects=None, term=2):
    cubbyhole = objects and {path: codec.encode(each).hex() for path, each in objects.items()}
    return {"metadata": described(entry), "term": term, "cubbyhole": cubbyhole}


def refused(where, why="seal"):
    return {"refused": where, "because": why}


def vector(name, why, file, expect, **tokens):
    texts = {key: token.reveal_text() for key, token in {"token": SERVICE, **tokens}.items()}
    return {"name": name, "why": why, **texts, "file": file.hex(), "expect": expect}


def good(random):
    """Files that open."""
    yield vector("plain", "The least there is.", written(PLAIN, random), found(PLAIN))
    full = written(FULL, random, objects=OBJECTS)
    yield vector("full", "Every field, and a cubbyhole.", full, found(FULL, OBJECTS))
    stub = written(STUB, random)
    yield vector("stub", "What was revoked without its children.", stub, found(STUB))
    wrapping = written(WRAPPED, random, token=WRAPPING, objects=ANSWER)
    yield vector(
        "wrapping", "A token and what it wraps.", wrapping, found(WRAPPED, ANSWER), token=WRAPPING
    )
    old = written(PLAIN, random, objects=OBJECTS, keys=OLD_KEYS)
    yield vector("old term", "Sealed before a rotation.", old, found(PLAIN, OBJECTS, term=1))
    used = replace(record.decode(old, PLAIN.accessor, KEYS), entry=replace(PLAIN, num_uses=2))
    yield vector(
        "resealed",
        "The same cubbyhole behind new metadata.",
        record.encode(used, KEYS, random),
        found(used.entry, OBJECTS),
    )
    large = {"large": {"zeros": bytes(9000)}}
    yield vector(
        "padding",
        "Beyond 8 KiB the steps of sizes grow.",
        written(PLAIN, random, objects=large),
        found(PLAIN, large),
    )


def bad(random):
    """Files that do not."""
    file, stored = written(PLAIN, random), written(PLAIN, random, objects=OBJECTS)
    newer = written(PLAIN, random, objects=OBJECTS)
    end = 16 + int.from_bytes(stored[12:16], "big")  # of the metadata, in both
    yield vector("empty", "No header.", b"", refused("metadata"))
    yield vector("header", "Nothing but.", file[:16], refused("metadata"))
    yield vector("magic", "Another program's.", b"C" + file[1:], refused("metadata"))
    version = file[:7] + b"\2" + file[8:]
    yield vector("version", "A newer format.", version, refused("metadata", "version"))
    term = file[:11] + b"\3" + file[12:]
    yield vector("term", "A term not in the keyring.", term, refused("metadata", "version"))
    other_term = file[:11] + b"\1" + file[12:]
    yield vector("other term", "One that is, and not the one.", other_term, refused("metadata"))
    yield vector("cut", "The last byte is missing.", file[:-1], refused("metadata"))
    flipped = file[:60] + bytes([file[60] ^ 1]) + file[61:]
    yield vector("flipped", "One bit in the metadata.", flipped, refused("metadata"))
    yield vector("extended", "A byte too many.", file + b"\0", refused("metadata"))
    length = file[:14] + b"\xff\xff" + file[16:]
    yield vector("length", "Metadata longer than the file.", length, refused("metadata"))
    yield vector("renamed", "Another token's file.", file, refused("metadata"), token=OTHER)
    yield vector("cut off", "A file key, and no cubbyhole.", stored[:end], refused("metadata"))
    flipped = stored[:-1] + bytes([stored[-1] ^ 0x80])
    yield vector("flipped cubbyhole", "One bit at the end.", flipped, refused("cubbyhole"))
    yield vector("cut cubbyhole", "One byte less.", stored[:-1], refused("cubbyhole"))
    spliced = stored[:end] + newer[end:]
    yield vector("spliced", "Old metadata, new cubbyhole.", spliced, refused("cubbyhole"))
    yield vector(
        "other token", "The file's own opens it.", stored, refused("cubbyhole"), opened_with=OTHER
    )


def shown(keys):
    terms = {str(term): key.reveal().hex() for term, key in keys.terms.items()}
    shown = {"accessor_key": keys.accessor_key.reveal().hex(), "terms": terms}
    if keys.installed_at:
        shown["installed_at"] = {str(term): at for term, at in keys.installed_at.items()}
    return shown


def keyrings(random):
    """Keyrings, and what is found in them."""
    file = keyring.encode(KEYS, Opener(key=WRAPPING_KEY), random)
    keys = shown(KEYS)
    flipped = file[:-1] + bytes([file[-1] ^ 1])
    timely = replace(KEYS, installed_at={1: EPOCH, 2: EPOCH + 0.5})
    timed = keyring.encode(timely, Opener(key=WRAPPING_KEY), random)
    cases = [
        ("two terms", "After a rotation.", WRAPPING_KEY, file, keys),
        ("other key", "Another store's key file.", TERM_1, file, None),
        ("flipped", "One bit.", WRAPPING_KEY, flipped, None),
        ("cut", "One byte less.", WRAPPING_KEY, file[:-1], None),
        ("version", "A newer format.", WRAPPING_KEY, file[:9] + b"\2" + file[10:], None),
        ("empty", "Nothing.", WRAPPING_KEY, b"", None),
        ("times", "When terms were added.", WRAPPING_KEY, timed, shown(timely)),
    ]
    for name, why, key, data, expect in cases:
        frozen = {"key": key.reveal().hex(), "file": data.hex(), "expect": expect}
        yield {"name": name, "why": why, **frozen}
    by_credential = Opener(key=WRAPPING_KEY, source=KeySource.CREDENTIAL)
    file = keyring.encode(KEYS, by_credential, random).hex()
    frozen = {"key": WRAPPING_KEY.reveal().hex(), "file": file, "expect": keys}
    yield {"name": "credential", "why": "What systemd hands over.", **frozen}
    yield from passphrase_keyrings(random)


def passphrase_keyrings(random):
    """The same, where a passphrase opens them."""
    argon2id = Argon2id(bytes(range(16)), opslimit=2, memlimit=1024 * 1024)
    key = argon2id.derive(PASSPHRASE)
    opener = Opener(key=key, source=KeySource.PASSPHRASE, argon2id=argon2id)
    file = keyring.encode(KEYS, opener, random)
    greedy = replace(argon2id, memlimit=2**40)
    too_much = keyring.encode(KEYS, replace(opener, argon2id=greedy), random)
    other = file.replace(argon2id.salt, argon2id.salt[::-1])
    for name, why, text, data, expect in (
        ("passphrase", "Two passes over a mebibyte.", PASSPHRASE, file, shown(KEYS)),
        ("other passphrase", "A typing error.", Secret(b"correct hoarse"), file, None),
        ("other salt", "As if made for another store.", PASSPHRASE, other, None),
        ("greedy", "It asks for a tebibyte.", PASSPHRASE, too_much, None),
    ):
        frozen = {"passphrase": text.reveal_text(), "file": data.hex(), "expect": expect}
        yield {"name": name, "why": why, **frozen}


def made():
    """Every file in the directory, as text."""
    random = counting_random()
    tokens = {"about": ABOUT, "keys": shown(KEYS), "vectors": [*good(random), *bad(random)]}
    rings = {"about": KEYRING_ABOUT, "vectors": [*keyrings(random)]}
    return {
        name: json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        for name, content in (("tokens.json", tokens), ("keyrings.json", rings))
    }


if __name__ == "__main__":
    for name, text in made().items():
        DIRECTORY.joinpath(name).write_text(text)
