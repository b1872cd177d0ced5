"""How the public parts are used, for the type checker alone: this file is never run.

It stands for a program that speaks the protocol itself. What it does here must stay possible.
"""

from typing import assert_type

from cubbyd import codec
from cubbyd.errors import RefusedError, WireError, refusal
from cubbyd.messages import Auth, Operation, Peer, Request, Response, Role, WrapInfo
from cubbyd.secret import Secret
from cubbyd.value import Map, Value, to_json
from cubbyd.wire.connection import Asked, ClientConnection, Misasked, Need, ServerConnection

# A client writes its data as it has it: a map of anything, held to the subset when it is encoded.
client = ClientConnection()
plain: dict[str, str] = {"password": "s3cret"}
mixed: dict[str, object] = {"key": b"\x00", "ports": (80, 443), "since": 1.5}
request_id, frame = client.ask(Operation.WRITE, "cubbyhole/db", token=Secret(b""), data=plain)
assert_type(request_id, int)
assert_type(frame, bytes)
client.ask(Operation.WRITE, "sys/wrapping/wrap", data=mixed, wrap_ttl="5m")
client.ask(Operation.READ, "sys/health", wrap_ttl=300)

client.receive_data(b"")
match client.next_event():
    case Need.DATA:
        pass
    case (answered_id, Response() as response):
        assert_type(answered_id, int | None)
        assert_type(response.data, Map | None)
        assert_type(response.auth, Auth | None)
        assert_type(response.wrap_info, WrapInfo | None)
        assert_type(response.warnings, tuple[str, ...])
    case (_, RefusedError() as error):
        assert_type(error.code, str)
        assert_type(error.status, int)
        assert_type(error.messages, tuple[str, ...])
        assert_type(error.detail, Map)
        raise error

# A daemon, or a test of a client.
server = ServerConnection(Peer(uid=1000, gid=1000, pid=1, role=Role.OWNER), max_frame_bytes=4096)
server.receive_data(frame)
match server.next_event():
    case Need.DATA:
        pass
    case Asked(id=asked_id, request=request):
        assert_type(request, Request)
        assert_type(request.token, Secret | None)
        assert_type(request.wrap_ttl, int | str | None)
        assert_type(server.answer(asked_id, Response(data={"a": [1, None]})), bytes)
    case Misasked(id=misasked_id, error=misasked):
        assert_type(misasked_id, int | None)
        server.refuse(misasked_id, misasked)


def give_up(error: WireError) -> bytes:
    """A broken stream is refused like a request, but for its id."""
    return server.refuse(None, error)


# Values are what the codec gives and takes.
value: Value = codec.decode(b"\xa0")
assert_type(codec.encode({"a": [value, {"b": b""}]}), bytes)
assert_type(codec.encode_foreign(mixed), bytes)
assert_type(to_json(value), Value)
assert_type(refusal("busy", 503, ["try again"], {"after": 5}), RefusedError)
assert_type(Secret.from_text("cbys_").reveal(), bytes)
