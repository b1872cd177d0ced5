"""sys/*: how the daemon is, and where response wrapping lives."""

from cubbyd.core.outcome import Outcome
from cubbyd.errors import InvalidRequestError
from cubbyd.logical import wrapping
from cubbyd.logical.context import Context, Handler, Route
from cubbyd.messages import Operation, Response
from cubbyd.value import Map


def seal_status(context: Context) -> Outcome[Response | None]:
    """Whether the daemon has its keys. No shares of a key are ever handed out, hence the zeros."""
    data: Map = {
        "type": "key-file",
        "initialized": True,
        "sealed": False,
        "t": 0,
        "n": 0,
        "progress": 0,
        "nonce": "",
        "recovery_seal": False,
        "migration": False,
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


def leader(_: Context) -> Outcome[Response | None]:
    """One daemon serves one host: there is nobody to lead. OpenBao's ``status`` asks."""
    return Outcome(reply=Response(data={"ha_enabled": False}))


def seal(_: Context) -> Outcome[Response | None]:
    """Forget the keys until somebody brings them back; refused while they lie in a file."""
    raise InvalidRequestError(
        "sealing needs a passphrase as the source of the keys: this daemon takes them from a key "
        "file, and the next start would have them again. To lock the store, stop the daemon and "
        "take its key file away"
    )


def init(_: Context) -> Outcome[Response | None]:
    """A daemon that runs has made its keys: it is never without. Clients of OpenBao ask."""
    return Outcome(reply=Response(data={"initialized": True}))


def _open_to_all(handler: Handler) -> Route:
    """What anybody who is let in may read, whatever token comes along."""
    return Route(handlers={Operation.READ: handler}, needs_caller=False, is_logical=False)


ROUTES = {
    "sys/wrapping/wrap": wrapping.WRAP,
    "sys/wrapping/lookup": wrapping.LOOKUP,
    "sys/wrapping/unwrap": wrapping.UNWRAP,
    "sys/wrapping/rewrap": wrapping.REWRAP,
    "sys/seal-status": _open_to_all(seal_status),
    "sys/health": _open_to_all(health),
    "sys/leader": _open_to_all(leader),
    "sys/init": _open_to_all(init),
    "sys/seal": Route(handlers={Operation.WRITE: seal}, fields=(), needs_sudo=True),
}
