"""A keyring says in the clear what opens it: a key file, a credential, or a passphrase.

What it says is believed before it is opened, so it is bounded before it costs anything; and no byte
of it can be another without its being refused.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import EPOCH, MemoryFiles, counting_random
from simulated_disk import SimulatedDisk

from cubbyd import codec
from cubbyd.crypto import opener
from cubbyd.crypto.key_memory import KeyMemory
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import MAX_MEMORY_BYTES, Argon2id, KeySource, Opener
from cubbyd.errors import (
    IntegrityError,
    InvalidRequestError,
    RefusedError,
    SealBrokenError,
    StartError,
    WrongPassphraseError,
)
from cubbyd.secret import Secret
from cubbyd.store.key_places import KeyPlaces
from cubbyd.store.keyring import decode, encode, load_or_create, source_of, unlock

SALT = bytes(range(16))
CHEAP = Argon2id(SALT, opslimit=1, memlimit=8192)
PASSPHRASE = Secret(b"correct horse")
KEYS = RootKeys(accessor_key=Secret(b"a" * 32), terms={1: Secret(b"1" * 32), 2: Secret(b"2" * 32)})
KEY = Secret(b"w" * 32)
BY_KEY_FILE = Opener(key=KEY)
BY_CREDENTIAL = Opener(key=KEY, source=KeySource.CREDENTIAL)
BY_PASSPHRASE = Opener(key=CHEAP.derive(PASSPHRASE), source=KeySource.PASSPHRASE, argon2id=CHEAP)
NOWHERE = KeyPlaces(Path("/config/key"), calls=SimulatedDisk({"config": {}}))
DIGITS = KEY.reveal().hex().encode() + b"\n"


def ring(opener):
    return encode(KEYS, opener, counting_random())


def store(file):
    files = MemoryFiles()
    files.files["keyring"] = file
    return files


def with_parameters(parameters):
    """A keyring that says this of itself."""
    encoded = parameters if isinstance(parameters, bytes) else codec.encode(parameters)
    return b"cubbykey\0\1" + len(encoded).to_bytes(4, "big") + encoded + bytes(300)


def in_clear(file):
    length = int.from_bytes(file[10:14], "big")
    return codec.decode(file[14 : 14 + length])


@pytest.mark.parametrize(
    ("opener", "says"),
    [
        (BY_KEY_FILE, {"kdf": "none"}),
        (BY_CREDENTIAL, {"kdf": "none", "source": "credential"}),
        (BY_PASSPHRASE, {"kdf": "argon2id", "salt": SALT, "opslimit": 1, "memlimit": 8192}),
    ],
)
def test_it_says_what_opens_it_and_comes_back_with_that(opener, says):
    file = ring(opener)

    found = decode(file, opener.key)

    assert in_clear(file) == says
    assert source_of(file) == (opener.source, opener.argon2id)
    assert found == KEYS
    assert found.opener == opener
    assert encode(found, found.opener, counting_random()) == file


def test_a_passphrase_opens_it_and_another_does_not():
    files = store(ring(BY_PASSPHRASE))

    assert unlock(files, PASSPHRASE) == KEYS
    for wrong in (b"correct horsf", b"correct horse ", b"", b"Correct horse"):
        with pytest.raises(WrongPassphraseError, match="the passphrase is wrong"):
            unlock(files, Secret(wrong))


def test_a_start_leaves_it_closed():
    assert load_or_create(store(ring(BY_PASSPHRASE)), NOWHERE, counting_random()) is None


def test_whatever_byte_of_it_is_another_it_does_not_open():
    """In what it says of itself too: as often it then is no keyring of ours, or costs too much."""
    file = ring(BY_PASSPHRASE)
    flipped = [
        file[:at] + bytes([file[at] ^ bit]) + file[at + 1 :]
        for at in range(len(file))
        for bit in (1, 0x10)
    ]
    # A bit in the limits asks for passes and mebibytes that are allowed; those are paid here.
    cheap = [each for each in flipped if _cost(each) <= 1 << 20]

    for each in (*cheap, *(file[:at] for at in range(len(file)))):
        with pytest.raises(RefusedError) as refused:
            unlock(store(each), PASSPHRASE)
        assert isinstance(refused.value, IntegrityError | WrongPassphraseError)
    assert len(cheap) > 0.98 * len(flipped)


def _cost(file):
    try:
        _, argon2id = source_of(file)
    except IntegrityError:
        return 0
    return argon2id.memlimit


def test_parameters_are_under_the_seal():
    """Those of one keyring in front of another's keys."""
    other = replace(BY_PASSPHRASE, argon2id=replace(CHEAP, opslimit=2))
    mixed = _split(ring(other))[0] + _split(ring(BY_PASSPHRASE))[1]

    with pytest.raises(SealBrokenError):
        decode(mixed, BY_PASSPHRASE.key)
    assert decode(b"".join(_split(ring(other))), BY_PASSPHRASE.key) == KEYS


def _split(file):
    """What is in the clear, and what is sealed."""
    end = 14 + int.from_bytes(file[10:14], "big")
    return file[:end], file[end:]


GOOD = {"kdf": "argon2id", "salt": SALT, "opslimit": 1, "memlimit": 8192}


