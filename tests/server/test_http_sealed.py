"""A sealed daemon at the HTTP door: OpenBao's statuses and words, which its clients understand."""

import json

from desk_house import PASSPHRASE, open_desk
from http_session import everything
from http_talk import get, read_answers, sized
from session_client import LIMITS, PEER
from trio.testing import memory_stream_pair

from cubbyd.server import session
from cubbyd.server.http.connection import HttpConnection


async def test_the_http_door_says_the_same_in_openbaos_words(autojump_clock):
    async with open_desk(is_sealed=True) as house:
        client, server = memory_stream_pair()
        unseal = json.dumps({"passphrase": PASSPHRASE, "key": "abcd"}).encode()
        await client.send_all(
            get(path=b"/v1/sys/health")
            + get(path=b"/v1/sys/seal-status")
            + get(path=b"/v1/cubbyhole/x")
            + sized(b"{}", path=b"/v1/sys/seal")
            + sized(unseal, path=b"/v1/sys/unseal")
        )
        await client.send_eof()

        await session.serve(
            server, PEER, answer=house.desk.answer, limits=LIMITS, connect=HttpConnection
        )
        await server.aclose()

        health, status, *refused, unsealed = read_answers(await everything(client))
        assert (health.status, health.json["sealed"]) == (503, True)
        assert (status.status, status.json["sealed"]) == (200, True)
        for each in refused:
            assert (each.status, each.json) == (503, {"errors": ["Vault is sealed"]})
        assert unsealed.status == 403
        assert house.desk.is_sealed
