"""sys/*: how the daemon is, and where response wrapping lives."""

from cubbyd.core.outcome import Outcome
from cubbyd.logical import wrapping
from cubbyd.logical.context import Context, Route
from cubbyd.messages import Operation, Response
from cubbyd.value import Map


def seal_status(context: Context) -> Outcome[Response | None]:
    """Whether the daemon has its keys."""
    data: Map = {
        "type": "key-file",
        "initialized": True,
        "sealed": False,
        "version": context.rules.version,
        "storage_type": "file",
    }
    return Outcome(reply=Response(data=data))


def health(context: Context) -> Outcome[Response | None]:
    """Whether the daemon serves."""
    data: Map = {
        "initialized": True,
        "sealed": False,
        "standby": False,
        "server_time_utc": int(context.now),
        "version": context.rules.version,
    }
    return Outcome(reply=Response(data=data))


ROUTES = {
    "sys/wrapping/wrap": wrapping.WRAP,
    "sys/wrapping/lookup": wrapping.LOOKUP,
    "sys/wrapping/unwrap": wrapping.UNWRAP,
    "sys/wrapping/rewrap": wrapping.REWRAP,
    "sys/seal-status": Route(
        handlers={Operation.READ: seal_status}, needs_caller=False, is_logical=False
    ),
    "sys/health": Route(handlers={Operation.READ: health}, needs_caller=False, is_logical=False),
}
