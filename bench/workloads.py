"""The work that is measured, each for a client at a door."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clients import Ask, Pair, Task
from doors import Door

SECRET = ("correct horse battery staple, " * 4)[:100]
DATA = {"password": SECRET}
PATH = "cubbyhole/secret"
PIPELINE = 16
WRAP_TTL = 3600
POLICY = {
    "path": {
        "cubbyhole/*": {"capabilities": ["create", "read", "update", "delete", "list"]},
        "sys/wrapping/wrap": {"capabilities": ["update"]},
        "auth/token/create": {"capabilities": ["update"]},
        "auth/token/lookup-self": {"capabilities": ["read"]},
        "auth/token/revoke": {"capabilities": ["update"]},
    }
}
"""Of a client's own token."""
HOLE = "~"


def write(door: Door) -> Ask:
    """A durable write of the secret, over what was there."""
    return Ask(line=door.line(), request=door.request("write", PATH, DATA), expected=door.good())


def read(door: Door) -> Ask:
    """A read of the secret."""
    return Ask(line=door.line(), request=door.request("read", PATH), expected=SECRET.encode())


def pipelined_read(door: Door) -> Ask:
    """So many of them sent at once."""
    request = door.request("read", PATH)
    return Ask(line=door.line(), request=request, expected=SECRET.encode(), weight=PIPELINE)


def lookup_self(door: Door) -> Ask:
    """What the client's token is."""
    request = door.request("read", "auth/token/lookup-self")
    return Ask(line=door.line(), request=request, expected=b"creation_ttl")


def wrap(door: Door) -> Ask:
    """A wrap alone: its token is left to live."""
    request = door.request("write", "sys/wrapping/wrap", DATA, wrap_ttl=WRAP_TTL)
    return Ask(line=door.line(), request=request, expected=door.mark("token", door.sizes.wrapping))


def create_token(door: Door) -> Ask:
    """A token that is left to live."""
    pair = create_and_revoke(door)
    return Ask(line=pair.line, request=pair.first, expected=pair.mark)


def wrap_and_unwrap(door: Door) -> Pair:
    """A secret handed over."""
    size = door.sizes.wrapping
    return Pair(
        line=door.line(),
        first=door.request("write", "sys/wrapping/wrap", DATA, wrap_ttl=WRAP_TTL),
        mark=door.mark("token", size),
        size=size,
        second=_around(door.request("write", "sys/wrapping/unwrap", token=HOLE * size), size),
        expected=SECRET.encode(),
    )


def create_and_revoke(door: Door) -> Pair:
    """A token made and ended."""
    size = door.sizes.service
    revoke = door.request("write", "auth/token/revoke", {"token": HOLE * size})
    return Pair(
        line=door.line(),
        first=door.request("write", "auth/token/create", {"policies": ["default"], "ttl": "1h"}),
        mark=door.mark("client_token", size),
        size=size,
        second=_around(revoke, size),
        expected=door.good(),
    )


def _around(request: bytes, size: int) -> tuple[bytes, bytes]:
    before, after = request.split(HOLE.encode() * size)
    return before, after


@dataclass(frozen=True)
class Workload:
    """One kind of work, and who does it."""

    title: str
    sides: tuple[str, ...]
    door: str
    """Of cubbyd; OpenBao has but one."""
    task: Callable[[Door], Task]


WORKLOADS: Mapping[str, Workload] = {
    "read": Workload("read", ("cubbyd", "openbao", "echo", "least"), "cbor", read),
    "pipelined": Workload("read, 16 at once", ("cubbyd", "echo", "least"), "cbor", pipelined_read),
    "lookup-self": Workload("lookup-self", ("cubbyd", "openbao"), "cbor", lookup_self),
    "write": Workload("write", ("cubbyd", "openbao", "bare", "least"), "cbor", write),
    "wrap": Workload(
        "wrap + unwrap", ("cubbyd", "openbao", "bare", "least"), "cbor", wrap_and_unwrap
    ),
    "token": Workload(
        "token create + revoke", ("cubbyd", "openbao", "bare", "least"), "cbor", create_and_revoke
    ),
    "http-read": Workload("read, HTTP door", ("cubbyd", "openbao"), "http", read),
    "http-wrap": Workload(
        "wrap + unwrap, HTTP door", ("cubbyd", "openbao"), "http", wrap_and_unwrap
    ),
    "cli": Workload("unwrap, whole process", ("cubbyd", "openbao"), "cli", wrap_and_unwrap),
}
