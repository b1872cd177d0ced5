"""A rekey has the keyring opened by something else: the keys stay, and so does all they open.

It is the owner's, at the door that knows him; where a passphrase opens the keyring now, it takes
that; and it never leaves a store that nothing opens.
"""

from contextlib import suppress
from itertools import permutations

import pytest
import trio
from desk_house import DIGITS, OTHER_PASSPHRASE, PASSPHRASE, DeskHouse, a_disk, open_desk
from fakes import MemoryFiles

from cubbyd.crypto.opener import KeySource
from cubbyd.errors import BusyError, InvalidRequestError, WrongPassphraseError
from cubbyd.store.keyring import source_of

CREDENTIALS = {"cubbyd.key": DIGITS}


@pytest.fixture
async def house():
    """A daemon whose keys a passphrase opens, with a credential at hand."""
    async with open_desk(disk=a_disk(**CREDENTIALS)) as house:
        yield house


async def come_to(house, source):
    """Have the keys opened by this, wherever they lie now."""
    now = await house.source()
    current = PASSPHRASE if now == "passphrase" else None
    if now != source:
        await house.rekey(source, PASSPHRASE if source == "passphrase" else None, current)


@pytest.mark.parametrize(("one", "other"), [*permutations([each.value for each in KeySource], 2)])
async def test_from_any_source_to_any_other(house, one, other, autojump_clock):
    token = await house.token("root")
    await house.guest.ask("write", "cubbyhole/x", {"is": "there"}, token=token)
    await come_to(house, one)

    await come_to(house, other)

    assert await house.source() == other
    assert source_of(house.files.files["keyring"])[0] is KeySource(other)
    restarted = DeskHouse(house.files, house.disk)
    assert restarted.desk.is_sealed is (other == "passphrase")
    async with restarted.running():
        if restarted.desk.is_sealed:
            await restarted.unseal()
        answer = await restarted.guest.ask("read", "cubbyhole/x", token=token)
        assert answer.data == {"is": "there"}


async def test_nothing_but_the_keyring_is_written(house):
    await house.token("root")
    before = dict(house.files.files)

    await house.rekey("key-file", current=PASSPHRASE)

    changed = {name for name, file in house.files.files.items() if before[name] != file}
    assert (changed, house.files.files.keys()) == ({"keyring"}, before.keys())


async def test_a_store_that_begins_with_a_key_file_comes_to_a_passphrase(autojump_clock):
    async with open_desk(MemoryFiles()) as house:
        assert await house.source() == "key-file"
        refused = await house.owner.refusal("write", "sys/seal")
        assert (refused.status, "needs a passphrase" in str(refused)) == (400, True)

        await house.rekey("passphrase", PASSPHRASE)
        await house.seal()
        await house.unseal()

        assert await house.source() == "passphrase"


@pytest.mark.parametrize("source", ["key-file", "credential"])
async def test_what_cannot_be_sealed_says_why(house, source):
    await come_to(house, source)

    refused = await house.owner.refusal("write", "sys/seal")

    assert (refused.code, f"from a {source}" in str(refused)) == ("invalid_request", True)
    assert not house.desk.is_sealed