@pytest.mark.parametrize(
    "parameters",
    [
        {**GOOD, "salt": SALT[:-1]},
        {**GOOD, "salt": SALT + b"\0"},
        {**GOOD, "salt": "0123456789abcdef"},
        {**GOOD, "opslimit": 0},
        {**GOOD, "opslimit": 17},
        {**GOOD, "opslimit": 2**63},
        {**GOOD, "opslimit": 1.0},
        {**GOOD, "memlimit": 8191},
        {**GOOD, "memlimit": MAX_MEMORY_BYTES + 1},
        {**GOOD, "memlimit": 2**70},
        {**GOOD, "memlimit": None},
        {**GOOD, "source": "passphrase"},
        {**GOOD, "threads": 1},
        {key: value for key, value in GOOD.items() if key != "salt"},
        {**GOOD, "kdf": "scrypt"},
        {**GOOD, "kdf": "argon2i"},
        {"kdf": "none", "source": "key-file"},
        {"kdf": "none", "source": "tpm"},
        {"kdf": "none", "salt": SALT},
        {"source": "credential"},
        {},
        [],
        None,
    ],
)
def test_parameters_out_of_bounds_or_unknown_are_refused_before_they_cost_anything(
    parameters, monkeypatch
):
    def kdf(*_args, **_limits):
        raise AssertionError("it was tried")

    monkeypatch.setattr(opener.argon2id, "kdf", kdf)
    file = with_parameters(parameters)

    with pytest.raises(IntegrityError, match="use the cubbyd that wrote it"):
        unlock(store(file), PASSPHRASE)
    with pytest.raises(StartError, match="use the cubbyd that wrote it"):
        load_or_create(store(file), NOWHERE, counting_random())


@pytest.mark.parametrize("parameters", [b"", b"\xff", b"\xa1", codec.encode(GOOD) + b"\0"])
def test_parameters_that_are_none_are_damage(parameters):
    with pytest.raises(StartError, match="the keyring is damaged"):
        load_or_create(store(with_parameters(parameters)), NOWHERE, counting_random())


@pytest.mark.parametrize("opener", [BY_KEY_FILE, BY_CREDENTIAL])
def test_a_passphrase_for_a_keyring_that_has_none_is_refused(opener):
    with pytest.raises(InvalidRequestError, match="opens with no passphrase"):
        unlock(store(ring(opener)), PASSPHRASE)


def test_to_unlock_where_there_is_no_keyring_is_an_error():
    with pytest.raises(IntegrityError, match="no keyring"):
        unlock(MemoryFiles(), PASSPHRASE)


def test_an_error_about_a_passphrase_does_not_carry_it():
    with pytest.raises(WrongPassphraseError) as caught:
        unlock(store(ring(BY_PASSPHRASE)), Secret(b"a guess"))

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "guess" not in repr(caught.value.__context__)


# Credentials


def places(content=DIGITS, **config):
    credentials = {} if content is None else {"cubbyd.key": content}
    disk = SimulatedDisk({"run": {"credentials": credentials}, "config": config})
    return KeyPlaces(Path("/config/key"), Path("/run/credentials"), calls=disk)


def test_a_new_store_takes_a_credential_where_there_is_one_and_makes_no_key_file():
    files, where = MemoryFiles(), places()

    made = load_or_create(files, where, counting_random(), now=EPOCH)

    assert made.opener == BY_CREDENTIAL
    assert in_clear(files.files["keyring"]) == {"kdf": "none", "source": "credential"}
    assert where.calls.tree()["config"] == {}
    assert load_or_create(files, where, counting_random()) == made


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is none; the unit needs LoadCredentialEncrypted=cubbyd.key:PATH"),
        (b"\x5a" * 32, "does not hold 64 hex digits"),
        (DIGITS[:-3], "does not hold 64 hex digits"),
        (DIGITS[:-1] + b"00\n", "does not hold 64 hex digits"),
        (b"", "does not hold 64 hex digits"),
        (b"5b" * 32 + b"\n", "the credential cubbyd.key is another store's"),
    ],
)
def test_a_credential_that_is_missing_or_wrong_is_an_error_that_says_so(content, says):
    """Also where a key file is beside: it opens another keyring."""
    where = places(content, key=DIGITS)
    files = store(ring(BY_CREDENTIAL))

    with pytest.raises(StartError, match=says):
        load_or_create(files, where, counting_random())
    assert files.files["keyring"] == ring(BY_CREDENTIAL)


def test_a_damaged_credential_makes_no_new_store_with_another_key():
    files = MemoryFiles()

    with pytest.raises(StartError, match="does not hold 64 hex digits"):
        load_or_create(files, places(b"damaged"), counting_random())
    assert files.names() == []


def test_a_credential_is_not_looked_for_where_the_keyring_opens_with_a_key_file():
    where = places(b"damaged", key=DIGITS)

    assert load_or_create(store(ring(BY_KEY_FILE)), where, counting_random()) == KEYS


def test_the_keys_that_are_read_are_those_that_are_held():
    memory = KeyMemory()

    found = load_or_create(
        store(ring(BY_CREDENTIAL)), places(), counting_random(), hold=memory.hold
    )

    held = memory._pages[:]  # noqa: SLF001 - what lies there is the point
    secrets = [found.accessor_key, found.opener.key, *found.terms.values()]
    assert all(held.count(each.reveal()) == 1 for each in secrets)
    assert all(each._value == b"" for each in secrets)  # noqa: SLF001


def test_more_keys_than_there_is_room_for_are_an_error_in_words():
    terms = {number: Secret(number.to_bytes(32, "big")) for number in range(1, 600)}
    file = encode(replace(KEYS, terms=terms), BY_CREDENTIAL, counting_random())

    with pytest.raises(StartError, match="512 keys"):
        load_or_create(store(file), places(), counting_random(), hold=KeyMemory().hold)
