"""Many requests at once: of what there is one, one gets it."""

import json
from collections import Counter
from functools import partial

import pytest
import trio
from fakes import MemoryFiles, disk_of
from house import open_house

from cubbyd.errors import RefusedError
from cubbyd.logical.context import Rules
from cubbyd.messages import Response
from cubbyd.store.commit import Commit

TASKS = 64
ROUNDS = 10


async def dawdle(sync_fn):
    """A blocking call, with turns for everybody else before and after it."""
    await trio.lowlevel.checkpoint()
    result = sync_fn()
    await trio.lowlevel.checkpoint()
    return result


@pytest.fixture
async def slow_house():
    """A daemon without a socket, whose changes stay in flight for a while."""
    files = MemoryFiles()
    async with open_house(files, commit=Commit(disk_of(files, dawdle))) as house:
        yield house


async def all_at_once(requests):
    """What becomes of requests that are all begun before any is answered."""
    outcomes = []

    async def note(request):
        outcomes.append(await request())

    async with trio.open_nursery() as nursery:
        for request in requests:
            nursery.start_soon(note, request)
    answers = [each for each in outcomes if isinstance(each, Response)]
    return answers, Counter(each.code for each in outcomes if isinstance(each, RefusedError))


async def secret_in(house, answer):
    """What an answer to unwrap, to rewrap, or from cubbyhole/response leads to."""
    if answer.wrap_info:
        answer = await house.unwrap(answer.wrap_info.token)
    if "response" in answer.data:
        return json.loads(answer.data["response"])["data"]
    return answer.data


@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_a_wrapping_token_has_one_winner(slow_house, round_):
    """Whichever way they go: by header, by body, by rewrap or through cubbyhole/response."""
    house, secret = slow_house, {"k": round_}
    token, default = await house.wrapped(secret), await house.token()
    named = {"token": token}
    ways = [
        partial(house.outcome, "write", "sys/wrapping/unwrap", token=token),
        partial(house.outcome, "write", "sys/wrapping/unwrap", named, token=default),
        partial(house.outcome, "write", "sys/wrapping/rewrap", named),
        partial(house.outcome, "read", "cubbyhole/response", token=token),
        partial(house.outcome, "read", "cubbyhole/response", token=token, wrap_ttl=60),
        partial(house.outcome, "write", "sys/wrapping/unwrap", named, wrap_ttl=60),
    ]

    answers, refusals = await all_at_once([ways[n % len(ways)] for n in range(TASKS)])

    assert len(answers) == 1
    assert await secret_in(house, answers[0]) == secret
    assert refusals.keys() <= {"wrapping_token_invalid", "permission_denied"}
    assert sum(refusals.values()) == TASKS - 1


@pytest.mark.parametrize("limit", [1, 5])
@pytest.mark.parametrize("path", ["auth/token/lookup-self", "cubbyhole/x"])
async def test_uses_never_exceed_the_grant(slow_house, limit, path):
    token = await slow_house.token(num_uses=limit + 1)
    await slow_house.guest.ask("write", "cubbyhole/x", {"a": 1}, token=token)

    request = partial(slow_house.outcome, "read", path, token=token)
    answers, refusals = await all_at_once([request] * TASKS)

    assert len(answers) == limit
    assert refusals == {"permission_denied": TASKS - limit}
    assert not slow_house.has_file(token)


async def test_the_last_use_wraps_once(slow_house):
    token = await slow_house.token(num_uses=1)

    request = partial(
        slow_house.outcome, "write", "sys/wrapping/wrap", {"k": 1}, token=token, wrap_ttl=60
    )
    answers, _ = await all_at_once([request] * TASKS)

    assert len(answers) == 1
    assert list(slow_house.files.files) == [answers[0].wrap_info.accessor]


async def test_of_writes_at_once_none_is_lost(slow_house):
    """Each is a change of one and the same file."""
    token = await slow_house.token()

    requests = [
        partial(slow_house.outcome, "write", f"cubbyhole/{n:02}", {"n": n}, token=token)
        for n in range(TASKS)
    ]
    await all_at_once(requests)

    listed = await slow_house.guest.ask("list", "cubbyhole", token=token)
    assert listed.data["keys"] == [f"{n:02}" for n in range(TASKS)]


async def test_what_is_answered_after_a_revocation_is_refused(slow_house):
    """A child's requests beside the revocation of its parent are answered before, or refused."""
    parent = await slow_house.token("root")
    child = await slow_house.token(parent=parent)
    revoked = trio.Event()

    async def revoke():
        await slow_house.owner.ask("write", "auth/token/revoke", {"token": parent})
        revoked.set()

    async def use():
        was_revoked = revoked.is_set()
        outcome = await slow_house.outcome("read", "auth/token/lookup-self", token=child)
        assert not (was_revoked and isinstance(outcome, Response))
        return outcome

    _, refusals = await all_at_once([use] * 8 + [revoke] + [use] * TASKS)

    assert set(refusals) <= {"permission_denied"}
    assert isinstance(await use(), RefusedError)


async def test_one_token_that_wraps_for_many_is_no_bottleneck(slow_house):
    """Nothing of the maker's changes, so all are carried out together."""
    maker = await slow_house.token("root")
    syncs = slow_house.files.syncs

    request = partial(
        slow_house.outcome, "write", "sys/wrapping/wrap", {"k": 1}, token=maker, wrap_ttl=60
    )
    answers, _ = await all_at_once([request] * TASKS)

    assert len(answers) == TASKS
    assert slow_house.files.syncs - syncs <= 3


async def test_many_at_once_do_not_exceed_a_quota():
    files = MemoryFiles()
    commit = Commit(disk_of(files, dawdle))
    async with open_house(files, commit=commit, rules=Rules(max_tokens_per_uid=5)) as house:
        request = partial(house.outcome, "write", "auth/peer/login")
        answers, refusals = await all_at_once([request] * TASKS)

    assert (len(answers), len(files.files)) == (5, 5)
    assert refusals == {"quota_exceeded": TASKS - 5}
