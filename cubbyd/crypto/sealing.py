"""Authenticated encryption with associated data: XChaCha20-Poly1305, and padding before it.

A nonce of 24 bytes may be drawn at random for every message under one key, for ever. What is
sealed says through its associated data what it *is*; moved to another place, it does not open.

libsodium is called as PyNaCl's public binding calls it, but not through it: with all that it
allocates and checks, it takes three times as long as what it is there for, and every request opens
something. So what libsodium believes without looking is checked here: the lengths.
"""

from typing import Final

# Private, but what each of PyNaCl's own bindings begins with.
from nacl._sodium import ffi, lib  # type: ignore[import-not-found]
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)

from cubbyd.errors import SealBrokenError
from cubbyd.secret import Secret

NONCE_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
TAG_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_ABYTES
_KEY_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_KEYBYTES

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
    size = len(padded) + TAG_BYTES
    sealed = bytearray(size)
    failed = lib.crypto_aead_xchacha20poly1305_ietf_encrypt(
        ffi.from_buffer(sealed),
        ffi.NULL,
        padded,
        len(padded),
        associated,
        len(associated),
        ffi.NULL,
        _checked(nonce, NONCE_BYTES),
        _checked(key.reveal(), _KEY_BYTES),
    )
    if failed:  # never, says libsodium
        raise SealBrokenError("libsodium does not seal")
    return nonce + sealed


def unseal(sealed: bytes, *, key: Secret, associated: bytes) -> bytes:
    """The inverse of ``seal``.

    Raises:
        SealBrokenError: These bytes were not sealed under this key as this.
    """
    size = len(sealed) - NONCE_BYTES - TAG_BYTES
    padded = bytearray(max(size, 0))
    failed = size <= 0 or lib.crypto_aead_xchacha20poly1305_ietf_decrypt(
        ffi.from_buffer(padded),
        ffi.NULL,
        ffi.NULL,
        sealed[NONCE_BYTES:],
        size + TAG_BYTES,
        associated,
        len(associated),
        sealed[:NONCE_BYTES],
        _checked(key.reveal(), _KEY_BYTES),
    )
    # ISO/IEC 7816-4: the last byte that is not zero marks the end.
    plaintext, mark, rest = bytes(padded).rpartition(_PAD_START)
    if failed or not mark or rest.strip(b"\0"):
        raise SealBrokenError("a sealed section does not open")
    return plaintext


def is_sealed_size(size: int) -> bool:
    """Whether ``seal`` can have made so many bytes: all that can be told without the key."""
    padded = size - NONCE_BYTES - TAG_BYTES
    return padded > 0 and padded % _step(padded) == 0


def _checked(value: bytes, size: int) -> bytes:
    """The same, of this length: libsodium would read beyond."""
    if len(value) != size:
        raise ValueError(f"{len(value)} bytes where libsodium wants {size}")
    return value


def _step(size: int) -> int:
    """Padded sizes are multiples of this: at most a sixteenth is added, sixteen sizes an octave."""
    return max(PADDING_BLOCK_BYTES, 1 << max(0, size.bit_length() - 5))
