"""auth/token/create and create-orphan: what a new token may, and for how long.

The rules: a child has at most its parent's policies, unless its parent may do all; a token lives
for 768 hours if nobody says otherwise, and a token with policy ``root`` for ever; what was cut is
told in a warning.
"""

import pytest
from house import open_house

from cubbyd.core.creation import Bounds
from cubbyd.errors import PermissionDeniedError, QuotaExceededError
from cubbyd.logical.context import Rules

DAYS_32 = 768 * 3600
PATHS = ["auth/token/create", "auth/token/create-orphan"]


async def create(house, data=None, *, token=None, path="auth/token/create"):
    return await house.owner.ask("write", path, data, token=token)


async def why_not(house, data=None, *, token=None, path="auth/token/create"):
    refused = await house.owner.refusal("write", path, data, token=token)
    return refused.status, *refused.messages


# -- what comes back


async def test_a_token_of_an_owner_without_a_token_is_an_orphan(house):
    """By default it has all that its maker has, and lives for ever."""
    auth = (await create(house)).auth

    assert auth.policies == ("root",)
    assert (auth.lease_duration, auth.renewable, auth.orphan) == (0, False, True)
    assert (auth.num_uses, auth.metadata, auth.token_type) == (0, None, "service")
    assert auth.client_token.reveal().startswith(b"cbys_")
    assert auth.accessor == house.accessor(auth.client_token.reveal_text())


async def test_a_token_of_a_token_is_its_child(house):
    parent = await house.token("root")

    assert not (await create(house, token=parent)).auth.orphan


@pytest.mark.parametrize(
    ("path", "data"), [(PATHS[1], None), (PATHS[0], {"no_parent": True}), (PATHS[1], {"ttl": "1h"})]
)
async def test_an_orphan_outlives_its_maker(house, path, data):
    parent = await house.token("root")
    auth = (await create(house, data, token=parent, path=path)).auth

    await house.guest.ask("write", "auth/token/revoke-self", token=parent)

    assert auth.orphan
    assert await house.is_alive(auth.client_token.reveal_text())


async def test_nobody_else_may_create(house):
    """Not a guest, and not policy default."""
    default = await house.token()

    for path in PATHS:
        assert await why_not(house, token=default, path=path) == (
            403,
            "1 error occurred:\n\t* permission denied\n\n",
        )
        assert isinstance(await house.guest.refusal("write", path), PermissionDeniedError)


# -- policies


@pytest.mark.parametrize(
    ("data", "policies"),
    [
        ({}, ("root",)),
        ({"policies": None}, ("root",)),
        ({"policies": []}, ("root",)),
        ({"policies": ["b", " A ", "b"]}, ("a", "b", "default")),
        ({"policies": "a,b"}, ("a,b", "default")),
        ({"policies": [7]}, ("7", "default")),
        ({"policies": ["root", "a"]}, ("root",)),
        ({"policies": ["a"], "no_default_policy": True}, ("a",)),
        ({"policies": ["a", "default"], "no_default_policy": "true"}, ("a",)),
    ],
)
async def test_a_root_gives_any_policy(house, data, policies):
    token = await house.token("root")

    assert (await create(house, data, token=token)).auth.policies == policies


async def test_policies_that_do_not_exist_are_given_with_a_warning(house):
    answer = await create(house, {"policies": ["b", "a"]})

    assert answer.warnings == ('Policy "a" does not exist', 'Policy "b" does not exist')


async def test_the_policy_of_wrapping_tokens_cannot_be_given(house):
    assert await why_not(house, {"policies": ["response-wrapping"]}) == (
        400,
        'cannot assign policy "response-wrapping"',
    )


