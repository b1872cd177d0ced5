"""Authenticated encryption with associated data: XChaCha20-Poly1305, and padding before it.

A nonce of 24 bytes may be drawn at random for every message under one key, for ever. What is
sealed says through its associated data what it *is*; moved to another place, it does not open.
"""

from typing import Final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError

from cubbyd.errors import SealBrokenError
from cubbyd.secret import Secret

NONCE_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
TAG_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_ABYTES

PADDING_BLOCK_BYTES: Final = 256
"""The least step of sizes; from 8 KiB on they go by a sixteenth of their octave."""

_PAD_START = b"\x80"


def seal(plaintext: bytes, *, key: Secret, associated: bytes, nonce: bytes) -> bytes:
    """Nonce, ciphertext and tag of the padded plaintext.

    Args:
        plaintext: Any bytes.
        key: 32 bytes.
        associated: What the sealed bytes are; opening needs the same.
        nonce: 24 bytes, random; never the same twice under one key.
    """
    padded = plaintext + _PAD_START
    padded += bytes(-len(padded) % _step(len(padded)))
    sealed: bytes = crypto_aead_xchacha20poly1305_ietf_encrypt(
        padded, associated, nonce, key.reveal()
    )
    return nonce + sealed


def unseal(sealed: bytes, *, key: Secret, associated: bytes) -> bytes:
    """The inverse of ``seal``.

    Raises:
        SealBrokenError: These bytes were not sealed under this key as this.
    """
    try:
        padded = crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[NONCE_BYTES:], associated, sealed[:NONCE_BYTES], key.reveal()
        )
    except (CryptoError, ValueError):
        padded = b""
    # ISO/IEC 7816-4: the last byte that is not zero marks the end.
    plaintext, mark, rest = padded.rpartition(_PAD_START)
    if not mark or rest.strip(b"\0"):
        raise SealBrokenError("a sealed section does not open")
    return plaintext


def is_sealed_size(size: int) -> bool:
    """Whether ``seal`` can have made so many bytes: all that can be told without the key."""
    padded = size - NONCE_BYTES - TAG_BYTES
    return padded > 0 and padded % _step(padded) == 0


def _step(size: int) -> int:
    """Padded sizes are multiples of this: at most a sixteenth is added, sixteen sizes an octave."""
    return max(PADDING_BLOCK_BYTES, 1 << max(0, size.bit_length() - 5))
