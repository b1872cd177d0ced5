"""sys/*: how the daemon is, and where response wrapping lives."""

from typing import Final

from cubbyd.clock import rfc3339
from cubbyd.core.outcome import Outcome, Rotate
from cubbyd.crypto.keys import KEY_BYTES
from cubbyd.errors import InvalidRequestError
from cubbyd.logical import wrapping
from cubbyd.logical.context import Context, Handler, Route
from cubbyd.messages import Operation, Response
from cubbyd.secret import Secret
from cubbyd.value import Map

_NEVER: Final = "0001-01-01T00:00:00Z"
"""What Go takes for no time at all; its clients insist on one."""


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


def rotate(context: Context) -> Outcome[Response | None]:
    """Add a key term; files move over to it behind the requests."""
    key = Secret(context.tokens.records.random(KEY_BYTES))
    return Outcome(reply=None, changes=(Rotate(key=key, at=context.now),))


def key_status(context: Context) -> Outcome[Response | None]:
    """Which key seals what is written, and how many files hang on which."""
    status = context.tokens.records.key_status()
    files: Map = {str(term): files for term, files in status.files.items()}
    data: Map = {
        "term": status.term,
        "install_time": _NEVER if status.installed_at is None else rfc3339(status.installed_at),
        "encryptions": status.encryptions,
        "files": files,
    }
    return Outcome(reply=Response(data=data))


def init(_: Context) -> Outcome[Response | None]:
    """A daemon that runs has made its keys: it is never without. Clients of OpenBao ask."""
    return Outcome(reply=Response(data={"initialized": True}))


def _open_to_all(handler: Handler) -> Route:
    """What anybody who is let in may read, whatever token comes along."""
    return Route(handlers={Operation.READ: handler}, needs_caller=False, is_logical=False)


_ROTATE: Final = Route(handlers={Operation.WRITE: rotate}, fields=(), needs_sudo=True)

ROUTES = {
    "sys/wrapping/wrap": wrapping.WRAP,
    "sys/wrapping/lookup": wrapping.LOOKUP,
    "sys/wrapping/unwrap": wrapping.UNWRAP,
    "sys/wrapping/rewrap": wrapping.REWRAP,
    "sys/seal-status": _open_to_all(seal_status),
    "sys/health": _open_to_all(health),
    "sys/leader": _open_to_all(leader),
    "sys/init": _open_to_all(init),
    "sys/rotate": _ROTATE,
    "sys/rotate/keyring": _ROTATE,  # what OpenBao's own client asks for
    "sys/key-status": Route(handlers={Operation.READ: key_status}, fields=()),
    "sys/seal": Route(handlers={Operation.WRITE: seal}, fields=(), needs_sudo=True),
}
