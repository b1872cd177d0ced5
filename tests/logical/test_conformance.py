"""A real server's answers, replayed through the CBOR door: the same, but for what is listed here.

Every step is sent as a frame to a session, but for those that make sense over HTTP alone. What is
answered otherwise on purpose stands below by name, with the reason and with what is answered; the
accidents of the other server ("quirk" in the trace) are no exception. What is listed and does not
differ any more is an error as well.
"""

from contextlib import asynccontextmanager

import pytest
import trio
from conformance import TRACE, Difference, Replay, scenarios
from fakes import GUEST

from cubbyd import codec
from cubbyd.errors import RefusedError, multierror
from cubbyd.messages import Operation
from cubbyd.secret import Secret
from cubbyd.server import session
from cubbyd.server.limits import Limits
from cubbyd.wire.connection import ClientConnection, Need
from cubbyd.wire.framing import frame

SCENARIOS = scenarios(TRACE.read_text().splitlines())
OPERATIONS = {"update": Operation.WRITE, **{each.value: each for each in Operation}}


def envelope(data):
    """An answer with this data."""
    return {
        "request_id": "<uuid>",
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }


def rewrapped(ttl):
    info = {
        "token": "<token>",
        "accessor": "<accessor>",
        "ttl": ttl,
        "creation_time": "<rfc3339>",
        "creation_path": "sys/wrapping/wrap",
    }
    return {**envelope(None), "request_id": "", "wrap_info": info}


def errors(*texts):
    return {"errors": [*texts]}


WRAP_TTL = "error parsing X-Vault-Wrap-TTL header: requested wrap ttl "
SECRET = envelope({"k": "v"})

DIFFERENCES = [
    Difference(
        why="a refusal has words on this door",
        steps={"cubby-unprintable": [*range(2, 18), 22, 23]},
        status=400,
        body=errors("the path has a character that cannot be printed"),
    ),
    Difference(
        why="a refusal has words on this door",
        steps={"sys-unauthenticated": [5, 6]},
        status=405,
        body=errors(multierror("unsupported operation")),
    ),
    Difference(
        why="there is no cluster and no replication, and an answer has its envelope",
        steps={
            "token-num-uses-what-is-free": [12],
            "wrap-other-responses": [22],
            "sys-unauthenticated": [3, 4],
        },
        status=200,
        body=envelope(
            {
                "initialized": True,
                "sealed": False,
                "standby": False,
                "server_time_utc": "<unix>",
                "version": "<version>",
            }
        ),
    ),
    Difference(
        why="there are no key shares, and an answer has its envelope",
        steps={"wrap-other-responses": [23], "sys-unauthenticated": [1, 2]},
        status=200,
        body=envelope(
            {
                "type": "key-file",
                "initialized": True,
                "sealed": False,
                "version": "<version>",
                "storage_type": "file",
            }
        ),
    ),
    Difference(
        why="custom token ids are not supported: who has disk and keys could guess them",
        steps={"cubby-revoked": [1]},
        status=400,
        body=errors("custom token IDs are not supported"),
        then={1: {"data": {"policies": ["default"]}}},
    ),
    Difference(
        why="the same, for the token that would have had the id of a revoked one",
        steps={"cubby-revoked": [6]},
        status=400,
        body=errors("custom token IDs are not supported"),
        then={6: {"data": {"policies": ["default"]}}},
    ),
    Difference(
        why="an empty write is the caller's mistake, not the daemon's",
        steps={"wrap-other-responses": [14]},
        status=400,
        body=errors(multierror("missing data fields")),
    ),
    Difference(
        why="a list of nothing is the same 404, wrapped or not",
        steps={"cubby-missing": [9], "wrap-other-responses": [10]},
        status=404,
        body=errors(),
    ),
    Difference(
        why="a policy's rule holds for the path as it was written, and that has no slash",
        steps={"cubby-path-empty-or-slash": [4]},
        status=403,
        body=errors(multierror("permission denied")),
    ),
    Difference(
        why="wrap_info counts whole seconds, and 0 would not be the truth",
        steps={"wrap-ttl-syntax": [9]},
        status=400,
        body=errors(f"{WRAP_TTL}is below one second"),
    ),
    Difference(
        why="the longest wrap TTL is a setting",
        steps={"wrap-ttl-syntax": [12]},
        status=400,
        body=errors(f"{WRAP_TTL}exceeds the 2764800s allowed"),
    ),
    Difference(
        why="a peer whom the kernel named needs no token to unwrap",
        steps={"unwrap-forms": [3]},
        status=200,
        body=SECRET,
        then={2: {}},
    ),
    Difference(
        why="a peer whom the kernel named needs no token to rewrap",
        steps={"rewrap": [24]},
        status=200,
        body=rewrapped(60),
        then={23: {}},
    ),
    Difference(
        why="policy default grants rewrap: who could unwrap the secret can surely move it",
        steps={"rewrap": [18]},
        status=200,
        body=rewrapped(60),
        then={17: {}},
    ),
    Difference(
        why="the same token in header and body unwraps it",
        steps={"unwrap-forms": [6]},
        status=200,
        body=SECRET,
    ),
    Difference(
        why="a refused request never spends a wrapping token",
        steps={
            "unwrap-forms": [18],
            "rewrap": [16],
            "wrapping-token-as-token": [18, 21, 24, 27, 30, 33, 36, 39, 42],
        },
        status=200,
        body=SECRET,
    ),
    Difference(
        why="this door has no such operation",
        steps={"cubby-unsupported-ops": [3, 4, 5, 6]},
        status=400,
        body=errors("'operation' must be one of read, write, list, delete"),
    ),
]


