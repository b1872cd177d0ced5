"""All policies are in memory: those that open. One that does not is reported, and kept."""

import logging
from errno import EIO

import pytest
import trio
from fakes import EPOCH, MemoryFiles, counting_random
from fakes_disk import FaultyFiles
from store_house import KEYS, StoreHouse
from trio.testing import wait_all_tasks_blocked

from cubbyd import codec
from cubbyd.core.outcome import PutPolicy, RemovePolicy
from cubbyd.core.policy import Capability, Policy, Rule
from cubbyd.errors import IntegrityError, StorageFullError
from cubbyd.store.commit import InFlightError
from cubbyd.store.policy_record import PREFIX, encode, file_name
from cubbyd.store.sealed_file import Section, seal_file

READ = Rule(path="p", capabilities=frozenset({Capability.READ}))


def policy(name="a", *, text="{}", version=1):
    return Policy(name=name, text=text, rules=(READ,), version=version, modified_at=EPOCH)


@pytest.fixture
def house():
    house = StoreHouse()
    house.store.prepare()
    return house


def restarted(files):
    """What another daemon finds in these files."""
    again = StoreHouse(files)
    again.store.prepare()
    return again.store


async def test_a_policy_that_was_put_is_there(house):
    await house.store.commit([[PutPolicy(policy=policy("b"))], [PutPolicy(policy=policy("a"))]])

    assert house.store.policy("a") == policy("a")
    assert house.store.policy_names() == ["a", "b"]
    assert house.store.policy("none such") is None
    assert set(house.files.names()) == {file_name("a", KEYS), file_name("b", KEYS)}


async def test_and_is_there_after_a_restart(house):
    await house.store.commit([[PutPolicy(policy=policy("a"))]])
    await house.store.commit([[PutPolicy(policy=policy("a", text="new", version=2))]])

    again = restarted(house.files)

    assert again.policy("a") == policy("a", text="new", version=2)
    assert again.policy_names() == ["a"]


async def test_one_that_was_removed_is_gone(house):
    await house.store.commit([[PutPolicy(policy=policy("a"))]])

    await house.store.commit([[RemovePolicy(name="a")]])

    assert house.store.policy("a") is None
    assert house.files.names() == []


async def test_removing_what_is_not_there_is_nothing(house):
    await house.store.commit([[RemovePolicy(name="a")]])

    assert house.store.policy_names() == []


async def test_each_change_has_a_version_of_its_own(house):
    seen = [house.store.policies_version]
    for change in (PutPolicy(policy=policy()), PutPolicy(policy=policy()), RemovePolicy(name="a")):
        await house.store.commit([[change]])
        seen.append(house.store.policies_version)

    assert len(set(seen)) == 4


async def test_while_one_is_on_its_way_no_policy_is_to_be_read(nursery, autojump_clock):
    """A request that is decided now must be decided by what it says, and that may yet fail."""

    async def slowly(sync_fn):
        await trio.sleep(1)
        return sync_fn()

    house = StoreHouse(run_blocking=slowly)
    nursery.start_soon(house.store.commit, [[PutPolicy(policy=policy("a"))]])
    await wait_all_tasks_blocked()

    for look in (
        lambda: house.store.policy("b"),
        house.store.policy_names,
        lambda: house.store.policies_version,
    ):
        with pytest.raises(InFlightError):
            look()

    await trio.sleep(2)
    assert house.store.policy_names() == ["a"]


async def test_one_that_the_disk_refuses_is_not_there():
    files = FaultyFiles(MemoryFiles(), fails_at=1, errno=28)
    house = StoreHouse(files)

    with pytest.raises(StorageFullError):
        await house.store.commit([[PutPolicy(policy=policy("a"))]])

    assert house.store.policy("a") is None
    assert house.files.names() == []


# -- damaged


def damaged(*names, spared=()):
    files = MemoryFiles()
    for name in (*names, *spared):
        files.files[file_name(name, KEYS)] = encode(policy(name), KEYS, counting_random())
    for name in names:
        file = files.files[file_name(name, KEYS)]
        files.files[file_name(name, KEYS)] = file[:-1] + bytes([file[-1] ^ 1])
    return files


def test_one_that_does_not_open_is_refused_by_name_and_the_others_are_there(caplog):
    files = damaged("hit", spared=["spared"])

    with caplog.at_level(logging.ERROR):
        store = restarted(files)

    with pytest.raises(IntegrityError, match='policy "hit"'):
        store.policy("hit")
    assert store.policy("spared") == policy("spared")
    assert store.policy("none such") is None
    assert store.policy_names() == ["spared"]
    assert file_name("hit", KEYS) in caplog.text


def test_it_is_left_as_it_is():
    files = damaged("hit")
    before = dict(files.files)

    restarted(files)

    assert files.files == before


def test_one_that_the_disk_does_not_read_is_refused_too():
    files = FaultyFiles(damaged(spared=["hit", "spared"]))
    files.unreadable[file_name("hit", KEYS)] = EIO

    store = restarted(files)

    with pytest.raises(IntegrityError, match="cannot be read"):
        store.policy("hit")
    assert store.policy("spared") == policy("spared")


def test_one_that_names_another_policy_is_neither():
    """Sealed with our keys, under the one's name and with the other's inside: by a bug."""
    files, file = MemoryFiles(), file_name("a", KEYS)
    digits = file.removeprefix(PREFIX)
    fields = {"name": "b", "text": "", "rules": [], "version": 1, "modified_at": EPOCH}
    files.files[file] = seal_file(
        codec.encode(fields), Section.POLICY, digits, keys=KEYS, random=counting_random()
    )

    store = restarted(files)

    with pytest.raises(IntegrityError, match="another's name"):
        store.policy("a")
    assert store.policy("b") is None


async def test_removing_a_damaged_one_is_the_way_out():
    """At once, and not after the next start."""
    house = StoreHouse(damaged("hit"))
    house.store.prepare()

    await house.store.commit([[RemovePolicy(name="hit")]])

    assert house.store.policy("hit") is None
    await house.store.commit([[PutPolicy(policy=policy("hit"))]])
    assert house.store.policy("hit") == policy("hit")
