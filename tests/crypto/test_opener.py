"""What opens a keyring: above all, how a passphrase becomes a key, and what that may cost."""

import pytest
from nacl.exceptions import CryptoError

from cubbyd.crypto import opener
from cubbyd.crypto.opener import MAX_MEMORY_BYTES, MAX_PASSES, Argon2id
from cubbyd.errors import BusyError
from cubbyd.secret import Secret

SALT = bytes(range(16))
LITTLE = 8192
PASSPHRASE = Secret(b"correct horse")


def test_the_key_is_that_of_libsodium():
    """Also in years: a frozen value."""
    key = Argon2id(SALT, opslimit=1, memlimit=LITTLE).derive(PASSPHRASE)

    assert key.reveal().hex() == "3bfa796a86260b73457e1290b51695931a17e266f601d0fb45563e282fb6865b"


@pytest.mark.parametrize(
    "other",
    [
        Argon2id(bytes(16), opslimit=1, memlimit=LITTLE),
        Argon2id(SALT, opslimit=2, memlimit=LITTLE),
        Argon2id(SALT, opslimit=1, memlimit=2 * LITTLE),
    ],
)
def test_it_depends_on_all_of_the_parameters(other):
    one = Argon2id(SALT, opslimit=1, memlimit=LITTLE)

    assert one.derive(PASSPHRASE) != other.derive(PASSPHRASE)
    assert one.derive(PASSPHRASE) != one.derive(Secret(b"correct horsf"))


def test_a_new_passphrase_costs_what_libsodium_calls_moderate():
    new = Argon2id(SALT)

    assert (new.opslimit, new.memlimit) == (3, 256 * 1024 * 1024)
    assert new.is_bounded


@pytest.mark.parametrize(
    ("salt", "opslimit", "memlimit"),
    [
        (SALT[:-1], 3, LITTLE),
        (SALT + b"\0", 3, LITTLE),
        (b"", 3, LITTLE),
        (SALT, 0, LITTLE),
        (SALT, -1, LITTLE),
        (SALT, MAX_PASSES + 1, LITTLE),
        (SALT, 2**64, LITTLE),
        (SALT, 3, LITTLE - 1),
        (SALT, 3, 0),
        (SALT, 3, MAX_MEMORY_BYTES + 1),
        (SALT, 3, 2**70),
    ],
)
def test_what_costs_too_much_or_too_little_is_known_before_it_is_tried(salt, opslimit, memlimit):
    assert not Argon2id(salt, opslimit=opslimit, memlimit=memlimit).is_bounded


@pytest.mark.parametrize(
    ("opslimit", "memlimit"),
    [(1, LITTLE), (MAX_PASSES, LITTLE), (1, MAX_MEMORY_BYTES)],
)
def test_the_bounds_are_within(opslimit, memlimit):
    assert Argon2id(SALT, opslimit=opslimit, memlimit=memlimit).is_bounded


@pytest.mark.parametrize("error", [CryptoError("no"), MemoryError()])
def test_where_there_is_no_memory_one_is_told_to_try_again(monkeypatch, error):
    def kdf(*_args, **_limits):
        raise error

    monkeypatch.setattr(opener.argon2id, "kdf", kdf)

    with pytest.raises(BusyError, match="256 MiB") as caught:
        Argon2id(SALT).derive(PASSPHRASE)

    assert caught.value.__context__ is None
