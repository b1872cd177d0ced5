"""auth/token/revoke-orphan: a token ends alone, and its children live on as orphans.

The rules: it is one atomic change; what is left is a stub without rights and without contents; a
stub goes when no child names it any more; grandchildren keep their parent.
"""

import pytest
import trio
from fakes import MemoryFiles
from house import House, open_house, trio_clock
from trio.testing import wait_all_tasks_blocked

from cubbyd.core.token import TokenType
from cubbyd.reaper import build_index, reap

REVOKE, ORPHAN = "auth/token/revoke", "auth/token/revoke-orphan"


async def family(house, **options):
    """A token, two children, and a child of the first child."""
    parent = await house.token("root", **options)
    one = await house.token("root", parent=parent, ttl="5h")
    other = await house.token(parent=parent, ttl="5h")
    return parent, one, other, await house.token(parent=one, ttl="5h")


async def orphan(house, token, *, by=None):
    return await house.owner.ask("write", ORPHAN, {"token": token}, token=by)


async def revoke(house, token):
    await house.owner.ask("write", REVOKE, {"token": token})


async def alive(house, tokens):
    return [await house.is_alive(token) for token in tokens]


async def is_orphan(house, token):
    return (await house.owner.ask("write", "auth/token/lookup", {"token": token})).data["orphan"]


