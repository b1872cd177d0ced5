"""How the daemon is, in OpenBao's words; and all that it answers while it is sealed."""

from typing import Final

from cubbyd.clock import Timestamp
from cubbyd.core.path import parse_path
from cubbyd.errors import InvalidRequestError, PermissionDeniedError, SealedError
from cubbyd.logical.context import Rules
from cubbyd.messages import Operation, Request, Response, Role
from cubbyd.secret import Secret
from cubbyd.value import Map

UNSEAL: Final = "sys/unseal"
PASSPHRASE: Final = "passphrase"  # noqa: S105 - a field's name

_SEALED_STATUS: Final = 503


def seal_status(source: str, *, is_sealed: bool, version: str) -> Map:
    """Whether the daemon has its keys. No shares of a key are ever handed out, hence the zeros."""
    return {
        "type": source,
        "initialized": True,
        "sealed": is_sealed,
        "t": 0,
        "n": 0,
        "progress": 0,
        "nonce": "",
        "recovery_seal": False,
        "migration": False,
        "version": version,
        "storage_type": "file",
    }


def health(now: Timestamp, *, is_sealed: bool, version: str) -> Map:
    """Whether the daemon serves."""
    return {
        "initialized": True,
        "sealed": is_sealed,
        "standby": is_sealed,  # as OpenBao has it
        "server_time_utc": int(now),
        "version": version,
    }


def leader() -> Map:
    """One daemon serves one host: there is nobody to lead. OpenBao's ``status`` asks."""
    return {"ha_enabled": False}


def init() -> Map:
    """A daemon that runs has made its keys: it is never without. Clients of OpenBao ask."""
    return {"initialized": True}


def answer_sealed(request: Request, rules: Rules, *, source: str, now: Timestamp) -> Response:
    """What can be said without any key.

    Raises:
        SealedError: Nothing of that.
        RefusedError: There can be no such path.
    """
    path = parse_path(request.path, max_bytes=rules.max_path_bytes)
    if request.operation is not Operation.READ:
        raise SealedError
    version = rules.version
    if path == "sys/health":
        data = health(now, is_sealed=True, version=version)
        return Response(data=data, status=_SEALED_STATUS)
    answers: dict[str, Map] = {
        "sys/seal-status": seal_status(source, is_sealed=True, version=version),
        "sys/leader": leader(),
        "sys/init": init(),
        "sys/hardening": {**rules.hardening},
    }
    if path not in answers:
        raise SealedError
    return Response(data=answers[path])


def passphrase_to_unseal(request: Request, rules: Rules) -> Secret | None:
    """The passphrase of a request that is to unseal; None for any other request.

    Raises:
        PermissionDeniedError: The peer is no owner, or came by a door that does not know him.
        InvalidRequestError: There is none in it.
    """
    path = parse_path(request.path, max_bytes=rules.max_path_bytes)
    if request.operation is not Operation.WRITE or path != UNSEAL:
        return None
    if request.peer.role is not Role.OWNER or request.token is not None:
        raise PermissionDeniedError("an owner unseals, without a token, at the CBOR socket")
    passphrase = (request.data or {}).get(PASSPHRASE)
    if not isinstance(passphrase, str) or not passphrase:
        raise InvalidRequestError("the passphrase is missing")
    return Secret.from_text(passphrase)
