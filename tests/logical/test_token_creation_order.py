"""Where several things are wrong with a wanted token, the first by OpenBao's order is told.

The order was read off a real server, by all pairs of mistakes.
"""

from itertools import combinations

import pytest

CREATE = "auth/token/create"
MAY_CREATE = '{"path": {"auth/token/create": {"capabilities": ["update"]}}}'

MISTAKES = [
    ({"renewable": "x"}, 'Field validation failed: error converting input for field "renewable"'),
    ({"type": "zz"}, "invalid 'token_type' value"),
    ({"num_uses": -1}, "number of uses cannot be negative"),
    ({"entity_alias": "x"}, "'entity_alias' is only allowed in combination with token role"),
    ({"id": "mine"}, "custom token IDs are not supported"),
    ({"policies": ["zz"]}, "child policies must be subset of parent"),
    ({"no_parent": True}, "root or sudo privileges required to create orphan token"),
    ({"explicit_max_ttl": "-1s"}, "explicit_max_ttl must be positive"),
    ({"period": "1h"}, "root or sudo privileges required to create periodic token"),
    ({"ttl": "-1h"}, "ttl must be positive"),
]


@pytest.fixture
async def clerk(house):
    """A token that may create others, and has no other right."""
    data = {"policy": MAY_CREATE}
    await house.owner.ask("write", "sys/policies/acl/clerk", data)
    return await house.token("clerk")


@pytest.mark.parametrize(("mistake", "words"), MISTAKES)
async def test_each_is_told(house, clerk, mistake, words):
    refused = await house.guest.refusal("write", CREATE, mistake, token=clerk)

    assert refused.status == 400
    assert refused.messages[0].startswith(words)


async def test_of_two_the_earlier_is_told(house, clerk):
    for (first, words), (second, _) in combinations(MISTAKES, 2):
        refused = await house.guest.refusal("write", CREATE, {**second, **first}, token=clerk)

        assert refused.messages[0].startswith(words)


@pytest.mark.parametrize("field", ["ttl", "lease", "period", "explicit_max_ttl"])
async def test_a_negative_time_is_refused_by_its_name(house, field):
    refused = await house.owner.refusal("write", CREATE, {field: -1})

    assert (refused.status, refused.messages) == (400, (f"{field} must be positive",))


@pytest.mark.parametrize("field", ["renewable", "no_parent", "no_default_policy"])
async def test_a_member_that_would_not_matter_is_read_all_the_same(house, field):
    refused = await house.owner.refusal("write", "auth/token/create-orphan", {field: "x"})

    assert refused.status == 400
    assert f'"{field}"' in refused.messages[0]
