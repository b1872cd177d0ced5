"""Passphrases are tried one at a time, and after a wrong one the next has to wait."""

from errno import EACCES, EIO, EMFILE
from os import strerror
from pathlib import Path

import pytest
import trio
from fakes import MemoryFiles, counting_random, on_the_loop
from simulated_disk import SimulatedDisk
from trio.testing import wait_all_tasks_blocked

from cubbyd.core.outcome import Rekey
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import Argon2id, KeySource, Opener
from cubbyd.errors import BusyError, IntegrityError, InvalidRequestError, WrongPassphraseError
from cubbyd.secret import Secret
from cubbyd.store.key_places import KeyPlaces
from cubbyd.store.keyring import encode
from cubbyd.store.locksmith import LONGEST_WAIT, Locksmith

RIGHT, WRONG = Secret(b"correct horse"), Secret(b"incorrect horse")
OTHER = Secret(b"battery staple")
KEYS = RootKeys(accessor_key=Secret(b"a" * 32), terms={1: Secret(b"1" * 32)})
DIGITS = b"5a" * 32 + b"\n"
KEY = Secret(b"\x5a" * 32)
BY_KEY_FILE = Opener(key=Secret(b"k" * 32))


def cheap(salt):
    return Argon2id(salt, opslimit=1, memlimit=8192)


ARGON2ID = cheap(bytes(range(16)))
BY_PASSPHRASE = Opener(key=ARGON2ID.derive(RIGHT), source=KeySource.PASSPHRASE, argon2id=ARGON2ID)


def a_disk(*, key=None, credential=None):
    config = {} if key is None else {"key": key}
    credentials = {} if credential is None else {"cubbyd.key": credential}
    return SimulatedDisk({"config": config, "credentials": credentials})


def a_locksmith(disk=None, *, run_blocking=on_the_loop, new_argon2id=cheap):
    """His clock is trio's."""
    places = KeyPlaces(Path("/config/key"), Path("/credentials"), calls=disk or a_disk())
    return Locksmith(
        places,
        counting_random(),
        run_blocking=run_blocking,
        clock=trio.current_time,
        new_argon2id=new_argon2id,
    )


@pytest.fixture
def locksmith():
    return a_locksmith()


@pytest.fixture
def files():
    files = MemoryFiles()
    files.files["keyring"] = encode(KEYS, BY_PASSPHRASE, counting_random())
    return files


async def test_the_right_one_unlocks(locksmith, files, autojump_clock):
    assert await locksmith.unlock(files, RIGHT) == KEYS


async def test_each_wrong_one_makes_the_next_wait_twice_as_long(locksmith, files, autojump_clock):
    """The right one too; and who tries too early does not make it longer."""
    for seconds in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        with pytest.raises(WrongPassphraseError):
            await locksmith.unlock(files, WRONG)
        for passed in (0.0, seconds - 0.5):
            await trio.sleep(passed)
            left = 1 if passed else seconds
            with pytest.raises(BusyError, match=f"was wrong; try again in {left} s"):
                await locksmith.unlock(files, RIGHT)
        await trio.sleep(0.5)


@pytest.mark.slow
async def test_who_guesses_for_days_goes_on_waiting(locksmith, files, autojump_clock):
    for _ in range(1200):
        with pytest.raises(WrongPassphraseError):
            await locksmith.unlock(files, WRONG)
        await trio.sleep(LONGEST_WAIT)

    assert trio.current_time() == 1200 * LONGEST_WAIT
    assert await locksmith.unlock(files, RIGHT) == KEYS


async def test_after_a_right_one_all_is_forgiven(locksmith, files, autojump_clock):
    for _ in range(5):
        with pytest.raises(WrongPassphraseError):
            await locksmith.unlock(files, WRONG)
        await trio.sleep(60)
    await locksmith.unlock(files, RIGHT)
    await locksmith.unlock(files, RIGHT)

    with pytest.raises(WrongPassphraseError):
        await locksmith.unlock(files, WRONG)
    await trio.sleep(1)

    assert await locksmith.unlock(files, RIGHT) == KEYS


async def test_one_is_tried_at_a_time(files, autojump_clock):
    may_go_on = trio.Event()

    async def slowly(sync_fn):
        await may_go_on.wait()
        return sync_fn()

    locksmith = a_locksmith(run_blocking=slowly)
    found = []

    async def first():
        found.append(await locksmith.unlock(files, RIGHT))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await wait_all_tasks_blocked()
        with pytest.raises(BusyError, match="being tried just now"):
            await locksmith.unlock(files, RIGHT)
        with pytest.raises(BusyError, match="being tried just now"):
            await locksmith.opener(Rekey(source="key-file"), BY_KEY_FILE)
        may_go_on.set()
    assert found == [KEYS]
    assert await locksmith.unlock(files, RIGHT) == KEYS


async def test_who_gives_up_while_one_is_tried_blocks_nobody(files, autojump_clock):
    async def for_ever(_sync_fn):
        await trio.sleep_forever()

    locksmith = a_locksmith(run_blocking=for_ever)
    with trio.move_on_after(5):
        await locksmith.unlock(files, RIGHT)

    with trio.move_on_after(5) as second:  # it is tried, and no one is busy
        await locksmith.unlock(files, RIGHT)
    assert second.cancelled_caught


