"""A sealing while something is on its way.

- What is on its way to the disk gets there, and is answered; an unsealing waits for it.
- What has not been decided is refused, whether or not it would take a key.
"""

import pytest
import trio
from desk_house import OTHER_PASSPHRASE, PASSPHRASE, SlowDisk, locked_files, open_desk
from trio.testing import wait_all_tasks_blocked

from cubbyd.crypto.key_memory import MEMORY_BYTES
from cubbyd.errors import InvalidRequestError, SealedError, StoreError
from cubbyd.secret import Secret
from cubbyd.store import keyring


async def test_what_is_on_its_way_to_the_disk_is_done_and_what_waits_for_it_is_refused(
    autojump_clock,
):
    """Whether or not the answer would take a key."""
    files = locked_files()
    disk = SlowDisk(files)
    async with open_desk(files, commit=disk) as house:
        token = await house.token()
        answers = {}

        async def ask(name, door, *request, **more):
            try:
                answers[name] = await door.ask(*request, **more)
            except SealedError as refused:
                answers[name] = refused.code

        async with trio.open_nursery() as nursery:
            disk.stop()
            policy = ("write", "sys/policies/acl/mine", {"policy": "{}"})
            nursery.start_soon(ask, "policy", house.owner, *policy)
            write = ("write", "cubbyhole/x", {"is": "there"})
            await wait_all_tasks_blocked()
            nursery.start_soon(ask, "reads policy", house.owner, "read", "sys/policies/acl/mine")
            nursery.start_soon(ask, "lists", house.owner, "list", "sys/policies/acl")
            nursery.start_soon(lambda: ask("writes", house.guest, *write, token=token))
            await wait_all_tasks_blocked()
            house.desk.seal()
            disk.goes.set()

        assert answers.pop("policy").request_id
        assert answers == dict.fromkeys(("reads policy", "lists", "writes"), "sealed")
        await house.unseal()
        assert (await house.owner.ask("read", "sys/policies/acl/mine")).data["policy"] == "{}"


@pytest.mark.parametrize(
    "request_",
    [
        ("write", "cubbyhole/x", {"a": 1}),
        ("write", "sys/policies/acl/mine", {"policy": "{}"}),
        ("delete", "sys/policies/acl/theirs"),
        ("write", "sys/wrapping/wrap", {"a": 1}),
        ("write", "sys/rotate"),
    ],
    ids=lambda each: each[1],
)
async def test_each_kind_of_change_is_finished_at_a_sealing(request_, autojump_clock):
    """And is there afterwards, with an unsealing on its heels that waits for it."""
    files = locked_files()
    disk = SlowDisk(files)
    async with open_desk(files, commit=disk) as house:
        await house.owner.ask("write", "sys/policies/acl/theirs", {"policy": "{}"})
        limited = await house.token("root", num_uses=5)
        answers = []

        async def ask():
            wrap_ttl = "60s" if "wrapping" in request_[1] else None
            answers.append(await house.guest.ask(*request_, token=limited, wrap_ttl=wrap_ttl))

        async with trio.open_nursery() as nursery:
            disk.stop()
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            house.desk.seal()
            nursery.start_soon(house.unseal)
            await wait_all_tasks_blocked()
            has_waited = house.desk.is_sealed
            disk.goes.set()

        assert (len(answers), has_waited, house.desk.is_sealed) == (1, True, False)
        found = await house.owner.ask("write", "auth/token/lookup", {"token": limited})
        assert found.data["num_uses"] == 4
        status = (await house.owner.ask("read", "sys/key-status")).data
        assert status["term"] == (2 if request_[1] == "sys/rotate" else 1)


async def test_of_a_disk_that_has_lost_track_nobody_is_told_anything(autojump_clock):
    files = locked_files()

    def fail():
        raise OSError(5, "Input/output error")

    async with open_desk(files) as house:
        token = await house.token()
        files.sync = fail
        with pytest.raises(StoreError, match="cannot be synced"):
            await house.token()
        with pytest.raises(StoreError, match="no longer carried out"):
            await house.owner.ask("write", "auth/token/lookup", {"token": token})


# A rekey on its way


async def test_an_unsealing_waits_for_a_rekey_that_is_on_its_way(autojump_clock):
    """It would else go on with the opener from before, and write that back at the next rotation."""
    files = locked_files()
    disk = SlowDisk(files)
    async with open_desk(files, commit=disk) as house:
        async with trio.open_nursery() as nursery:
            disk.stop()
            nursery.start_soon(house.rekey, "passphrase", OTHER_PASSPHRASE, PASSPHRASE)
            await wait_all_tasks_blocked()
            house.desk.seal()
            nursery.start_soon(house.unseal, OTHER_PASSPHRASE)
            await wait_all_tasks_blocked()
            has_waited = house.desk.is_sealed
            disk.goes.set()

        assert has_waited
        await house.owner.ask("write", "sys/rotate")
        assert keyring.unlock(files, Secret.from_text(OTHER_PASSPHRASE)).term == 2


@pytest.mark.parametrize("source", ["passphrase", "key-file"])
async def test_a_sealing_waits_for_a_rekey_and_goes_by_what_that_brings(source, autojump_clock):
    """Or the daemon would be sealed with keys that no passphrase brings back."""
    goes = trio.Event()

    async def slowly(sync_fn):
        await goes.wait()
        return sync_fn()

    goes.set()
    async with open_desk(run_blocking=slowly) as house:
        refusals = []

        async def seal():
            try:
                await house.seal()
            except InvalidRequestError as error:
                refusals.append(str(error))

        async with trio.open_nursery() as nursery:
            goes = trio.Event()
            new = OTHER_PASSPHRASE if source == "passphrase" else None
            nursery.start_soon(house.rekey, source, new, PASSPHRASE)
            await wait_all_tasks_blocked()
            nursery.start_soon(seal)
            await wait_all_tasks_blocked()
            assert not house.desk.is_sealed
            goes.set()

        assert house.desk.is_sealed == (source == "passphrase")
        if house.desk.is_sealed:
            assert house.pages == bytes(MEMORY_BYTES)
            await house.unseal(OTHER_PASSPHRASE)
        else:
            assert refusals == ["the keyring was rekeyed meanwhile; try again"]
