"""The daemon's keys: whether they are there, what locks them away, and which seals what."""

from typing import Literal, TypeAlias

from cubbyd.client.calls import answers
from cubbyd.client.calls.call import Call, as_text, asked
from cubbyd.client.calls.paths import read
from cubbyd.secret import Secret
from cubbyd.value import Map

KeySource: TypeAlias = Literal["key-file", "credential", "passphrase"]
"""What locks the daemon's keys away."""


def seal_status() -> Call[Map]:
    """Whether the daemon has its root key. Answered without a token, and while sealed."""
    return read("sys/seal-status")


def rotate() -> Call[None]:
    """Have what is written sealed under a fresh key; what is there moves over to it later."""
    return asked("sys/rotate", answers.nothing)


def key_status() -> Call[Map]:
    """Which key is in use, and how many files hang on which."""
    return read("sys/key-status")


def hardening() -> Call[Map]:
    """What keeps secrets in the daemon's memory from others, and whether it holds."""
    return read("sys/hardening")


def unseal(passphrase: Secret | str) -> Call[Map]:
    """Bring the keys back. For owners, without a token; answers as ``seal_status``."""
    return asked("sys/unseal", answers.data, {"passphrase": as_text(passphrase)})


def seal() -> Call[None]:
    """Have the keys forgotten, where only a passphrase brings them back."""
    return asked("sys/seal", answers.nothing)


def rekey(
    to: KeySource, *, passphrase: Secret | str | None = None, current: Secret | str | None = None
) -> Call[None]:
    """Have the keys locked away by something else from now on. For owners.

    Args:
        to: By what.
        passphrase: The new one, for ``"passphrase"``.
        current: The one that unseals now, where one does.
    """
    data = {
        "to": to,
        "passphrase": None if passphrase is None else as_text(passphrase),
        "current_passphrase": None if current is None else as_text(current),
    }
    return asked("sys/rekey", answers.nothing, data)
