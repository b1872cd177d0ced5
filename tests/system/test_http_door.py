"""The HTTP door of a real daemon, with real sockets, processes and users.

The rules: who connects is looked at before a byte is read; what could be read in two ways gets one
answer and the end; and nothing that happens here closes the other door.
"""

import http.client
import json
import os
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack

import pytest
from http_daemon import HttpDaemon, an_unwrap, rest
from http_shapes import OTHER_STATUS, SHAPES
from http_talk import GET, chunked, chunks, get, post, read_answer, read_answers, sized
from real_daemon import PATIENCE, clean_environment, eventually

GUEST, STRANGER = 3456, 4567
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One daemon for all that leaves it as it was."""
    daemon = HttpDaemon(tmp_path_factory.mktemp("daemon"))
    daemon.start()
    yield daemon
    daemon.close()


@pytest.fixture
def daemon(tmp_path):
    """One daemon for one test; not started yet."""
    for parent in (tmp_path, *tmp_path.parents[:-2]):
        parent.chmod(0o755)
    daemon = HttpDaemon(tmp_path)
    yield daemon
    daemon.close()


# -- requests


def test_requests_may_be_sent_without_waiting(shared):
    stream = GET + chunked(chunks(b"{}")) + get(b"Connection: close") + GET

    answers = read_answers(shared.exchange(stream))

    assert [each.status for each in answers] == [200, 403, 200]


def test_a_plain_http_client_keeps_its_connection(shared):
    """Python's own, which waits for each answer."""
    with shared.connected() as sock:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = sock
        token = shared.wrapped().decode()
        seen = []
        for method, path, headers in (
            ("GET", "/v1/sys/health", {}),
            ("HEAD", "/v1/sys/health", {}),
            ("POST", "/v1/sys/wrapping/unwrap", {"X-Vault-Token": token}),
            ("POST", "/v1/sys/wrapping/unwrap", {"X-Vault-Token": token}),
            ("GET", "/v1/nowhere", {}),
        ):
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            seen.append((answer.status, answer.getheader("Cache-Control")))
            body = answer.read()
            assert bool(body) == (method != "HEAD")
            if seen == [(200, "no-store")] * 3:
                assert json.loads(body)["data"] == {"password": "hunter2"}

    assert seen == [(status, "no-store") for status in (200, 200, 200, 400, 403)]


def test_a_request_may_come_byte_by_byte(shared):
    stream = post(b"Expect: 100-continue", b"Transfer-Encoding: chunked")
    body = chunks(b"{}")
    with shared.connected() as sock:
        for byte in stream:
            sock.sendall(bytes([byte]))
        assert read_answer(sock.recv(65536)).status == 100
        for byte in body + GET:
            sock.sendall(bytes([byte]))
        sock.shutdown(socket.SHUT_WR)
        assert [each.status for each in read_answers(rest(sock))] == [403, 200]


@pytest.mark.parametrize("name", SHAPES)
def test_what_could_be_read_in_two_ways_gets_one_answer_and_the_end(shared, name):
    """The client need not end its side."""
    with shared.connected() as sock:
        sock.sendall(SHAPES[name] + GET)

        answer = read_answer(rest(sock))

    assert answer.status == OTHER_STATUS.get(name, 400)
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"a" * 40_000, 414),
        (get(b"X: " + b"a" * 40_000), 431),
        (get(*[b"X: y"] * 101), 431),
        (post(b"Content-Length: 10000000") + bytes(10_000_000), 413),
        (post(b"Expect: 100-continue", b"Content-Length: 10000000"), 413),
        (chunked(b"989680\r\n" + bytes(10_000_000)), 413),
    ],
)
def test_whoever_sends_too_much_can_read_why_it_is_refused(shared, sent, status):
    """Also in the middle of its sending, which neither blocks nor breaks."""
    assert read_answer(shared.exchange(sent)).status == status


def test_a_client_that_vanishes_has_at_worst_lost_its_own_secret(shared):
    tokens = [shared.wrapped() for _ in range(20)]
    for number, token in enumerate(tokens[1:]):
        whole = an_unwrap(token)
        with shared.connected() as sock:
            sock.sendall(whole[: len(whole) - number % 2])

    answers = [read_answer(shared.exchange(an_unwrap(each))).status for each in tokens]

    # Of those that vanished half had asked, and then nobody gets it any more.
    assert answers[0] == 200
    assert answers[2::2] == [200] * 9
    assert eventually(
        lambda: {read_answer(shared.exchange(an_unwrap(each))).status for each in tokens} == {400}
    )


