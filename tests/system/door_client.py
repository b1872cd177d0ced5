"""Real doors, and a client that comes through them."""

import os
from contextlib import asynccontextmanager

import trio

from cubbyd.messages import Operation, Response
from cubbyd.server import session
from cubbyd.server.limits import Limits
from cubbyd.server.peer import Access
from cubbyd.server.socketfile import SocketFile
from cubbyd.server.unix import Door, Doors
from cubbyd.wire.connection import ClientConnection, Need

ME = Access(daemon_uid=os.geteuid())
NOBODY_HERE = Access(daemon_uid=4_000_000)


async def echo_peer(request, encode):
    """Answers with what is known about the peer."""
    peer = request.peer
    return encode(
        Response(
            data={
                "uid": peer.uid,
                "gid": peer.gid,
                "pid": peer.pid,
                "groups": [*peer.groups],
                "exe": peer.exe,
                "role": peer.role.value,
            }
        )
    )


@asynccontextmanager
async def open_doors(path, *, access=ME, limits=None, answer=echo_peer):
    """Doors that serve at the path, until the block ends."""

    async def serve(stream, peer, limits):
        await session.serve(stream, peer, answer=answer, limits=limits)

    doors = Doors(access, limits or Limits())
    with SocketFile(path) as listener:
        door = Door(listener=listener, serve=serve, turn_away=session.turn_away)
        async with trio.open_nursery() as nursery:
            await nursery.start(doors.serve, [door])
            yield doors
            doors.finish()


class Client:
    def __init__(self, stream):
        self.stream = stream
        self.wire = ClientConnection()

    @classmethod
    async def connect(cls, path):
        return cls(await trio.open_unix_socket(os.fspath(path)))

    async def send(self, *, path="p", data=None):
        await self.stream.send_all(self.wire.ask(Operation.READ, path, data=data)[1])

    async def next(self):
        while (event := self.wire.next_event()) is Need.DATA:
            data = await self.stream.receive_some()
            if not data:
                return None
            self.wire.receive_data(data)
        return event[1]

    async def ask(self, **request):
        await self.send(**request)
        return await self.next()


async def works(path):
    """Whether a new client is served."""
    client = await Client.connect(path)
    async with client.stream:
        return isinstance(await client.ask(), Response)


async def until(fact):
    """Wait for a fact. Real processes and sockets have no clock to jump; so look again, soon."""
    with trio.fail_after(10):
        while not fact():  # noqa: ASYNC110 - there is nobody to set an event
            await trio.sleep(0.001)
