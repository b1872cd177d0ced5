"""A client for tests of sessions, and answers that need no router."""

import trio

from cubbyd.messages import Operation, Peer, Response, Role
from cubbyd.server import session
from cubbyd.server.limits import Limits
from cubbyd.server.session import IDLE_GRACE
from cubbyd.wire.connection import ClientConnection, Need

PEER = Peer(uid=1000, gid=1000, pid=42, role=Role.OWNER)
LIMITS = Limits(idle_timeout=100, frame_timeout=10, send_timeout=20, max_frame_bytes=4096)
IDLE = LIMITS.idle_timeout * (1 + IDLE_GRACE)
"""When an idle client is let go."""


class Client:
    """The other end of a session, with a protocol state of its own."""

    def __init__(self, stream):
        self.stream = stream
        self.wire = ClientConnection()

    def request(self, path="p", **fields):
        return self.wire.ask(Operation.READ, path, **fields)[1]

    async def send(self, *paths):
        await self.stream.send_all(b"".join(map(self.request, paths)))

    async def next(self):
        """The id and the response or refusal; None at the end."""
        while (event := self.wire.next_event()) is Need.DATA:
            data = await self.stream.receive_some(65536)
            if not data:
                return None
            self.wire.receive_data(data)
        return event

    async def rest(self):
        answers = []
        while (answer := await self.next()) is not None:
            answers.append(answer)
        return answers


def answering(path_to_outcome=None):
    """An Answer that looks the path up: a Response or an exception; else the path itself."""
    outcomes = path_to_outcome or {}

    async def answer(request, encode):
        outcome = outcomes.get(request.path, Response(data={"path": request.path}))
        if isinstance(outcome, Exception):
            raise outcome
        return encode(outcome)

    return answer


async def echo_path(request, encode):
    return encode(Response(data={"path": request.path}))


async def serve(server, answer=echo_path, limits=LIMITS):
    try:
        await session.serve(server, PEER, answer=answer, limits=limits)
    finally:
        await server.aclose()


async def sends_of(server, answer):
    """How many bytes each send of a session had."""
    sends = []

    class Counting:
        receive_some = server.receive_some

        async def send_all(self, data):
            sends.append(len(data))

    await session.serve(Counting(), PEER, answer=answer, limits=LIMITS)
    return sends


async def converse(streams, answer, talk):
    client, server = streams
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, server, answer)
        return await talk(client)


def outcome(answer):
    """What became of a request, in short."""
    identity, what = answer
    return identity, what.data["path"] if isinstance(what, Response) else what.code
