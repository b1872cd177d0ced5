"""cubbyhole/<path>: the calling token's own; nobody else's token leads there, root's neither."""

import json

from cubbyd import codec
from cubbyd.core.cubbyhole import RESPONSE, children
from cubbyd.core.outcome import Cubbyhole, Outcome, Put, Remove
from cubbyd.errors import InvalidRequestError, PermissionDeniedError, QuotaExceededError, multierror
from cubbyd.logical.context import Context, Route, nothing
from cubbyd.messages import Operation, Response
from cubbyd.value import Map

MOUNT = "cubbyhole/"

_DEPRECATED = (
    "Reading from 'cubbyhole/response' is deprecated. Please use sys/wrapping/unwrap to unwrap "
    "responses, as it provides additional security checks and other benefits."
)


def read(context: Context) -> Outcome[Response | None]:
    """The object at the path, exactly as it was written."""
    name = _name(context)
    token, known = context.caller.require(own="a cubbyhole")
    found = find_object(known.record.open(token), name)
    if found is None:
        return nothing()
    if context.caller.is_wrapping and name == RESPONSE:
        return _unwrap_by_reading(context, found)
    return context.answer(decode_object(found))


def _unwrap_by_reading(context: Context, stored: bytes) -> Outcome[Response | None]:
    """What a wrapping token wraps, as JSON text: Vault's way before 0.7. Consumes the token."""
    _, known = context.caller.require(own="cubbyhole/response")
    envelope = Response.from_map(decode_object(stored)).to_envelope()
    data = {"response": json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))}
    return Outcome(
        reply=Response(data={**data}, warnings=(_DEPRECATED,)),
        changes=(Remove(accessor=known.entry.accessor),),
    )


def write(context: Context) -> Outcome[Response | None]:
    """Replace the object at the path; never merge."""
    name, data = _name(context), context.request.data
    if not data:
        raise InvalidRequestError(multierror("missing data fields"))
    return _stored(context, {**load(context), name: codec.encode(data)})


def delete(context: Context) -> Outcome[Response | None]:
    """Take the object at the path away, where there is one."""
    contents = load(context)
    if contents.pop(_below(context), None) is None:
        return nothing()
    return _stored(context, contents)


def list_(context: Context) -> Outcome[Response | None]:
    """The names directly below the path."""
    names = children(load(context), _below(context))
    return context.answer({"keys": [*names]}) if names else nothing()


def exists(context: Context) -> bool:
    """Whether there is an object at the path."""
    return _below(context) in load(context)


def load(context: Context) -> dict[str, bytes]:
    """The caller's cubbyhole: encoded objects by path."""
    token, known = context.caller.require(own="a cubbyhole")
    return open_contents(known.record.open(token))


def open_contents(encoded: bytes | None) -> dict[str, bytes]:
    """A cubbyhole's encoded objects by path: only what is read is decoded further."""
    contents = {} if encoded is None else decode_object(encoded)
    return {name: item for name, item in contents.items() if isinstance(item, bytes)}


def find_object(encoded: bytes | None, name: str) -> bytes | None:
    """One encoded object out of a cubbyhole, or None where there is none of this path."""
    found = None if encoded is None else decode_object(encoded).get(name)
    return found if isinstance(found, bytes) else None


def _stored(context: Context, contents: dict[str, bytes]) -> Outcome[Response | None]:
    token, known = context.caller.require(own="a cubbyhole")
    if known.entry.is_wrapping:
        # A secret that was swapped under an unspent token would defeat the purpose.
        raise PermissionDeniedError(multierror("permission denied"))
    encoded = codec.encode({**contents})
    limit = context.rules.max_cubbyhole_bytes
    if len(encoded) > limit:
        raise QuotaExceededError(
            f"the cubbyhole would have {len(encoded)} bytes, and the limit is {limit}; delete "
            "something, or use another token"
        )
    put = Put(
        entry=context.caller.entry or known.entry,
        cubbyhole=Cubbyhole(token=token, contents=encoded),
    )
    return Outcome(reply=None, changes=(put,))


def _below(context: Context) -> str:
    """The path within the cubbyhole; "" for the cubbyhole itself."""
    return context.path.removeprefix("cubbyhole").removeprefix("/")


def _name(context: Context) -> str:
    name = _below(context)
    if not name:
        raise InvalidRequestError(multierror("missing path"), status=500)  # OpenBao's status
    return name


def decode_object(encoded: bytes) -> Map:
    """A cubbyhole, or one object out of it."""
    value = codec.decode_own(encoded)
    if not isinstance(value, dict):
        raise TypeError("a cubbyhole is a map, and so is what lies in it")
    return value


ROUTE = Route(
    handlers={
        Operation.READ: read,
        Operation.WRITE: write,
        Operation.DELETE: delete,
        Operation.LIST: list_,
    },
    exists=exists,
)
