"""Every operation asks what OpenBao's users expect to be asked, and returns what was said.

One suite, both shells.
"""

import inspect

import pytest
from client_operations import AUTH, NOTHING, OPERATIONS, OTHER, OWN, WRAP_INFO, WRITE

from cubbyd.client import AsyncClient, Client, Operation, OutcomeUnknownError, Secret, calls
from cubbyd.errors import PermissionDeniedError
from cubbyd.messages import Response


@pytest.mark.parametrize("case", OPERATIONS, ids=[case[0] for case in OPERATIONS])
async def test_an_operation_is_asked_and_read(shell, daemon, case):
    method, arguments, asked, answer, returned = case
    daemon.handler = lambda _request: answer
    shell.open(OWN)

    result = await shell.do(method, *arguments)

    (request,) = daemon.requests
    assert (request.operation, request.path, request.data) == asked
    assert request.token == Secret(OWN.encode())
    assert request.wrap_ttl is None
    assert result == (answer.data if returned is ... else returned)


async def test_wrapping_asks_for_its_ttl(shell, daemon):
    daemon.handler = lambda _request: Response(wrap_info=WRAP_INFO)

    assert await shell.do("wrap", {"k": b"\xff"}, ttl="90s") == WRAP_INFO

    (request,) = daemon.requests
    assert (request.path, request.data) == ("sys/wrapping/wrap", {"k": b"\xff"})
    assert request.wrap_ttl == "90s"
    assert request.token is None


async def test_unwrapping_needs_the_wrapping_token_alone(shell, daemon):
    """It is sent as the request's own token, whatever the client's is, and in no other place."""
    daemon.handler = lambda _request: Response(request_id="r", data={"k": "v"})
    shell.open(OWN)

    response = await shell.do("unwrap", OTHER)

    (request,) = daemon.requests
    assert (request.operation, request.path, request.data) == (WRITE, "sys/wrapping/unwrap", None)
    assert request.token == Secret(OTHER.encode())
    assert response == Response(request_id="r", data={"k": "v"})


async def test_rewrapping_never_speaks_as_the_wrapping_token(shell, daemon):
    """Which may not ask for it: without a token, the process asks."""
    daemon.handler = lambda _request: Response(wrap_info=WRAP_INFO)

    await shell.do("rewrap", Secret(OTHER.encode()))

    (request,) = daemon.requests
    assert request.token is None
    assert request.data == {"token": OTHER}


async def test_a_token_is_created_with_the_options_that_were_given_and_no_others(shell, daemon):
    daemon.handler = lambda _request: Response(auth=AUTH)

    auth = await shell.do("create_token", policies=["default"], ttl="1h", meta={"job": "x"})

    (request,) = daemon.requests
    assert request.path == "auth/token/create"
    assert request.data == {"policies": ["default"], "ttl": "1h", "meta": {"job": "x"}}
    assert auth == AUTH


async def test_an_orphan_is_created_where_a_policy_can_allow_it(shell, daemon):
    daemon.handler = lambda _request: Response(auth=AUTH)

    assert await shell.do("create_orphan", ttl=60) == AUTH

    (request,) = daemon.requests
    assert (request.operation, request.path) == (WRITE, "auth/token/create-orphan")
    assert request.data == {"ttl": 60}


@pytest.mark.parametrize(
    ("method", "arguments", "data"),
    [
        ("renew_token", [OTHER], {"token": OTHER}),
        ("renew_self", [], None),
        ("renew_accessor", ["ab"], {"accessor": "ab"}),
    ],
)
async def test_a_renewal_without_an_increment_leaves_it_to_the_daemon(
    shell, daemon, method, arguments, data
):
    daemon.handler = lambda _request: Response(auth=AUTH)

    await shell.do(method, *arguments)

    assert [request.data for request in daemon.requests] == [data]


async def test_the_capabilities_of_another_token_are_asked_for(shell, daemon):
    """Its token stands in the data; the client's own asks."""
    daemon.handler = lambda _request: Response(data={"a": ["read"], "capabilities": ["read"]})
    shell.open(OWN)

    assert await shell.do("capabilities", ["a"], token=Secret(OTHER.encode())) == {"a": ["read"]}

    (request,) = daemon.requests
    assert (request.path, request.data) == ("sys/capabilities", {"paths": ["a"], "token": OTHER})
    assert request.token == Secret(OWN.encode())


@pytest.mark.parametrize("paths", [["capabilities"], "capabilities"])
async def test_a_path_may_be_called_capabilities(shell, daemon, paths):
    """One text is one path, not as many as it has letters."""
    daemon.handler = lambda _request: Response(data={"capabilities": ["deny"]})

    assert await shell.do("capabilities_self", paths) == {"capabilities": ["deny"]}

    assert [request.data for request in daemon.requests] == [{"paths": ["capabilities"]}]


