"""A sealed daemon has no keys, no store and nothing that it remembered, and says so at every door.

- It answers how it is, and to its unsealing by an owner with the passphrase. All else is `sealed`.
- The pages for keys are zeros then, and nobody looks after the store until it is open again.
"""

import weakref

import pytest
import trio
from desk_house import KEYS, OTHER_PASSPHRASE, PASSPHRASE, open_desk
from fakes import EPOCH
from trio.testing import wait_all_tasks_blocked

from cubbyd.core.token import is_accessor
from cubbyd.crypto.key_memory import MEMORY_BYTES
from cubbyd.errors import BusyError, SealedError
from cubbyd.secret import Secret


@pytest.fixture
async def house():
    """A daemon that has just been unsealed."""
    async with open_desk() as house:
        yield house


@pytest.fixture
async def sealed():
    """A daemon as it starts."""
    async with open_desk(is_sealed=True) as house:
        yield house


# What it answers


async def test_sealed_it_says_how_it_is(sealed, autojump_clock):
    asked = {
        name: await sealed.guest.ask("read", f"sys/{name}")
        for name in ("health", "seal-status", "leader", "init", "hardening")
    }

    assert {name: answer.status for name, answer in asked.items()} == {
        **dict.fromkeys(asked),
        "health": 503,
    }
    data = {name: answer.data for name, answer in asked.items()}
    assert data["health"] == {
        "initialized": True,
        "sealed": True,
        "standby": True,
        "server_time_utc": int(EPOCH),
        "version": "1.2.3",
    }
    assert (data["seal-status"]["type"], data["seal-status"]["sealed"]) == ("passphrase", True)
    assert (data["leader"], data["init"]) == ({"ha_enabled": False}, {"initialized": True})
    assert len({answer.request_id for answer in asked.values()}) == len(asked)


