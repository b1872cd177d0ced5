"""Disk and root keys, but not the token: no cubbyhole opens. With the token, it does.

The attacker here has every file, the root keys and the accessor key, so it reads all metadata and
may forge any; it has tokens of its own. What it does not have is the victim's token.
"""

import pytest
from house import KEYS, open_house
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as unseal_raw
from nacl.exceptions import CryptoError

from cubbyd.core.token import Accessor
from cubbyd.crypto.keys import cubbyhole_key
from cubbyd.errors import IntegrityError, SealBrokenError
from cubbyd.secret import Secret
from cubbyd.store import record

MARK = "s3kr3t-of-the-victim"


@pytest.fixture
async def victim(house):
    """A token with something in its cubbyhole."""
    token = await house.token("root", meta={"purpose": "test"})
    await house.guest.ask("write", "cubbyhole/x", {"value": MARK}, token=token)
    return token


@pytest.fixture
async def attackers(house):
    """A token of the attacker's, with something in its own cubbyhole."""
    token = await house.token("root")
    await house.guest.ask("write", "cubbyhole/x", {"value": "mine"}, token=token)
    return token


def read_record(house, token):
    accessor = Accessor(house.accessor(token))
    return record.decode(house.files.files[accessor], accessor, KEYS)


def all_that_is_known(house, stolen, own_token):
    """Every byte string that files and keys have to offer."""
    entry = stolen.entry
    texts = [entry.accessor, entry.path, entry.display_name, *entry.policies, own_token, ""]
    return [
        *(text.encode() for text in texts),
        bytes.fromhex(entry.accessor),
        stolen.file_key.reveal(),
        KEYS.accessor_key.reveal(),
        *(key.reveal() for key in KEYS.terms.values()),
        house.files.files[entry.accessor],
        stolen.sealed,
        *(stolen.sealed[at : at + 32] for at in range(0, 96, 8)),
    ]


async def test_with_the_token_it_opens(house, victim):
    stolen = read_record(house, victim)

    assert MARK.encode() in stolen.open(Secret.from_text(victim))


async def test_nothing_that_is_known_stands_in_for_the_token(house, victim, attackers):
    stolen = read_record(house, victim)

    for known in all_that_is_known(house, stolen, attackers):
        with pytest.raises(SealBrokenError):
            stolen.open(Secret(known))


async def test_nothing_that_is_known_is_the_key_of_the_cubbyhole(house, victim, attackers):
    """The associated data is no secret; with the right key the same bytes open."""
    stolen = read_record(house, victim)
    associated = b"cubbyd\x00\x01\x02" + bytes.fromhex(stolen.entry.accessor) + bytes(4)
    nonce, sealed = stolen.sealed[:24], stolen.sealed[24:]
    right = cubbyhole_key(stolen.file_key, Secret.from_text(victim)).reveal()
    assert MARK.encode() in unseal_raw(sealed, associated, nonce, right)

    keys = [known for known in all_that_is_known(house, stolen, attackers) if len(known) == 32]
    for key in [*keys, bytes(32)]:
        with pytest.raises(CryptoError):
            unseal_raw(sealed, associated, nonce, key)
    assert len(keys) > 3


async def test_a_cubbyhole_does_not_open_in_another_tokens_file(house, victim, attackers):
    """Forged: the attacker's metadata with the victim's file key and cubbyhole."""
    stolen, own = read_record(house, victim), read_record(house, attackers)
    forged = record.Record(entry=own.entry, file_key=stolen.file_key, sealed=stolen.sealed)

    house.files.files[own.entry.accessor] = record.encode(forged, KEYS, lambda size: b"n" * size)

    refused = await house.guest.refusal("read", "cubbyhole/x", token=attackers)
    assert isinstance(refused, IntegrityError)
    assert MARK not in str(refused)


async def test_a_victims_whole_file_does_not_open_under_another_name(house, victim, attackers):
    files = house.files.files

    files[house.accessor(attackers)] = files[house.accessor(victim)]

    refused = await house.guest.refusal("read", "cubbyhole/x", token=attackers)
    assert isinstance(refused, IntegrityError)
    found = await house.guest.ask("read", "cubbyhole/x", token=victim)
    assert found.data == {"value": MARK}


async def test_a_wrapped_secret_is_as_safe_as_a_cubbyhole(house, attackers):
    token = await house.wrapped({"value": MARK})
    stolen = read_record(house, token)

    for known in all_that_is_known(house, stolen, attackers):
        with pytest.raises(SealBrokenError):
            stolen.open(Secret(known))
    assert MARK.encode() in stolen.open(Secret.from_text(token))


async def test_a_daemon_over_the_same_files_needs_the_token_too(house, victim):
    """The owner may revoke any token and read its metadata, and still opens no cubbyhole."""
    async with open_house(house.files) as restarted:
        own = await restarted.owner.refusal("read", "cubbyhole/x")
        accessor = {"accessor": house.accessor(victim)}
        found = await restarted.owner.ask("write", "auth/token/lookup-accessor", accessor)
        by_accessor = await restarted.owner.refusal(
            "read", "cubbyhole/x", token=house.accessor(victim)
        )
        opened = await restarted.guest.ask("read", "cubbyhole/x", token=victim)

    assert own.code == by_accessor.code == "permission_denied"
    assert (found.data["id"], found.data["meta"]) == ("", {"purpose": "test"})
    assert opened.data == {"value": MARK}


async def test_old_metadata_does_not_open_new_contents(house, victim):
    """Each write draws a new file key, so a file put together from two versions is broken."""
    accessor = house.accessor(victim)
    old = read_record(house, victim)
    await house.guest.ask("write", "cubbyhole/x", {"value": "new"}, token=victim)
    new = read_record(house, victim)

    mixed = record.Record(entry=old.entry, file_key=old.file_key, sealed=new.sealed)
    house.files.files[accessor] = record.encode(mixed, KEYS, lambda size: b"n" * size)

    refused = await house.guest.refusal("read", "cubbyhole/x", token=victim)
    assert isinstance(refused, IntegrityError)


async def test_no_plaintext_and_no_token_lies_on_the_disk(house, victim):
    wrapping_token = await house.wrapped({"value": MARK})

    for name, data in house.files.files.items():
        for secret in (MARK, victim, wrapping_token, victim[5:-6]):
            assert secret.encode() not in data
            assert secret not in name
