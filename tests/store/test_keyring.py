"""The keys of a store: made once, and never replaced by new ones.

- A store with neither keyring nor tokens gets a key file and a keyring.
- Whatever of the two is lost, damaged or another's is an error that says what to do; nothing on
  disk is changed by it.
"""

import fcntl
import os
import stat
from errno import EACCES
from pathlib import Path

import pytest
from fakes import EPOCH, MemoryFiles, counting_random
from fakes_disk import FaultyFiles
from simulated_disk import SimulatedDisk
from token_entries import accessor

from cubbyd import codec
from cubbyd.core.token import is_accessor
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import Opener
from cubbyd.errors import IntegrityError, StartError, StoreError
from cubbyd.secret import Secret
from cubbyd.store.batch import apply
from cubbyd.store.key_places import KeyPlaces
from cubbyd.store.keyring import decode, encode, load_or_create, rewriting

WRAPPING_KEY = Secret(b"w" * 32)
OPENER = Opener(key=WRAPPING_KEY)


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "config" / "key"


def load(files, key_file):
    return load_or_create(files, KeyPlaces(key_file), counting_random())


def complaint(files, key_file):
    """What a start that fails says; and it must not have touched anything."""
    before = dict(files.files), key_file.read_bytes() if key_file.is_file() else None
    with pytest.raises(StartError) as refused:
        load(files, key_file)
    assert before == (dict(files.files), key_file.read_bytes() if key_file.is_file() else None)
    return str(refused.value)


def some_keys(**terms):
    terms = {int(name[1:]): Secret(key) for name, key in terms.items()} or {1: Secret(b"1" * 32)}
    return RootKeys(accessor_key=Secret(b"a" * 32), terms=terms)


def test_the_first_start_makes_key_file_and_keyring(key_file):
    files = MemoryFiles()

    keys = load(files, key_file)

    assert list(files.files) == ["keyring"]
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert os.listdir(key_file.parent) == ["key"]  # noqa: PTH208 - names, not paths
    assert len(bytes.fromhex(key_file.read_text())) == 32
    assert keys.term == 1


def test_later_starts_find_the_same_keys(key_file):
    files = MemoryFiles()
    first = load(files, key_file)
    before = dict(files.files)

    again = load(files, key_file)

    assert again == first
    assert files.files == before


def test_the_keys_are_all_different_and_not_in_the_clear(key_file):
    files = MemoryFiles()
    keys = load(files, key_file)

    secrets = [keys.accessor_key.reveal(), keys.terms[1].reveal()]
    secrets.append(bytes.fromhex(key_file.read_text()))
    assert len(set(secrets)) == 3
    assert not any(secret in files.files["keyring"] for secret in secrets)


def test_a_crash_between_key_file_and_keyring_is_no_loss(key_file):
    """Nothing depends on the key yet: it is used for the keyring that was to come."""
    load(MemoryFiles(), key_file)
    written = key_file.read_text()
    files = MemoryFiles()

    keys = load(files, key_file)

    assert key_file.read_text() == written
    assert decode(files.files["keyring"], Secret(bytes.fromhex(written))) == keys


def test_a_lost_key_file_is_an_error_and_no_fresh_start(key_file):
    files = MemoryFiles()
    load(files, key_file)
    key_file.unlink()

    said = complaint(files, key_file)

    assert f"key file {key_file} is missing" in said
    assert not key_file.exists()


@pytest.mark.parametrize("has_key_file", [True, False])
def test_tokens_without_a_keyring_are_an_error_and_no_fresh_start(key_file, has_key_file):
    files = MemoryFiles()
    if has_key_file:
        load(MemoryFiles(), key_file)
    files.files[accessor(1)] = b"damaged or not"

    assert "holds tokens but no keyring" in complaint(files, key_file)


def test_another_stores_key_file_is_an_error(key_file):
    files = MemoryFiles()
    load(files, key_file)
    key_file.write_text("ab" * 32 + "\n")

    assert "key file is another store's" in complaint(files, key_file)


