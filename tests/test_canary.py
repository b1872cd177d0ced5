"""No secret, token or key appears where it does not belong.

Marked secrets go through every operation and every failure. Then everything that was left behind
is searched for them, and for every token and key, in each of several spellings: the log, every
exception with all it is chained to, every message's ``repr``, and the names and bytes of all files.
"""

import logging
from base64 import b64encode
from errno import EIO, ENOSPC

import pytest
import trio
from canary import KEYS, MARK, SECRET, Trail, spellings
from fakes import GUEST, OWNER, MemoryFiles, disk_of
from fakes_disk import FaultyFiles
from house import open_house, trio_clock
from http_events import events
from http_shapes import SHAPES
from http_talk import chunked, chunks, get, post, sized
from trio.testing import memory_stream_pair

from cubbyd.core.outcome import Cubbyhole, Put
from cubbyd.errors import StoreError
from cubbyd.logical.context import Rules
from cubbyd.messages import Operation
from cubbyd.reaper import reap
from cubbyd.secret import Secret
from cubbyd.server import session
from cubbyd.server.http.connection import HttpConnection
from cubbyd.server.limits import Limits
from cubbyd.store.commit import Commit

RULES = Rules(max_cubbyhole_bytes=4000, max_tokens_per_uid=500)


@pytest.fixture
def trail():
    return Trail()


@pytest.fixture
async def house(trail):
    async with open_house(keys=KEYS, rules=RULES, random=trail.random) as house:
        yield house


@pytest.fixture
def check(trail, caplog, house):
    """Looks everywhere."""
    caplog.set_level(logging.DEBUG)

    def look(*more: str) -> None:
        logged = [repr(record.__dict__) for record in caplog.records]
        files = house.files.files
        trail.check(caplog.text, *logged, *files, *files.values(), *more)

    return look


def marked_requests(token: str, wrapping_token: str):
    """Requests that hold secrets, good ones and bad ones."""
    named, wrapped = {"token": token}, {"token": wrapping_token}
    for path in ("cubbyhole/x", "cubbyhole/", "cubbyhole/../x", "cubbyhole/\0", "nowhere", "sys/x"):
        for operation in Operation:
            yield operation, path, SECRET
    yield "write", "cubbyhole/x", {"value": MARK * 400}
    for name in ("wrap", "lookup", "unwrap", "rewrap"):
        for data in (None, SECRET, {"token": MARK}, {"token": 5}, {"token": [MARK]}, wrapped):
            yield "write", f"sys/wrapping/{name}", data
            yield "read", f"sys/wrapping/{name}", data
    for name in ("num_uses", "renewable", "meta", "id", "type", "entity_alias", "no_parent"):
        for value in (MARK, [MARK], {MARK: [MARK]}, MARK.encode()):
            yield "write", "auth/token/create", {name: value}
            yield "write", "auth/token/create-orphan", {name: value, "policies": 5}
    for name in ("lookup", "lookup-self", "revoke"):
        for data in (None, {"token": MARK}, {"token": {MARK: MARK}}, named, wrapped):
            yield "write", f"auth/token/{name}", data
    for name in ("lookup-accessor", "revoke-accessor"):
        for value in (MARK, token, [MARK], MARK.encode()):
            yield "write", f"auth/token/{name}", {"accessor": value}
    yield "list", "auth/token/accessors", SECRET
    yield "write", "auth/peer/login", {"value": MARK}
    yield "read", "sys/health", SECRET
    yield "read", "cubbyhole/response"


def refuse_to_encode(_response):
    raise ValueError("the door has a bug")


@pytest.mark.parametrize("sender", ["nobody", "default", "limited", "root", "wrapping", "wrong"])
@pytest.mark.parametrize("wrap_ttl", [None, 60])
async def test_no_request_leaves_a_secret_behind(house, trail, check, sender, wrap_ttl):
    """Every operation, from every sender, answered and refused."""
    token, wrapping_token = await trail.token(house), await trail.wrap(house)
    senders = {
        "nobody": None,
        "default": token,
        "limited": await trail.token(house, num_uses=9),
        "root": await trail.token(house, "root"),
        "wrapping": wrapping_token,
        "wrong": MARK,
    }
    requests = list(marked_requests(token, wrapping_token))

    for request in requests:
        await trail.ask(house, *request, token=senders[sender], wrap_ttl=wrap_ttl, peer=GUEST)

    assert trail.refusals > len(requests) / 2
    check()


