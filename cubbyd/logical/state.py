"""How the daemon is, in OpenBao's words; and all that it answers while it is sealed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cubbyd.clock import Timestamp
from cubbyd.core.path import parse_path
from cubbyd.errors import InvalidRequestError, PermissionDeniedError, SealedError
from cubbyd.logical.context import Rules
from cubbyd.messages import Operation, Request, Response, Role
from cubbyd.secret import Secret

UNSEAL: Final = "sys/unseal"
PASSPHRASE: Final = "passphrase"  # noqa: S105 - a field's name

_SEALED_STATUS: Final = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the daemon may tell of itself to whoever is let in."""

    rules: Rules
    now: Timestamp
    source: str
    """Of what opens the keyring: one of ``crypto.opener.KeySource``."""
    is_sealed: bool = False


def seal_status(state: State) -> Response:
    """Whether the daemon has its keys. No shares of a key are ever handed out, hence the zeros."""
    return Response(
        data={
            "type": state.source,
            "initialized": True,
            "sealed": state.is_sealed,
            "t": 0,
            "n": 0,
            "progress": 0,
            "nonce": "",
            "recovery_seal": False,
            "migration": False,
            "version": state.rules.version,
            "storage_type": "file",
        }
    )


def health(state: State) -> Response:
    """Whether the daemon serves."""
    return Response(
        data={
            "initialized": True,
            "sealed": state.is_sealed,
            "standby": state.is_sealed,  # as OpenBao has it
            "server_time_utc": int(state.now),
            "version": state.rules.version,
        },
        status=_SEALED_STATUS if state.is_sealed else None,
    )


def leader(_: State) -> Response:
    """One daemon serves one host: there is nobody to lead. OpenBao's ``status`` asks."""
    return Response(data={"ha_enabled": False})


def init(_: State) -> Response:
    """A daemon that runs has made its keys: it is never without. Clients of OpenBao ask."""
    return Response(data={"initialized": True})


def hardening(state: State) -> Response:
    """Which of the measures hold that keep secrets in memory from others."""
    return Response(data={**state.rules.hardening})


TOLD: Final[Mapping[str, Callable[[State], Response]]] = {
    "sys/seal-status": seal_status,
    "sys/health": health,
    "sys/leader": leader,
    "sys/init": init,
    "sys/hardening": hardening,
}
"""What anybody who is let in may read, sealed or not, whatever token comes along."""


def answer_sealed(request: Request, state: State) -> Response:
    """What can be said without any key.

    Raises:
        SealedError: Nothing of that.
        RefusedError: There can be no such path.
    """
    path = parse_path(request.path, max_bytes=state.rules.max_path_bytes)
    tell = TOLD.get(path)
    if tell is None or request.operation is not Operation.READ:
        raise SealedError
    return tell(state)


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