@pytest.mark.parametrize(
    "text", ["", "\n", "ab" * 31, "ab" * 33, "zz" * 32, "é" * 32, "ab" * 32 + "\ncd"]
)
def test_a_key_file_that_holds_no_key_is_an_error(key_file, text):
    files = MemoryFiles()
    load(files, key_file)
    key_file.write_text(text)

    assert "does not hold 64 hex digits" in complaint(files, key_file)


def test_a_key_file_may_have_been_written_by_hand(key_file):
    files = MemoryFiles()
    keys = load(files, key_file)
    key_file.write_text(key_file.read_text().strip().upper())

    assert load(files, key_file) == keys


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_key_file_that_others_may_read_is_an_error(key_file, mode):
    files = MemoryFiles()
    load(files, key_file)
    key_file.chmod(mode)

    assert f"open to others; run: chmod 600 {key_file}" in complaint(files, key_file)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_key_file_that_is_no_file_is_an_error(key_file, make):
    files = MemoryFiles()
    load(files, key_file)
    key_file.unlink()
    make(key_file)

    assert "no file of yours" in complaint(files, key_file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_key_file_is_an_error(key_file):
    files = MemoryFiles()
    load(files, key_file)
    os.chown(key_file, 65534, -1)

    assert "no file of yours" in complaint(files, key_file)


def test_a_damaged_keyring_is_an_error_wherever_the_damage_is():
    file = encode(some_keys(), OPENER, counting_random())

    cut = [file[:at] for at in range(len(file))]
    flipped = [file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :] for at in range(len(file))]
    for each in (*cut, *flipped, file + b"\0"):
        with pytest.raises(IntegrityError, match="keyring"):
            decode(each, WRAPPING_KEY)


def test_a_damaged_keyring_is_left_as_it_is(key_file):
    files = MemoryFiles()
    load(files, key_file)
    files.files["keyring"] = files.files["keyring"][:-1]

    assert "damaged" in complaint(files, key_file)


@pytest.mark.parametrize(("at", "value"), [(8, b"\0\2"), (14, codec.encode({"kdf": "some"}))])
def test_a_newer_keyring_is_told_as_such(at, value):
    file = bytearray(encode(some_keys(), OPENER, counting_random()))
    file[at : at + len(value)] = value

    with pytest.raises(IntegrityError, match="use the cubbyd that wrote it"):
        decode(bytes(file), WRAPPING_KEY)


def test_a_newer_keyring_need_make_no_sense_to_us():
    """Nor have parameters that we could read."""
    file = bytearray(encode(some_keys(), OPENER, counting_random()))
    file[8:20] = b"\0\2" + b"\xff" * 10

    with pytest.raises(IntegrityError, match="format version 2"):
        decode(bytes(file), WRAPPING_KEY)


def test_it_is_known_when_keys_were_made(key_file):
    files = MemoryFiles()

    made = load_or_create(files, KeyPlaces(key_file), counting_random(), now=EPOCH)

    assert load(files, key_file).installed_at == made.installed_at == {1: EPOCH}


def test_a_keyring_of_before_that_was_noted_opens(key_file):
    """As do keys of which only some have a time."""
    files = MemoryFiles()
    assert load(files, key_file).installed_at == {}
    keys = load(files, key_file).with_term(Secret(b"2" * 32), now=EPOCH)

    apply(files, [[rewriting(keys, counting_random())]])

    assert load(files, key_file) == keys
    assert keys.installed_at == {2: EPOCH}


def test_keys_are_rewritten_under_the_key_file_that_they_were_read_with(key_file):
    files = MemoryFiles()
    keys = load(files, key_file)
    written = key_file.read_text()

    apply(files, [[rewriting(load(files, key_file), counting_random())]])

    assert load(files, key_file) == keys
    assert key_file.read_text() == written
    with pytest.raises(ValueError, match="no keyring"):
        rewriting(some_keys(), counting_random())