@pytest.mark.parametrize(
    ("options", "data"),
    [({}, None), ({"size_bytes": 9, "encoding": "hex"}, {"bytes": 9, "format": "hex"})],
)
async def test_randomness_is_asked_for_in_the_form_that_is_wanted(shell, daemon, options, data):
    daemon.handler = lambda _request: Response(data={"random_bytes": "00"})

    assert await shell.do("random", **options) == "00"

    assert [request.data for request in daemon.requests] == [data]


async def test_a_hash_is_asked_for_in_the_form_that_is_wanted(shell, daemon):
    daemon.handler = lambda _request: Response(data={"sum": "AA=="})

    assert await shell.do("hash", b"", algorithm="sha2-512", encoding="base64") == "AA=="

    (request,) = daemon.requests
    assert request.data == {"input": "", "algorithm": "sha2-512", "format": "base64"}


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("renew_self", []),
        ("list_policies", []),
        ("read_policy", ["p"]),
        ("random", []),
        ("capabilities_self", [["a"]]),
    ],
)
async def test_an_answer_of_another_kind_is_told(shell, daemon, method, arguments):
    daemon.handler = lambda _request: Response(data={"policy": 1, "random_bytes": b"", "a": "read"})

    with pytest.raises(OutcomeUnknownError, match="its answer is unexpected"):
        await shell.do(method, *arguments)


async def test_a_password_is_wrapped_before_anybody_sees_it(shell, daemon):
    daemon.handler = lambda _request: Response(wrap_info=WRAP_INFO)

    assert await shell.do("wrapped", calls.random(24), "60s") == WRAP_INFO

    (request,) = daemon.requests
    assert (request.path, request.wrap_ttl) == ("sys/tools/random", "60s")


@pytest.mark.parametrize("ttl", [0, "", "0", "0s"])
async def test_what_would_not_be_wrapped_is_not_even_asked_for(shell, daemon, ttl):
    """The token that was made would be lost, and live on."""
    with pytest.raises(ValueError, match="would not wrap"):
        await shell.do("wrapped", calls.create_token(), ttl)

    assert daemon.requests == []


async def test_any_call_can_be_wrapped(shell, daemon):
    daemon.handler = lambda _request: Response(wrap_info=WRAP_INFO)

    assert await shell.do("wrapped", calls.create_token(num_uses=1), 60) == WRAP_INFO

    (request,) = daemon.requests
    assert (request.path, request.data, request.wrap_ttl) == (
        "auth/token/create",
        {"num_uses": 1},
        60,
    )


async def test_anything_can_be_asked_for_its_whole_answer(shell, daemon):
    answer = Response(request_id="r", data={}, warnings=("w",), lease_duration=5)
    daemon.handler = lambda _request: answer

    assert await shell.do("request", Operation.WRITE, "x/y", {"a": None}, wrap_ttl=5) == answer

    (request,) = daemon.requests
    assert (request.path, request.data, request.wrap_ttl) == ("x/y", {"a": None}, 5)


async def test_an_empty_token_is_sent_as_one(shell, daemon):
    """It is wrong, and must never become "no token", which may stand for the owner."""
    daemon.handler = lambda _request: NOTHING
    shell.open("")

    await shell.do("delete", "x")

    assert daemon.requests[0].token == Secret(b"")


async def test_a_token_can_be_changed(shell, daemon):
    daemon.handler = lambda _request: Response(auth=AUTH)
    shell.client.token = (await shell.do("login")).client_token

    await shell.do("login")

    assert [request.token for request in daemon.requests] == [None, AUTH.client_token]


async def test_a_refusal_is_raised_as_what_it_is(shell, daemon):
    def refuse(_request):
        raise PermissionDeniedError("1 error occurred:\n\t* permission denied\n\n", detail={"a": 1})

    daemon.handler = refuse

    with pytest.raises(PermissionDeniedError) as caught:
        await shell.do("read", "x")

    assert caught.value.code == "permission_denied"
    assert caught.value.status == 403
    assert caught.value.messages == ("1 error occurred:\n\t* permission denied\n\n",)
    assert caught.value.detail == {"a": 1}


async def test_what_cubbyd_does_not_carry_is_not_sent(shell, daemon):
    daemon.handler = lambda _request: NOTHING

    with pytest.raises(ValueError, match="cannot carry"):
        await shell.do("write", "x", {"when": object()})
    await shell.do("write", "x", {"when": 1})

    assert [request.data for request in daemon.requests] == [{"when": 1}]


def test_both_shells_have_the_same_operations():
    def signatures(shell):
        names = {name for name in vars(shell) if not name.startswith("_")} - {"close", "aclose"}
        return {name: str(inspect.signature(getattr(shell, name))) for name in names | {"__init__"}}

    assert signatures(Client) == signatures(AsyncClient)
    assert len(signatures(Client)) > 20