async def reaped(house):
    """Let the reaper do all that there is to do."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reap, house.store, trio_clock)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


# -- the family


async def test_the_token_is_dead_and_its_children_are_orphans(house):
    parent, one, other, grandchild = await family(house)

    answer = await orphan(house, parent)

    assert answer.is_empty
    assert await alive(house, [parent, one, other, grandchild]) == [False, True, True, True]
    assert [await is_orphan(house, each) for each in (one, other)] == [True, True]


async def test_grandchildren_keep_their_parent(house):
    parent, one, other, grandchild = await family(house)
    await orphan(house, parent)

    assert not await is_orphan(house, grandchild)
    await revoke(house, one)

    assert await alive(house, [one, other, grandchild]) == [False, True, False]


async def test_orphans_outlive_what_their_parents_parent_ends_by(house, autojump_clock):
    grandparent, parent, other, child = await family(house, ttl="1h")
    await orphan(house, parent)

    await trio.sleep(3600)

    assert await alive(house, [grandparent, parent, other, child]) == [False, False, False, True]


async def test_one_in_the_middle_splits_the_line(house):
    top, middle, other, bottom = await family(house)

    await orphan(house, middle)
    await revoke(house, top)

    assert await alive(house, [top, middle, other, bottom]) == [False, False, False, True]
    assert await is_orphan(house, bottom)


async def test_an_orphans_children_are_as_deep_as_those_of_any_orphan(house):
    """Depth counts from the stub on: the line may grow again."""
    line = [await house.token("root")]
    for _ in range(31):
        line.append(await house.token("root", parent=line[-1]))

    refused = await house.owner.refusal("write", "auth/token/create", token=line[-1])
    await orphan(house, line[0])

    assert refused.status == 400
    assert await house.token("root", parent=line[-1])


async def test_a_token_may_orphan_its_own_children(house):
    parent, one, *_ = await family(house)

    await house.guest.ask("write", ORPHAN, {"token": parent}, token=parent)

    assert await alive(house, [parent, one]) == [False, True]


async def test_a_wrapping_token_goes_with_its_secret(house):
    token = await house.wrapped({"k": 1})

    await orphan(house, token)

    refused = await house.guest.refusal("write", "sys/wrapping/unwrap", token=token)
    assert refused.code == "wrapping_token_invalid"


# -- the stub


async def test_a_stub_has_no_rights_and_nothing_else(house):
    """It is no token in any list or lookup, and there is nothing to renew or to revoke."""
    parent, one, *_ = await family(house, meta={"a": "b"}, display_name="x", num_uses=0)
    await house.guest.ask("write", "cubbyhole/x", {"secret": 1}, token=parent)
    sizes = len(house.files.files[house.accessor(parent)])
    await orphan(house, parent)

    entry = house.store.record(house.accessor(parent)).entry
    record = house.store.record(house.accessor(parent))
    assert (entry.type, entry.policies, entry.meta) == (TokenType.STUB, (), None)
    assert (entry.display_name, entry.expires_at, entry.parent) == ("", None, None)
    assert (record.file_key, record.sealed) == (None, b"")
    assert len(house.files.files[house.accessor(parent)]) < sizes
    for request in (
        ("read", "cubbyhole/x"),
        ("read", "auth/token/lookup-self"),
        ("write", "auth/token/renew-self"),
        ("write", "auth/token/create"),
        ("write", "sys/wrapping/wrap"),
    ):
        refused = await house.guest.refusal(*request, token=parent, wrap_ttl=60)
        assert (refused.status, refused.messages) == (403, ("permission denied",))
    listed = await house.owner.ask("list", "auth/token/accessors")
    assert house.accessor(parent) not in listed.data["keys"]
    assert house.accessor(one) in listed.data["keys"]


async def test_by_its_accessor_it_is_not_found_either(house):
    parent, one, *_ = await family(house)
    data = {"accessor": house.accessor(parent)}
    await orphan(house, parent)

    for path in ("auth/token/lookup-accessor", "auth/token/renew-accessor"):
        refused = await house.owner.refusal("write", path, data)
        assert refused.messages == ("1 error occurred:\n\t* invalid accessor\n\n",)
    answer = await house.owner.ask("write", "auth/token/revoke-accessor", data)
    assert answer.warnings == ("No token found with this accessor",)
    assert await house.is_alive(one)


async def test_revoking_a_stub_leaves_its_children_alone(house):
    parent, one, *_ = await family(house)
    await orphan(house, parent)

    await revoke(house, parent)

    assert await house.is_alive(one)


async def test_a_stub_does_not_count_in_a_quota(house):
    parent, *_ = await family(house)
    before = house.store.tokens_of(1000)

    await orphan(house, parent)

    assert house.store.tokens_of(1000) == before - 1


async def test_a_stub_goes_when_no_child_names_it(house):
    parent, one, other, _ = await family(house)
    await orphan(house, parent)
    await reaped(house)
    assert house.has_file(parent)

    await revoke(house, one)
    await reaped(house)
    assert house.has_file(parent)
    await revoke(house, other)
    await reaped(house)

    assert house.files.files == {}


@pytest.mark.parametrize(
    "request_", [("write", "cubbyhole/x", {"a": 1}), ("write", "auth/token/renew-self", None)]
)
async def test_a_stub_stays_when_its_only_child_is_written_anew(house, request_):
    parent = await house.token("root")
    child = await house.token(parent=parent)
    await orphan(house, parent)

    await house.guest.ask(*request_, token=child)
    await reaped(house)

    assert await house.is_alive(child)


async def test_a_stub_goes_when_its_last_child_expires(house, autojump_clock):
    parent, *_ = await family(house)
    await orphan(house, parent)

    await trio.sleep(5 * 3600)
    await reaped(house)

    assert house.files.files == {}


async def test_a_stub_without_children_goes_at_once(house):
    token = await house.token("root")

    await orphan(house, token)
    await reaped(house)

    assert house.files.files == {}


# -- atomic, and for ever


async def test_it_is_one_change_of_one_file(house):
    parent, *_ = await family(house)
    before = dict(house.files.files)
    syncs = house.files.syncs

    await orphan(house, parent)

    changed = {name for name in before if house.files.files.get(name) != before[name]}
    assert changed == {house.accessor(parent)}
    assert house.files.syncs == syncs + 1


async def test_all_is_as_it_was_in_a_house_that_was_opened_again(house):
    parent, one, other, grandchild = await family(house)
    await orphan(house, parent)

    async with open_house(house.files) as restarted:
        await reaped(restarted)
        tokens = [parent, one, other, grandchild]
        assert await alive(restarted, tokens) == [False, True, True, True]
        assert await is_orphan(restarted, one)
        await revoke(restarted, one)
        await revoke(restarted, other)
        await reaped(restarted)

    assert house.files.files == {}


async def test_a_stub_that_nobody_names_goes_after_a_restart(house):
    """The daemon ended before the reaper had come."""
    token = await house.token("root")
    await orphan(house, token)

    async with open_house(house.files) as restarted:
        await reaped(restarted)

    assert house.files.files == {}


async def test_before_every_file_was_looked_at_no_stub_goes(house):
    """Who names it may be a file that comes later."""
    parent, one, *_ = await family(house)
    await orphan(house, parent)

    again = House(house.files)
    await reaped(again)
    assert again.has_file(parent)
    await build_index(again.store)
    await reaped(again)
    assert again.has_file(parent)
    assert await again.is_alive(one)


# -- who may


async def test_sudo_is_needed(house):
    parent, one, *_ = await family(house)
    text = '{"path": {"auth/token/revoke-orphan": {"capabilities": ["update"]}}}'
    await house.owner.ask("write", "sys/policies/acl/p", {"policy": text})
    token = await house.token("p")

    refused = await house.owner.refusal("write", ORPHAN, {"token": parent}, token=token)
    assert (refused.status, refused.messages) == (
        400,
        ("root or sudo privileges required to revoke and orphan",),
    )
    assert await alive(house, [parent, one]) == [True, True]

    text = text.replace("update", 'update", "sudo')
    await house.owner.ask("write", "sys/policies/acl/p", {"policy": text})
    await orphan(house, parent, by=token)
    assert await alive(house, [parent, one]) == [False, True]


async def test_policy_default_may_not(house):
    token = await house.token()

    refused = await house.guest.refusal("write", ORPHAN, {"token": token}, token=token)

    assert refused.status == 403
    assert await house.is_alive(token)


@pytest.mark.parametrize(
    ("data", "status", "why"),
    [
        (None, 400, "missing token ID"),
        ({"token": ""}, 400, "missing token ID"),
        ({"token": "unknown"}, 400, "token to revoke not found"),
        ({"token": 5}, 403, "invalid token"),
    ],
)
async def test_the_token_must_be_named_and_be_there(house, data, status, why):
    refused = await house.owner.refusal("write", ORPHAN, data)

    assert (refused.status, refused.messages) == (status, (why,))


async def test_once_is_enough(house):
    parent, one, *_ = await family(house)
    await orphan(house, parent)

    refused = await house.owner.refusal("write", ORPHAN, {"token": parent})

    assert refused.messages == ("token to revoke not found",)
    assert await house.is_alive(one)


async def test_an_orphan_lives_whose_file_could_not_be_read_for_a_while():
    """What cannot be read may be the child that a stub is kept for: it is never taken for absent.

    So a file descriptor that was missing at the start, or a mode that somebody set right since,
    costs no orphan its life.
    """
    files = MemoryFiles()
    async with open_house(files) as house:
        parent = await house.token("root")
        child = await house.token(parent=parent)
        await house.owner.ask("write", ORPHAN, {"token": parent})
    hidden = files.files[house.accessor(child)]

    files.files[house.accessor(child)] = b"unreadable for now"
    async with open_house(files) as house, trio.open_nursery() as nursery:
        nursery.start_soon(reap, house.store, trio_clock)
        await wait_all_tasks_blocked()
        files.files[house.accessor(child)] = hidden
        await wait_all_tasks_blocked()

        assert await house.is_alive(child)
        assert house.has_file(parent)
        nursery.cancel_scope.cancel()
