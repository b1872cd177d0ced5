"""A real server's answers, replayed through the HTTP door: the same, but for what is listed.

What is listed as different and does not differ any more is an error as well.
"""

from contextlib import asynccontextmanager

import pytest
import trio
from conformance import TRACE, Difference, Replay, scenarios
from conformance_differences import AT_EVERY_DOOR, HEALTH, SEAL_STATUS, errors
from fakes import OWNER
from house import open_house
from http_client import HttpDoor

from cubbyd.server import session
from cubbyd.server.http.connection import HttpConnection
from cubbyd.server.limits import Limits

SCENARIOS = scenarios(TRACE.read_text().splitlines())

DIFFERENCES = [
    *AT_EVERY_DOOR,
    Difference(
        why="a redirect has no page for people",
        steps={"cubby-relative-paths": [46, 47]},
        status=307,
        body=None,
    ),
    Difference(
        why="a refusal has words",
        steps={"cubby-unprintable": [*range(2, 18), 22, 23]},
        status=400,
        body=errors("the path has a character that cannot be printed"),
    ),
    Difference(
        why="a path is text, whatever is asked of it",
        steps={"cubby-unprintable": [24, 25]},
        status=400,
        body=errors("the path is not UTF-8"),
    ),
    Difference(
        why="there is no cluster and no replication",
        steps={
            "token-num-uses-what-is-free": [12],
            "wrap-other-responses": [22],
            "sys-unauthenticated": [3, 4],
        },
        status=200,
        body=HEALTH,
    ),
    Difference(
        why="there is no cluster, and there are no key shares",
        steps={"wrap-other-responses": [23], "sys-unauthenticated": [1, 2]},
        status=200,
        body=SEAL_STATUS,
    ),
]


@asynccontextmanager
async def http_door(house):
    """A session with the owner, in memory: over HTTP nobody may do anything without a token."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def serve():
            await session.serve(
                theirs,
                OWNER,
                answer=house.router.answer,
                limits=Limits(),
                connect=HttpConnection,
            )

        nursery.start_soon(serve)
        yield HttpDoor(ours)
        await ours.aclose()


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_what_a_real_server_answered_is_answered_over_http(scenario, autojump_clock):
    async with open_house() as house, http_door(house) as door:
        root = await house.token("root", ttl=0)
        replay = Replay(SCENARIOS[scenario], door, trio.sleep, root=root, differences=DIFFERENCES)

        await replay.run()
