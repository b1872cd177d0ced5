"""``sys/wrapping/*``: hand a secret over, once."""

from cubbyd.client.calls import answers
from cubbyd.client.calls.answers import WrappingLookup
from cubbyd.client.calls.call import Call, Data, Duration, Token, as_secret, as_text, asked, wrapped
from cubbyd.client.calls.paths import write
from cubbyd.messages import Operation, Response, WrapInfo


def wrap(data: Data, ttl: Duration) -> Call[WrapInfo]:
    """Leave data in the cubbyhole of a fresh single-use token."""
    return wrapped(write("sys/wrapping/wrap", data), ttl)


def unwrap(token: Token) -> Call[Response]:
    """What was wrapped: the answer as it was, once. The wrapping token is all that this needs."""
    return Call(
        operation=Operation.WRITE,
        path="sys/wrapping/unwrap",
        token=as_secret(token),
        decode=answers.whole,
    )


def lookup_wrapping(token: Token) -> Call[WrappingLookup]:
    """Where a wrapping token comes from. Costs it nothing."""
    return asked("sys/wrapping/lookup", answers.wrapping_lookup, {"token": as_text(token)})


def rewrap(token: Token) -> Call[WrapInfo]:
    """Move what was wrapped to a fresh wrapping token; the old one ends, its secret unseen.

    A wrapping token may not ask for this itself: the client's own token does, or the process.
    """
    return asked("sys/wrapping/rewrap", answers.wrap_info, {"token": as_text(token)})