async def test_where_there_is_no_memory_nothing_counts_as_wrong(locksmith, files, monkeypatch):
    def kdf(*_args, **_limits):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("cubbyd.crypto.opener.argon2id.kdf", kdf)
        for _ in range(2):
            with pytest.raises(BusyError, match="not to be had now"):
                await locksmith.unlock(files, RIGHT)

    assert await locksmith.unlock(files, RIGHT) == KEYS


async def test_a_keyring_that_is_damaged_is_told_and_counts_for_nothing(
    locksmith, files, autojump_clock
):
    files.files["keyring"] = files.files["keyring"][:20]
    for _ in range(2):
        with pytest.raises(IntegrityError, match="damaged"):
            await locksmith.unlock(files, RIGHT)


# What is to open the keyring


async def test_a_new_passphrase_gets_a_salt_of_its_own(locksmith):
    change = Rekey(source="passphrase", passphrase=OTHER)

    one = await locksmith.opener(change, BY_KEY_FILE)
    other = await locksmith.opener(change, BY_KEY_FILE)

    assert one.source is KeySource.PASSPHRASE
    assert one.argon2id.derive(OTHER) == one.key
    assert one.argon2id.salt != other.argon2id.salt
    assert one.key != other.key


async def test_the_current_passphrase_is_checked_before_anything_is_made(autojump_clock):
    disk = a_disk()
    locksmith = a_locksmith(disk)

    with pytest.raises(WrongPassphraseError):
        await locksmith.opener(Rekey(source="key-file", current=WRONG), BY_PASSPHRASE)
    with pytest.raises(BusyError, match="try again in 1 s"):
        await locksmith.opener(Rekey(source="key-file", current=RIGHT), BY_PASSPHRASE)
    await trio.sleep(1)
    with pytest.raises(InvalidRequestError, match="current passphrase is needed"):
        await locksmith.opener(Rekey(source="key-file"), BY_PASSPHRASE)

    assert disk.tree()["config"] == {}


async def test_a_key_file_is_made_where_there_is_none_and_durable(autojump_clock):
    disk = a_disk()
    change = Rekey(source="key-file", current=RIGHT)

    made = await a_locksmith(disk).opener(change, BY_PASSPHRASE)

    (left,) = {tree["config"]["key"] for tree in disk.after_a_cut(at_most=64)}
    assert left == made.key.reveal().hex().encode() + b"\n"
    assert made == Opener(key=made.key, source=KeySource.KEY_FILE)


async def test_a_key_file_that_is_there_is_taken(autojump_clock):
    disk = a_disk(key=DIGITS)

    found = await a_locksmith(disk).opener(Rekey(source="key-file", current=RIGHT), BY_PASSPHRASE)

    assert found == Opener(key=KEY)
    assert disk.tree()["config"] == {"key": DIGITS}


async def test_a_credential_is_taken(autojump_clock):
    found = await a_locksmith(a_disk(credential=DIGITS)).opener(
        Rekey(source="credential"), BY_KEY_FILE
    )

    assert found == Opener(key=KEY, source=KeySource.CREDENTIAL)


@pytest.mark.parametrize(
    ("kept", "source", "says"),
    [
        ({}, "credential", "no systemd credential cubbyd.key; the unit needs"),
        ({"credential": b"damaged"}, "credential", "does not hold 64 hex digits"),
        ({"key": b"damaged"}, "key-file", "does not hold 64 hex digits"),
    ],
)
async def test_a_key_that_is_missing_or_damaged_is_refused_in_words(
    kept, source, says, autojump_clock
):
    disk = a_disk(**kept)
    before = disk.tree()

    with pytest.raises(InvalidRequestError, match=says):
        await a_locksmith(disk).opener(Rekey(source=source, current=RIGHT), BY_PASSPHRASE)

    assert disk.tree() == before


async def test_a_key_file_that_may_not_be_made_is_refused_in_words(autojump_clock):
    """As in a directory that is root's."""
    disk = a_disk()
    change = Rekey(source="key-file", current=RIGHT)

    def on_call(call, _name):
        if call == "create":
            raise PermissionError(EACCES, strerror(EACCES))

    disk.on_call = on_call

    with pytest.raises(InvalidRequestError, match="the key file /config/key cannot be made"):
        await a_locksmith(disk).opener(change, BY_PASSPHRASE)


@pytest.mark.parametrize("call", ["open", "create", "read", "fsync"])
@pytest.mark.parametrize(("errno", "kind"), [(EIO, IntegrityError), (EMFILE, BusyError)])
async def test_a_disk_that_will_not_is_told_as_such(call, errno, kind, autojump_clock):
    disk = a_disk(key=DIGITS) if call in ("open", "read") else a_disk()

    def on_call(made, _name):
        if made == call:
            raise OSError(errno, strerror(errno))

    disk.on_call = on_call

    with pytest.raises(kind):
        await a_locksmith(disk).opener(Rekey(source="key-file", current=RIGHT), BY_PASSPHRASE)
