"""A session on the HTTP door, for tests of both its ends."""

import trio
from http_talk import read_answers
from session_client import LIMITS, PEER, echo_path

from cubbyd.server import session
from cubbyd.server.http.connection import HttpConnection


async def serve(stream, answer=echo_path, peer=PEER):
    try:
        await session.serve(stream, peer, answer=answer, limits=LIMITS, connect=HttpConnection)
    finally:
        await stream.aclose()


async def everything(stream):
    """All that comes until the end."""
    return b"".join([part async for part in stream])


async def exchange(ends, *sent, answer=echo_path):
    """What a client reads that sends this and then waits for the end."""
    client, server = ends
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, server, answer)
        for each in sent:
            await client.send_all(each)
        await client.send_eof()
        return read_answers(await everything(client))