def test_all_terms_come_back():
    keys = some_keys(t1=b"1" * 32, t2=b"2" * 32, t70000=b"3" * 32)

    found = decode(encode(keys, OPENER, counting_random()), WRAPPING_KEY)

    assert found == keys
    assert found.term == 70000


@pytest.mark.parametrize(
    ("call", "error"), [*((call, StartError) for call in (1, 2, 3)), (4, StoreError)]
)
def test_a_disk_that_refuses_the_first_start_is_an_error(key_file, call, error):
    """Also one whose directory will not sync; the next start makes good."""
    files = MemoryFiles()

    with pytest.raises(error, match="the disk will not"):
        load(FaultyFiles(files, fails_at=call), key_file)

    assert load(files, key_file) == load(files, key_file)


def test_a_key_file_that_cannot_be_made_is_an_error(tmp_path):
    tmp_path.joinpath("config").write_bytes(b"")

    said = complaint(MemoryFiles(), tmp_path / "config" / "key")

    assert f"key file {tmp_path / 'config' / 'key'} cannot be read: Not a directory" in said


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (accessor(1), True),
        ("0" * 31, False),
        ("0" * 33, False),
        ("A" * 32, False),
        ("0" * 32 + "\n", False),
        ("keyring", False),
        ("staged-0000000000000000", False),
    ],
)
def test_tokens_files_are_known_by_their_names(name, is_one):
    assert is_accessor(name) == is_one


CONFIGURED = {
    "config": {"key": b"5a" * 32 + b"\n", "config.toml": b"", "staged-00000000000000ff": b"half"}
}


def test_a_key_file_that_was_there_is_durable_before_a_keyring_depends_on_it():
    """What a start that was killed left half-written goes; what is not ours stays."""
    disk = SimulatedDisk(CONFIGURED)
    synced = []
    disk.on_call = lambda call, name: call == "fsync" and synced.append(name)

    load_or_create(MemoryFiles(), KeyPlaces(Path("/config/key"), calls=disk), counting_random())

    left = {**CONFIGURED["config"]}
    del left["staged-00000000000000ff"]
    assert disk.tree() == {"config": left}
    assert "config" in synced


def test_a_key_file_in_a_directory_of_others_is_used_as_it_is():
    disk = SimulatedDisk(CONFIGURED)

    def on_call(call, name):
        if call == "open" and name == "config":
            raise PermissionError(EACCES, os.strerror(EACCES))

    disk.on_call = on_call
    files = MemoryFiles()

    keys = load_or_create(files, KeyPlaces(Path("/config/key"), calls=disk), counting_random())

    assert (
        load_or_create(files, KeyPlaces(Path("/config/key"), calls=disk), counting_random()) == keys
    )
    assert disk.tree() == CONFIGURED
    with pytest.raises(StartError, match=os.strerror(EACCES)):
        load_or_create(
            MemoryFiles(), KeyPlaces(Path("/config/other"), calls=disk), counting_random()
        )


def test_a_key_file_that_came_meanwhile_is_used_and_not_replaced(key_file):
    """Another daemon's: its store opens with nothing else."""
    places = KeyPlaces(key_file)
    theirs = places.durable_key_file(counting_random())
    written = key_file.read_bytes()

    ours = places.durable_key_file(lambda size: b"z" * size)

    assert ours == theirs
    assert key_file.read_bytes() == written


def test_a_store_of_which_all_is_in_a_quarantine_is_no_new_one(key_file):
    files = MemoryFiles()
    files.files["quarantine-2026-11-22"] = b""

    assert "no keyring" in complaint(files, key_file)


def test_nobody_is_waited_for_where_a_key_file_is_to_be_made(key_file):
    """Whoever may look into the directory could else keep the daemon from its start for ever."""
    key_file.parent.mkdir()
    other = os.open(key_file.parent, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(StartError, match="is locked by another process"):
            load(MemoryFiles(), key_file)
    finally:
        os.close(other)

    assert load(MemoryFiles(), key_file).term == 1