@pytest.mark.parametrize(
    ("start", "given", "says"),
    [
        ("passphrase", ("passphrase", OTHER_PASSPHRASE), "must be the one that opens the keyring"),
        ("passphrase", ("key-file",), "must be the one that opens the keyring"),
        ("passphrase", ("passphrase", None, PASSPHRASE), "goes with to=passphrase"),
        ("passphrase", ("key-file", OTHER_PASSPHRASE, PASSPHRASE), "goes with to=passphrase"),
        ("passphrase", ("passphrase", "seven c", PASSPHRASE), "at least 8 characters"),
        ("passphrase", ("passphrase", "\u00e4" * 513, PASSPHRASE), "at most 1024 bytes"),
        ("passphrase", ("tpm", None, PASSPHRASE), "to must be one of key-file, credential"),
        ("key-file", ("key-file",), "opens with a key-file already"),
        ("credential", ("credential",), "opens with a credential already"),
        ("key-file", ("passphrase", PASSPHRASE, OTHER_PASSPHRASE), "and this does not"),
        ("key-file", ("passphrase",), "goes with to=passphrase"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words_and_costs_nothing(house, start, given, says):
    await come_to(house, start)
    before = dict(house.files.files)

    with pytest.raises(InvalidRequestError, match=says):
        await house.rekey(*given)

    assert house.files.files == before


@pytest.mark.parametrize("passphrase", ["\u00e4" * 8, "x" * 1024, "with blanks ", "\x00" * 8])
async def test_a_passphrase_is_any_text_of_enough_characters(house, passphrase):
    await house.rekey("passphrase", passphrase, PASSPHRASE)
    await house.seal()

    await house.unseal(passphrase)


async def test_a_wrong_current_passphrase_changes_nothing_and_slows_the_next(house, autojump_clock):
    before = dict(house.files.files)

    with pytest.raises(WrongPassphraseError):
        await house.rekey("key-file", current="wrong")
    with pytest.raises(BusyError, match="try again in 1 s"):
        await house.rekey("key-file", current=PASSPHRASE)

    assert house.files.files == before
    assert house.disk.tree()["config"] == {}
    await trio.sleep(1)
    await house.rekey("key-file", current=PASSPHRASE)


async def test_a_credential_that_is_not_there_is_refused_in_words(autojump_clock):
    async with open_desk() as house:
        with pytest.raises(InvalidRequestError, match="the unit needs LoadCredentialEncrypted"):
            await house.rekey("credential", current=PASSPHRASE)

        await house.seal()
        await house.unseal()


async def test_only_an_owner_rekeys_and_only_with_sudo(house):
    data = {"to": "key-file", "current_passphrase": PASSPHRASE}
    root, plain = await house.token("root"), await house.token()
    for door, token in (
        (house.guest, None),
        (house.guest, root),
        (house.bearer, root),
        (house.owner, plain),
    ):
        refused = await door.refusal("write", "sys/rekey", data, token=token)
        assert refused.code == "permission_denied"

    await house.owner.ask("write", "sys/rekey", data, token=root)

    assert await house.source() == "key-file"


async def test_of_rekeys_at_once_one_comes_after_the_other(house, autojump_clock):
    """Whichever is first, the others meet what it made."""
    outcomes = []

    async def rekey(*given):
        try:
            outcomes.append(await house.rekey(*given))
        except InvalidRequestError as refused:
            outcomes.append(str(refused))
        except BusyError:
            outcomes.append("busy")

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(rekey, "passphrase", f"passphrase {number}", PASSPHRASE)

    done = [each for each in outcomes if not isinstance(each, str)]
    assert len(done) == 1
    assert {*filter(lambda each: isinstance(each, str), outcomes)} <= {
        "busy",
        "the passphrase is wrong",
    }
    assert source_of(house.files.files["keyring"])[0] is KeySource.PASSPHRASE


async def test_rotations_and_rekeys_at_once_both_hold(house, autojump_clock):
    for _ in range(20):
        await house.token("root")

    async def rekey_around():
        for source in ("key-file", "credential", "passphrase") * 3:
            await come_to(house, source)

    async def rotate():
        for _ in range(9):
            await house.owner.ask("write", "sys/rotate")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rekey_around)
        nursery.start_soon(rotate)
    await trio.sleep(5)

    status = (await house.owner.ask("read", "sys/key-status")).data
    assert (status["term"], status["files"]) == (10, {"10": 20})
    await house.seal()
    await house.unseal()
    assert (await house.owner.ask("read", "sys/key-status")).data["term"] == 10


async def test_a_new_opener_lies_in_the_pages_and_the_old_one_no_more(house):
    old = house.desk.store.terms.keys.opener.key.reveal()

    await house.rekey("passphrase", OTHER_PASSPHRASE, PASSPHRASE)

    new = house.desk.store.terms.keys.opener.key
    assert (new._value, house.pages.count(new.reveal())) == (b"", 1)  # noqa: SLF001
    assert old not in house.pages


async def test_memory_for_keys_that_is_full_is_told_as_busy(house):
    taken = []
    with suppress(BusyError):
        while True:
            taken.append(house.memory.hold(bytes(32)))

    for request in (
        ("sys/rotate", None),
        ("sys/rekey", {"to": "key-file", "current_passphrase": PASSPHRASE}),
    ):
        refused = await house.owner.refusal("write", *request)
        assert refused.code == "busy"
    assert await house.source() == "passphrase"