REQUESTS = [
    ("read", "cubbyhole/x"),
    ("write", "cubbyhole/x", {"a": 1}),
    ("list", "cubbyhole/"),
    ("write", "auth/token/create", {}),
    ("write", "auth/token/lookup", {"token": "x"}),
    ("list", "auth/token/accessors"),
    ("write", "auth/peer/login"),
    ("write", "sys/wrapping/unwrap", {"token": "x"}),
    ("write", "sys/wrapping/wrap", {"a": 1}),
    ("read", "sys/policies/acl/default"),
    ("write", "sys/policies/acl/mine", {"policy": "{}"}),
    ("write", "sys/seal"),
    ("write", "sys/rekey", {"to": "key-file", "current_passphrase": PASSPHRASE}),
    ("write", "sys/rotate"),
    ("read", "sys/key-status"),
    ("write", "sys/tools/random"),
    ("write", "sys/capabilities-self", {"paths": ["x"]}),
    ("read", "sys/unseal"),
    ("delete", "sys/unseal"),
    ("write", "sys/health"),
    ("write", "sys/seal-status"),
    ("list", "sys/init"),
    ("read", "nowhere"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: " ".join(each[:2]))
@pytest.mark.parametrize("token", [None, "cbys_a"])
@pytest.mark.parametrize("wrap_ttl", [None, "60s"])
async def test_to_all_else_it_says_that_it_is_sealed(sealed, request_, token, wrap_ttl):
    for door in (sealed.owner, sealed.guest, sealed.bearer):
        refused = await door.refusal(*request_, token=token, wrap_ttl=wrap_ttl)

        assert (refused.code, refused.status) == ("sealed", 503)
    assert sealed.files.names() == ["keyring"]


# Unsealing


async def test_an_owner_unseals_and_is_told_how_it_stands(sealed):
    answer = await sealed.unseal()

    assert (answer.data["sealed"], answer.data["type"]) == (False, "passphrase")
    health = await sealed.guest.ask("read", "sys/health")
    assert (health.status, health.data["sealed"]) == (None, False)
    assert await sealed.token()


async def test_others_do_not_and_no_token_helps(sealed):
    data = {"passphrase": PASSPHRASE}
    for door, token in (
        (sealed.guest, None),
        (sealed.bearer, None),
        (sealed.guest, "cbys_a"),
        (sealed.owner, "cbys_a"),
    ):
        refused = await door.refusal("write", "sys/unseal", data, token=token)
        assert refused.code == "permission_denied"
    assert sealed.desk.is_sealed


async def test_a_wrong_passphrase_says_so_and_costs_time(sealed, autojump_clock):
    data = {"passphrase": "wrong"}

    refused = await sealed.owner.refusal("write", "sys/unseal", data)

    assert (refused.code, refused.status) == ("invalid_request", 400)
    assert str(refused) == "the passphrase is wrong, or the keyring is damaged"
    with pytest.raises(BusyError, match="try again in 1 s"):
        await sealed.unseal()
    await trio.sleep(1)
    await sealed.unseal()
    assert not sealed.desk.is_sealed


@pytest.mark.parametrize("data", [None, {}, {"passphrase": ""}, {"passphrase": b"x"}, {"key": "x"}])
async def test_an_unsealing_without_a_passphrase_is_refused_at_no_cost(sealed, data):
    refused = await sealed.owner.refusal("write", "sys/unseal", data)

    assert (refused.code, str(refused)) == ("invalid_request", "the passphrase is missing")
    await sealed.unseal()


async def test_to_unseal_what_is_open_changes_nothing(house):
    answer = await house.unseal("any")

    assert answer.data["sealed"] is False


async def test_two_who_unseal_at_once_both_find_it_open_or_are_told_to_come_again(sealed):
    """One pair of hands: and no key is held twice."""
    outcomes = []

    async def one():
        try:
            outcomes.append((await sealed.unseal()).data["sealed"])
        except BusyError:
            outcomes.append("busy")

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(one)

    assert set(outcomes) <= {False, "busy"}
    assert outcomes.count(False) >= 1
    assert sealed.pages.count(KEYS.accessor_key.reveal()) == 1


# Sealing


async def test_after_a_sealing_there_are_no_keys(house):
    await house.owner.ask("write", "sys/rotate")
    keys = house.desk.store.terms.keys
    secrets = [each.reveal() for each in (keys.accessor_key, keys.opener.key, *keys.terms.values())]
    assert all(house.pages.count(each) == 1 for each in secrets)

    await house.seal()

    assert house.pages == bytes(MEMORY_BYTES)
    with pytest.raises(SealedError):
        keys.accessor_key.reveal()


async def test_a_key_that_a_rotation_made_lies_with_the_others(house):
    await house.owner.ask("write", "sys/rotate")

    keys = house.desk.store.terms.keys
    assert keys.term == 2
    assert keys.terms[2]._value == b""  # noqa: SLF001 - it is in the pages alone
    assert keys.terms[2].reveal() in house.pages


async def test_after_a_sealing_the_store_and_all_that_it_remembered_are_gone(house):
    token = await house.token("root")
    await house.guest.ask("write", "cubbyhole/x", {"is": "there"}, token=token)
    await house.owner.ask("write", "sys/policies/acl/mine", {"policy": "{}"})
    store = house.desk.store
    things = (store, store.terms, store._cache, store._index, store._policies)  # noqa: SLF001
    left = [weakref.ref(each) for each in (*things, house.desk._router)]  # noqa: SLF001

    await house.seal()
    del store, things
    await wait_all_tasks_blocked()

    assert [each() for each in left] == [None] * len(left)


async def test_what_was_there_is_there_after_it(house):
    token = await house.token("root", ttl="1h")
    await house.guest.ask("write", "cubbyhole/x", {"is": "there"}, token=token)
    await house.owner.ask("write", "sys/rotate")
    for _ in range(3):
        await house.seal()
        assert (await house.guest.refusal("read", "cubbyhole/x", token=token)).code == "sealed"
        await house.unseal()

    answer = await house.guest.ask("read", "cubbyhole/x", token=token)
    assert answer.data == {"is": "there"}


async def test_sealing_takes_sudo(house):
    plain, root = await house.token(), await house.token("root")

    refused = await house.guest.refusal("write", "sys/seal", token=plain)
    assert refused.code == "permission_denied"
    assert (await house.guest.refusal("write", "sys/seal")).code == "permission_denied"
    await house.bearer.ask("write", "sys/seal", token=root)

    assert house.desk.is_sealed


@pytest.mark.parametrize("path", ["sys/seal", "sys/rekey"])
async def test_a_policy_must_grant_sudo_too(house, path):
    data = {"to": "key-file", "current_passphrase": PASSPHRASE} if path == "sys/rekey" else None
    for name, capabilities in (("less", '["update"]'), ("enough", '["update", "sudo"]')):
        policy = f'{{"path": {{"{path}": {{"capabilities": {capabilities}}}}}}}'
        await house.owner.ask("write", f"sys/policies/acl/{name}", {"policy": policy})
    less, enough = await house.token("less"), await house.token("enough")

    refused = await house.owner.refusal("write", path, data, token=less)

    assert refused.code == "permission_denied"
    await house.owner.ask("write", path, data, token=enough)


async def test_sealing_is_told_to_whoever_listens(house):
    told = []
    house.desk.call_on_change(lambda: told.append(house.desk.is_sealed))

    await house.seal()
    await house.unseal()

    assert told == [True, False]


async def test_what_only_a_passphrase_brings_back_would_be_forgotten(house):
    assert house.desk.would_forget
    await house.seal()
    assert not house.desk.would_forget  # the next start finds as much
    await house.unseal()

    await house.rekey("key-file", current=PASSPHRASE)

    assert not house.desk.would_forget


# Those who look after the store


async def test_while_sealed_nothing_expires_on_disk_and_then_it_does(house, autojump_clock):
    await house.token(ttl="60s")
    kept = await house.token(ttl="1h")
    await house.seal()

    await trio.sleep(600)
    assert len([*filter(is_accessor, house.files.names())]) == 2
    await house.unseal()
    await trio.sleep(1)

    (left,) = filter(is_accessor, house.files.names())
    assert left == house.desk.store.accessor(Secret.from_text(kept))


@pytest.mark.slow
async def test_a_sealing_stops_a_resealing_and_the_next_opening_goes_on(
    house, caplog, autojump_clock
):
    """At any moment of it; and nobody takes files for damaged whose keys have gone."""
    for _ in range(30):
        await house.token("root", ttl="1h")
    for pause in range(12):
        await house.owner.ask("write", "sys/rotate")
        for _ in range(pause):
            await trio.lowlevel.checkpoint()
        await house.seal()
        await wait_all_tasks_blocked()
        await house.unseal()
    await trio.sleep(5)

    status = (await house.owner.ask("read", "sys/key-status")).data
    assert status["files"] == {"13": 30}
    assert [each.levelname for each in caplog.records if each.levelname != "INFO"] == []


async def test_another_passphrase_than_the_one_it_was_sealed_with_is_wrong(house, autojump_clock):
    await house.rekey("passphrase", OTHER_PASSPHRASE, PASSPHRASE)
    await house.seal()

    refused = await house.owner.refusal("write", "sys/unseal", {"passphrase": PASSPHRASE})

    assert str(refused) == "the passphrase is wrong, or the keyring is damaged"
    await trio.sleep(1)
    await house.unseal(OTHER_PASSPHRASE)
