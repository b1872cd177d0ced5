"""``sys/health``, and the tools."""

from binascii import b2a_base64
from typing import Literal, TypeAlias

from cubbyd.client.calls import answers
from cubbyd.client.calls.call import Call, asked
from cubbyd.client.calls.paths import read
from cubbyd.value import Map

Encoding: TypeAlias = Literal["base64", "hex"]
"""How bytes are told as text."""


def health() -> Call[Map]:
    """Whether the daemon serves. Answered without a token, and while sealed."""
    return read("sys/health")


def random(size_bytes: int | None = None, *, encoding: Encoding | None = None) -> Call[str]:
    """Fresh random bytes, as text. Have it wrapped, and it is a password that nobody has seen.

    Args:
        size_bytes: How many. None: as many as the daemon thinks fit, 32.
        encoding: None: base64.
    """
    data = {"bytes": size_bytes, "format": encoding}
    return asked("sys/tools/random", answers.text("random_bytes"), data)


def hash_data(
    data: bytes, *, algorithm: str | None = None, encoding: Encoding | None = None
) -> Call[str]:
    """The hash of some bytes, as text.

    Args:
        data: What to hash.
        algorithm: One of OpenBao's. None: ``"sha2-256"``.
        encoding: None: hex.
    """
    text = b2a_base64(data, newline=False).decode()
    asked_for = {"input": text, "algorithm": algorithm, "format": encoding}
    return asked("sys/tools/hash", answers.text("sum"), asked_for)