class CborDoor:
    """The far end of a session."""

    def __init__(self, stream) -> None:
        self._stream = stream
        self._wire = ClientConnection()

    async def __call__(self, request):
        """A step's request, and its status and body as JSON has it."""
        await self._stream.send_all(self._framed(request))
        while (event := self._wire.next_event()) is Need.DATA:
            self._wire.receive_data(await self._stream.receive_some())
        _, answer = event
        if isinstance(answer, RefusedError):
            # A bare status is told by its code here.
            words = [word for word in answer.messages if word != answer.code]
            return answer.status, {"errors": words}
        status = answer.status or (204 if answer.is_empty else 200)
        return status, None if status == 204 else answer.to_envelope()

    def _framed(self, request):
        token, operation = request["token"], request["operation"]
        asked = {
            "token": None if token is None else Secret.from_text(token),
            "data": request["data"],
            "wrap_ttl": request["wrap_ttl"],
        }
        if operation in OPERATIONS:
            return self._wire.ask(OPERATIONS[operation], request["path"], **asked)[1]
        fields = {"id": 0, "operation": operation, "path": request["path"]}
        return frame(codec.encode(fields), max_bytes=1000)


@asynccontextmanager
async def cbor_door(house):
    """A session with a guest, in memory: without a token nothing but wrapping is allowed."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def serve():
            await session.serve(theirs, GUEST, answer=house.router.answer, limits=Limits())

        nursery.start_soon(serve)
        yield CborDoor(ours)
        await ours.aclose()


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_what_a_real_server_answered_is_answered_here(house, scenario, autojump_clock):
    root = await house.token("root", ttl=0)
    async with cbor_door(house) as door:
        replay = Replay(SCENARIOS[scenario], door, trio.sleep, root=root, differences=DIFFERENCES)

        await replay.run(skip="http")


def test_every_listed_step_is_there_and_is_sent():
    sent = {
        (scenario, step.number)
        for scenario, steps in SCENARIOS.items()
        for step in steps
        if "http" not in step.tags
    }

    listed = [
        (scenario, number)
        for difference in DIFFERENCES
        for scenario, numbers in difference.steps.items()
        for number in numbers
    ]

    assert len(set(listed)) == len(listed)
    assert set(listed) <= sent


def test_most_of_the_trace_is_sent():
    """619 steps in 30 scenarios, of which 26 are HTTP's own."""
    steps = [step for steps in SCENARIOS.values() for step in steps]

    assert (len(SCENARIOS), len(steps)) == (30, 619)
    assert sum("http" in step.tags for step in steps) == 26