async def test_secrets_are_handed_out_to_those_who_ask_and_nowhere_else(house, trail, check):
    """The way that everything goes well."""
    token, wrapping_token = await trail.token(house), await trail.wrap(house)
    await trail.ask(house, "write", "cubbyhole/x", SECRET, token=token)
    read = await trail.ask(house, "read", "cubbyhole/x", token=token)
    again = await trail.ask(house, "write", "sys/wrapping/rewrap", {"token": wrapping_token})
    unwrapped = await trail.ask(
        house, "write", "sys/wrapping/unwrap", token=again.wrap_info.token.reveal_text()
    )
    deep = await trail.ask(house, "write", "auth/token/create", wrap_ttl=60)
    inner = await trail.ask(
        house, "read", "cubbyhole/response", token=deep.wrap_info.token.reveal_text()
    )

    assert read.data == unwrapped.data == SECRET
    assert "client_token" in inner.data["response"]
    check()


async def test_a_bug_leaves_no_secret_behind(house, trail, check, caplog):
    token, wrapping_token = await trail.token(house, "root"), await trail.wrap(house)
    await trail.ask(house, "write", "cubbyhole/x", SECRET, token=token)
    requests = [
        ("read", "cubbyhole/x"),
        ("write", "sys/wrapping/unwrap", {"token": wrapping_token}),
        ("write", "auth/token/create", {"policies": ["default"]}),
        ("write", "auth/token/lookup", {"token": token}),
    ]

    for request in requests:
        await trail.ask(house, *request, token=token, encode=refuse_to_encode)

    assert "a bug in cubbyd" in caplog.text
    check()


NO_TEXT = bytes([0x60 + len(MARK) + 1]) + MARK.encode() + b"\xff"  # CBOR text that is not UTF-8


@pytest.mark.parametrize(
    "contents", [MARK.encode(), NO_TEXT, b"\xa1\x61x" + NO_TEXT, b"\xa1" + NO_TEXT, b"\x60", b""]
)
async def test_contents_that_cannot_be_read_leave_no_secret_behind(house, trail, check, contents):
    """Sealed as they should be, and no map inside: a bug of the daemon that wrote them."""
    token = await trail.token(house)
    entry = house.store.record(house.accessor(token)).entry
    secret = Cubbyhole(token=Secret.from_text(token), contents=contents)
    await house.store.commit([[Put(entry=entry, cubbyhole=secret)]])

    for operation in Operation:
        await trail.ask(house, operation, "cubbyhole/x", SECRET, token=token)

    check(repr(secret), repr(entry))


async def test_damaged_files_leave_no_secret_behind(house, trail, check, caplog):
    """Neither when they are met, nor when a daemon starts over them, nor when it reaps."""
    token, wrapping_token = await trail.token(house, "root"), await trail.wrap(house)
    await trail.ask(house, "write", "cubbyhole/x", SECRET, token=token)
    whole = dict(house.files.files)

    for at in (0, 6, 8, 12, 20, 60, 300, -40, -1):
        for name, data in whole.items():
            damaged = bytearray(data)
            damaged[at] ^= 1
            house.files.files[name] = bytes(damaged)
        await trail.ask(house, "read", "cubbyhole/x", token=token)
        await trail.ask(house, "write", "sys/wrapping/unwrap", token=wrapping_token)
        await trail.ask(house, "write", "auth/token/revoke", {"token": token})
        async with open_house(house.files, keys=KEYS, random=trail.random) as restarted:
            await trail.ask(restarted, "read", "cubbyhole/x", token=token)

    assert "do not open" in caplog.text
    assert trail.refusals > 20
    check()