# -- how long


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        ({}, DAYS_32),
        ({"ttl": 0}, DAYS_32),
        ({"ttl": ""}, DAYS_32),
        ({"ttl": "90m"}, 5400),
        ({"lease": "1h"}, 3600),
        ({"ttl": "2h", "lease": "1h"}, 7200),
        ({"ttl": "", "lease": "1h"}, 3600),
        ({"ttl": 0, "lease": "1h"}, DAYS_32),
        ({"explicit_max_ttl": "9000h", "ttl": "1h"}, 3600),
        ({"period": "2h", "ttl": "1h"}, 7200),
        ({"policies": ["root"], "ttl": "1h"}, 3600),
        ({"policies": ["root"], "explicit_max_ttl": "1h"}, 3600),
        ({"policies": ["root"]}, 0),
    ],
)
async def test_a_life_in_bounds_is_granted(house, data, seconds):
    answer = await create(house, {"policies": ["default"], **data})

    assert (answer.auth.lease_duration, answer.warnings) == (seconds, ())
    assert answer.auth.renewable == bool(seconds)


@pytest.mark.parametrize(
    ("data", "seconds", "warning"),
    [
        (
            {"ttl": "3000h"},
            DAYS_32,
            'TTL of "3000h" exceeded the effective max_ttl of "768h"; TTL value is capped',
        ),
        (
            {"explicit_max_ttl": "1h"},
            3600,
            'TTL of "768h" exceeded the effective max_ttl of "1h"; TTL value is capped',
        ),
        (
            {"period": "3000h"},
            DAYS_32,
            'period of "3000h" exceeded the effective max_ttl of "768h"; period value is capped',
        ),
    ],
)
async def test_a_longer_one_is_cut_with_a_warning(house, data, seconds, warning):
    answer = await create(house, {"policies": ["default"], **data})

    assert (answer.auth.lease_duration, answer.warnings) == (
        seconds,
        (f"{warning} accordingly",),
    )


@pytest.mark.parametrize("name", ["ttl", "explicit_max_ttl", "period"])
async def test_no_time_is_negative(house, name):
    assert await why_not(house, {name: -1}) == (400, f"{name} must be positive")


async def test_a_token_may_be_given_longer_than_its_parent_has(house):
    parent = await house.token("root", ttl="1h")

    child = (await create(house, {"ttl": "2h"}, token=parent)).auth

    assert child.lease_duration == 7200


async def test_a_root_token_that_expires_makes_none_that_does_not(house):
    parent = await house.token("root", ttl="1h")

    assert await why_not(house, token=parent) == (
        400,
        "expiring root tokens cannot create non-expiring root tokens",
    )


# -- what else is told of a token


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("", "token"),
        ("db", "token-db"),
        ("a b/é", "token-a-b-"),
        ("a--", "token-a-"),
        (5, "token-5"),
    ],
)
async def test_a_display_name_is_cleaned(house, name, stored):
    token = await house.token(display_name=name)

    found = await house.guest.ask("read", "auth/token/lookup-self", token=token)

    assert found.data["display_name"] == stored


@pytest.mark.parametrize(
    ("meta", "stored"),
    [
        (None, None),
        ({}, {}),
        (
            {"a": "b", "n": 1, "yes": True, "half": 0.5},
            {"a": "b", "n": "1", "yes": "1", "half": "0.5"},
        ),
        ("k=v=w", {"k": "v=w"}),
        (["a=1", "b="], {"a": "1", "b": ""}),
        ({"a": None, "b": b"file"}, {"a": "", "b": "file"}),
    ],
)
async def test_meta_is_a_map_of_texts(house, meta, stored):
    auth = (await create(house, {"meta": meta})).auth

    assert auth.metadata == stored


@pytest.mark.parametrize("meta", [{"a": {}}, {"a": b"\xff"}, "no pair", ["x"], 5])
async def test_other_meta_is_refused_by_name_and_not_by_value(house, meta):
    status, why = await why_not(house, {"meta": meta})

    assert status == 400
    assert why.startswith('Field validation failed: error converting input for field "meta": not a')


@pytest.mark.parametrize("renewable", [False, 0, "false", "F"])
async def test_a_token_that_is_not_renewable(house, renewable):
    auth = (await create(house, {"ttl": "1h", "renewable": renewable})).auth

    assert not auth.renewable