# -- who


def test_an_owner_without_a_token_has_no_rights_here(shared):
    """On the other door the same process acts as root."""
    with shared.client() as client:
        assert client.create_token().accessor

    for path in (b"/v1/auth/token/create", b"/v1/cubbyhole/x", b"/v1/auth/peer/login"):
        assert read_answer(shared.exchange(sized(b"{}", path=path))).status == 403
    assert read_answer(shared.exchange(get(path=b"/v1/sys/health"))).status == 200


AS = """
import os, socket, sys
uid, path = sys.argv[1:3]
os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
socks = [socket.socket(socket.AF_UNIX) for _ in range(int(sys.argv[3]))]
for each in socks:
    each.settimeout(10)
    each.connect(path)
sent = sys.stdin.buffer.read()
try:
    socks[-1].sendall(sent)
    socks[-1].shutdown(socket.SHUT_WR)
except BrokenPipeError:
    pass
while True:
    try:
        part = socks[-1].recv(65536)
    except ConnectionResetError:  # what we sent was not read, which is the point
        break
    if not part:
        break
    sys.stdout.buffer.write(part)
sys.stdout.flush()
if len(socks) > 1:
    print(flush=True)
    sys.stdin = None
    os.read(os.open(sys.argv[4], os.O_RDONLY), 1)
"""


def exchange_as(daemon, uid, sent):
    """What a client of another user reads."""
    done = subprocess.run(
        [sys.executable, "-c", AS, str(uid), str(daemon.http_socket), "1"],
        input=sent,
        stdout=subprocess.PIPE,
        check=True,
        env=clean_environment(),
        timeout=PATIENCE,
    )
    return done.stdout


@only_root
def test_strangers_are_turned_away_before_they_have_said_anything(daemon):
    daemon.configure(f"[access]\nguest_uids = [{GUEST}]\n")
    daemon.start()

    for sent in (b"", GET, an_unwrap(daemon.wrapped())):
        answer = read_answer(exchange_as(daemon, STRANGER, sent))
        assert answer.status == 403
        assert answer.headers["connection"] == "close"
        assert str(STRANGER) in answer.errors[0]


@only_root
def test_a_guest_unwraps_what_it_was_handed(daemon):
    daemon.configure(f"[access]\nguest_uids = [{GUEST}]\n")
    daemon.start()
    token = daemon.wrapped()

    first, second = read_answers(exchange_as(daemon, GUEST, an_unwrap(token) * 2))

    assert (first.status, first.json["data"]) == (200, {"password": "hunter2"})
    assert second.status == 400


@only_root
def test_the_owners_alone_may_connect_where_nobody_else_is_named(daemon):
    daemon.start()

    assert stat.S_IMODE(daemon.http_socket.stat().st_mode) == 0o600
    with pytest.raises(subprocess.CalledProcessError):
        exchange_as(daemon, GUEST, GET)


# -- how many


def test_too_many_connections_are_told_so(daemon):
    """One more than a user may have, counted over both doors."""
    daemon.configure("[limits]\nmax_connections_per_uid = 3\n")
    daemon.start()
    with daemon.client() as client, daemon.connected() as one, daemon.connected():
        assert client.health()
        with daemon.connected() as third:
            answer = read_answer(rest(third))
        assert answer.status == 503
        assert answer.headers["connection"] == "close"
        one.sendall(GET)
        assert read_answer(one.recv(65536)).status == 200
        assert client.health()


@only_root
def test_guests_who_fill_this_door_leave_the_other_to_the_owner(daemon, tmp_path):
    """Several users together take all but the owners' reserve."""
    daemon.configure(
        "[limits]\nmax_connections = 32\nmax_connections_per_uid = 32\n"
        f"[access]\nguest_uids = {[*range(GUEST, GUEST + 6)]}\n"
    )
    daemon.start()
    held = tmp_path / "held"
    os.mkfifo(held, 0o644)
    held.chmod(0o644)
    with ExitStack() as stack:
        for uid in range(GUEST, GUEST + 6):
            crowd = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", AS, str(uid), str(daemon.http_socket), "20", str(held)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=clean_environment(),
                )
            )
            stack.callback(crowd.kill)
            crowd.stdin.close()
            assert b" 503 " in crowd.stdout.readline()
        assert read_answer(exchange_as(daemon, GUEST, b"")).status == 503
        with daemon.client() as client:
            assert client.health()
        assert read_answer(daemon.exchange(GET)).status == 200
