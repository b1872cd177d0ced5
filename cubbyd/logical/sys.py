"""sys/*: how the daemon is, and where response wrapping lives."""

from collections.abc import Callable
from typing import Final

from cubbyd.clock import rfc3339
from cubbyd.core.outcome import Outcome, Rekey, Rotate, Seal
from cubbyd.core.passphrase import check_passphrase
from cubbyd.crypto.opener import KeySource
from cubbyd.errors import InvalidRequestError, PermissionDeniedError, multierror
from cubbyd.logical import state, wrapping
from cubbyd.logical.context import Context, Handler, Route
from cubbyd.logical.state import State
from cubbyd.messages import Operation, Response, Role
from cubbyd.secret import Secret
from cubbyd.value import Map

_NEVER: Final = "0001-01-01T00:00:00Z"
"""What Go takes for no time at all; its clients insist on one."""

_PASSPHRASE: Final = KeySource.PASSPHRASE.value
_SOURCES: Final = tuple(each.value for each in KeySource)


def seal(context: Context) -> Outcome[Response | None]:
    """Forget the keys until somebody brings them back; refused where the next start finds them."""
    source = context.tokens.records.key_source
    if source != _PASSPHRASE:
        raise InvalidRequestError(
            "sealing needs a passphrase as the source of the keys: this daemon takes them from a "
            f"{source}, and the next start would have them again. cubby rekey --to passphrase "
            "changes that"
        )
    return Outcome(reply=None, afterwards=Seal())


def rekey(context: Context) -> Outcome[Response | None]:
    """Have the keyring opened by something else; the owner's, at the door that knows him."""
    if context.request.peer.role is not Role.OWNER:
        raise PermissionDeniedError(multierror("permission denied"))
    fields = context.fields
    source, now = fields.text("to"), context.tokens.records.key_source
    passphrase, current = (
        Secret.from_text(found) if found else None
        for found in (fields.text("passphrase"), fields.text("current_passphrase"))
    )
    if source not in _SOURCES:
        raise InvalidRequestError(f"to must be one of {', '.join(_SOURCES)}")
    if source == now and source != _PASSPHRASE:
        raise InvalidRequestError(f"the keyring opens with a {source} already")
    if (source == _PASSPHRASE) != (passphrase is not None):
        raise InvalidRequestError("a passphrase goes with to=passphrase, and with nothing else")
    if (now == _PASSPHRASE) != (current is not None):
        raise InvalidRequestError(
            "current_passphrase must be the one that opens the keyring now"
            if current is None
            else "current_passphrase is for a keyring that opens with one, and this does not"
        )
    if passphrase is not None:
        try:
            check_passphrase(passphrase)
        except ValueError as error:
            raise InvalidRequestError(str(error)) from None
    return Outcome(
        reply=None, afterwards=Rekey(source=source, passphrase=passphrase, current=current)
    )


def rotate(context: Context) -> Outcome[Response | None]:
    """Add a key term; files move over to it behind the requests."""
    change = Rotate(key=context.tokens.records.new_key(), at=context.now)
    return Outcome(reply=None, changes=(change,))


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
    return context.answer(data)


def _telling(tell: Callable[[State], Response]) -> Handler:
    """Handles what the daemon tells of itself."""

    def handle(context: Context) -> Outcome[Response | None]:
        source = context.tokens.records.key_source
        return Outcome(reply=tell(State(rules=context.rules, now=context.now, source=source)))

    return handle


def _open_to_all(operation: Operation, handler: Handler, fields: tuple[str, ...] = ()) -> Route:
    return Route(
        handlers={operation: handler}, fields=fields or None, needs_caller=False, is_logical=False
    )


_ROTATE: Final = Route(handlers={Operation.WRITE: rotate}, fields=(), needs_sudo=True)

ROUTES = {
    "sys/wrapping/wrap": wrapping.WRAP,
    "sys/wrapping/lookup": wrapping.LOOKUP,
    "sys/wrapping/unwrap": wrapping.UNWRAP,
    "sys/wrapping/rewrap": wrapping.REWRAP,
    **{path: _open_to_all(Operation.READ, _telling(tell)) for path, tell in state.TOLD.items()},
    "sys/rotate": _ROTATE,
    "sys/rotate/keyring": _ROTATE,  # what OpenBao's own client asks for
    "sys/key-status": Route(handlers={Operation.READ: key_status}, fields=()),
    "sys/seal": Route(handlers={Operation.WRITE: seal}, fields=(), needs_sudo=True),
    # While sealed it does something; then and now it says how that stands.
    state.UNSEAL: _open_to_all(
        Operation.WRITE, _telling(state.seal_status), fields=(state.PASSPHRASE,)
    ),
    "sys/rekey": Route(
        handlers={Operation.WRITE: rekey},
        fields=("to", "passphrase", "current_passphrase"),
        needs_sudo=True,
    ),
}
