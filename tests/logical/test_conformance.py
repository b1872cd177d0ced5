"""A real server's answers, replayed through the CBOR door: the same, but for what is listed here.

Every step is sent as a frame to a session, but for those that make sense over HTTP alone. What is
listed as different and does not differ any more is an error as well.
"""

from contextlib import asynccontextmanager

import pytest
import trio
from conformance import TRACE, Difference, Replay, scenarios
from conformance_differences import (
    AT_EVERY_DOOR,
    HEALTH,
    SEAL_STATUS,
    SECRET,
    envelope,
    errors,
    rewrapped,
)
from fakes import GUEST

from cubbyd.errors import RefusedError, multierror
from cubbyd.messages import Operation
from cubbyd.secret import Secret
from cubbyd.server import session
from cubbyd.server.limits import Limits
from cubbyd.wire.connection import ClientConnection, Need

SCENARIOS = scenarios(TRACE.read_text().splitlines())
OPERATIONS = {"update": Operation.WRITE, **{each.value: each for each in Operation}}


DIFFERENCES = [
    *AT_EVERY_DOOR,
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
        body=envelope(HEALTH),
    ),
    Difference(
        why="there are no key shares, and an answer has its envelope",
        steps={"wrap-other-responses": [23], "sys-unauthenticated": [1, 2]},
        status=200,
        body=envelope(SEAL_STATUS),
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
        return self._wire.ask(OPERATIONS[operation], request["path"], **asked)[1]


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