@pytest.mark.parametrize("num_uses", [3, "3", "+3"])
async def test_uses_are_a_number(house, num_uses):
    assert (await create(house, {"num_uses": num_uses})).auth.num_uses == 3


@pytest.mark.parametrize("num_uses", ["many", 1.5, "1e3", "-+5", "9" * 30, [1], "٣"])
async def test_other_uses_are_refused(house, num_uses):
    status, why = await why_not(house, {"num_uses": num_uses})

    assert (status, why) == (
        400,
        'Field validation failed: error converting input for field "num_uses": not a int',
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"num_uses": -1}, "number of uses cannot be negative"),
        ({"id": "mine"}, "custom token IDs are not supported"),
        ({"type": "batch"}, "invalid 'token_type' value"),
        ({"type": "Service"}, "invalid 'token_type' value"),
        (
            {"entity_alias": "x"},
            "'entity_alias' is only allowed in combination with token role",
        ),
        ({"ttl": "soon"}, 'time: invalid duration "soon"'),
        ({"ttl": 1.5}, 'time: missing unit in duration "1.5"'),
    ],
)
@pytest.mark.parametrize("path", PATHS)
async def test_what_there_is_not_is_refused(house, path, data, why):
    assert await why_not(house, data, path=path) == (400, why)


async def test_type_service_is_all_there_is(house):
    assert (await create(house, {"type": "service"})).auth.token_type == "service"


async def test_there_are_no_roles(house):
    assert await why_not(house, path="auth/token/create/web") == (400, "unknown role web")


async def test_what_it_has_no_use_for_is_ignored_with_a_warning(house):
    answer = await create(house, {"ttl": "1h", "colour": "red", "Age": 5})

    assert answer.warnings == ("Endpoint ignored these unrecognized parameters: [Age colour]",)


async def test_every_warning_is_told(house):
    answer = await create(house, {"policies": ["a"], "ttl": "3000h", "colour": "red"})

    assert [warning.partition(" ")[0] for warning in answer.warnings] == [
        "TTL",
        "Policy",
        "Endpoint",
    ]


# -- bounds


async def test_a_limited_token_makes_none(house):
    """And none on its very last use, for which OpenBao has other words."""
    limited = await house.token("root", num_uses=2)

    first = await why_not(house, token=limited)
    last = await why_not(house, token=limited)

    assert first == (400, "restricted use token cannot generate child tokens")
    assert last == (400, "parent token lookup failed: no parent found")
    assert not await house.is_alive(limited)


async def test_a_family_is_at_most_32_deep(house):
    token = await house.token("root")
    for _ in range(31):
        token = await house.token("root", parent=token)

    deeper = await why_not(house, token=token)
    orphan = await create(house, token=token, path="auth/token/create-orphan")

    assert deeper == (400, "a token can have at most 31 ancestors; create an orphan")
    assert await house.is_alive(orphan.auth.client_token.reveal_text())


async def test_a_uid_has_a_quota_of_tokens():
    async with open_house(rules=Rules(max_tokens_per_uid=2)) as house:
        first, _ = await house.token(), await house.token()

        refused = await house.owner.refusal("write", "auth/token/create")
        await house.guest.ask("write", "auth/token/revoke-self", token=first)

        assert (type(refused), refused.status) == (QuotaExceededError, 429)
        assert "uid 1000 has 2 live tokens" in str(refused)
        assert await house.token()


async def test_the_times_of_the_system_are_settings():
    bounds = Bounds(default_ttl=60, max_ttl=120)
    async with open_house(rules=Rules(bounds=bounds)) as house:
        default = await create(house, {"policies": ["default"]})
        longest = await create(house, {"policies": ["default"], "ttl": "1h"})

    assert (default.auth.lease_duration, longest.auth.lease_duration) == (60, 120)


@pytest.mark.parametrize("policies", ["", " ", [""], ["default", " "]])
async def test_a_blank_policy_name_is_refused_and_never_means_the_parents(house, policies):
    refused = await house.owner.refusal("write", "auth/token/create", {"policies": policies})

    assert refused.messages == ("the name of a policy is empty",)