@pytest.mark.parametrize("errno", [ENOSPC, EIO])
@pytest.mark.parametrize("fails_at", range(1, 6))
async def test_a_disk_that_will_not_leaves_no_secret_behind(house, trail, check, errno, fails_at):
    """Whichever call it refuses, the last of them being the sync that stops the daemon."""
    token, wrapping_token = await trail.token(house), await trail.wrap(house)
    await trail.ask(house, "write", "cubbyhole/x", SECRET, token=token)
    for request, sender in (
        (("write", "cubbyhole/x", SECRET), token),
        (("write", "sys/wrapping/unwrap"), wrapping_token),
        (("write", "sys/wrapping/rewrap", {"token": wrapping_token}), token),
        (("write", "auth/token/revoke-self"), token),
    ):
        files = MemoryFiles()
        files.files = dict(house.files.files)
        faulty = FaultyFiles(files, fails_at=fails_at, errno=errno)
        commit = Commit(disk_of(faulty))
        try:
            async with open_house(
                faulty, keys=KEYS, rules=RULES, random=trail.random, commit=commit
            ) as restarted:
                await trail.ask(restarted, *request, token=sender)
        except* StoreError as stopped:
            trail.note_error(stopped)

        trail.check(*files.files, *files.files.values())
    check()


async def test_the_reaper_leaves_no_secret_behind(house, trail, check, caplog, autojump_clock):
    """Also when the disk will not let it destroy what is due."""
    wrapping_token = await trail.wrap(house)
    faulty = FaultyFiles(house.files, fails_at=1, errno=EIO, for_good=True)
    commit = Commit(disk_of(faulty))
    async with open_house(faulty, keys=KEYS, random=trail.random, commit=commit) as restarted:
        with trio.move_on_after(90):
            await reap(restarted.store, trio_clock)
        assert "cannot be destroyed now" in caplog.text
        faulty.fails_at = None
        with trio.move_on_after(5):
            await reap(restarted.store, trio_clock)
    check()

    assert not house.has_file(wrapping_token)


def marked_streams(*tokens: str):
    """HTTP that holds secrets in every place where some may be, whole and broken."""
    mark, body = MARK.encode(), b'{"value": "%b"}' % MARK.encode()
    for token in (mark, *(each.encode() for each in tokens)):
        sender = b"X-Vault-Token: " + token
        yield sized(body, sender) + get(sender, path=b"/v1/cubbyhole/x")
        yield sized(body, sender, b"X-Vault-Wrap-TTL: 60", path=b"/v1/sys/wrapping/wrap")
        yield sized(b"{}", b"Authorization: Bearer " + token, path=b"/v1/sys/wrapping/unwrap")
        yield get(path=b"/v1/sys/wrapping/lookup?token=" + token)
        yield get(sender, b"X-Vault-Wrap-TTL: 60", b"X-Vault-Namespace: " + mark)
        yield post(sender, b"Content-Length: 99999999", body=body)
        yield sized(body, sender, sender)
        yield sized(body, sender, b"Content-Type: text/plain").replace(b"POST", b"PATCH")
        yield sized(body, sender).replace(b"POST", mark)
    for bad in (mark, b'{"a": "%b\xff"}' % mark, body + mark, b'{"%b\\ud800": 1e400}' % mark):
        yield sized(bad) + sized(bad, b"Content-Type: application/x-www-form-urlencoded")
        yield chunked(chunks(bad)) + chunked(bad) + bad
    for shape in SHAPES.values():
        yield shape.replace(b"{}", mark).replace(b"health", mark).replace(b"X: a", b"X: " + mark)


async def test_the_http_door_leaves_no_secret_behind(house, trail, check):
    """Whatever comes through it; the answers themselves are for those who asked."""
    tokens = await trail.token(house, "root"), await trail.wrap(house), await trail.wrap(house)

    async def answer(request, encode):
        trail.told.append(repr(request))

        def note(response):
            trail.secrets |= {part.token.reveal() for part in [response.wrap_info] if part}
            return encode(response)

        return await house.router.answer(request, note)

    for stream in marked_streams(*tokens):
        for event in events(HttpConnection(OWNER), stream):
            trail.told.append(repr(event))
            error = event if isinstance(event, Exception) else getattr(event, "error", None)
            if error is not None:
                trail.note_error(error)
        client, server = memory_stream_pair()
        await client.send_all(stream)
        await client.send_eof()
        await session.serve(server, OWNER, answer=answer, limits=Limits(), connect=HttpConnection)

    check()


def test_what_is_searched_for_would_be_found(trail):
    """The search itself works, in each spelling."""
    for spelling in spellings(MARK.encode()):
        with pytest.raises(AssertionError):
            trail.check(b"in the middle of " + spelling + b" something")
    for offset in range(3):
        text = b64encode(bytes(offset) + MARK.encode() + b"!!!")
        with pytest.raises(AssertionError):
            trail.check(text)
