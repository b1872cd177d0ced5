"""What opens the keyring: a key, where it comes from, and how a passphrase becomes one."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from cubbyd.errors import BusyError
from cubbyd.secret import Secret

KEY_BYTES: Final = 32
SALT_BYTES: Final = argon2id.SALTBYTES
MAX_PASSES: Final = 16
MAX_MEMORY_BYTES: Final = 1024 * 1024 * 1024
"""Of a derivation that a keyring asks for: it is in the clear, and believed before it is opened."""


class KeySource(Enum):
    """Where the key lies that opens the keyring."""

    KEY_FILE = "key-file"
    CREDENTIAL = "credential"
    """What systemd decrypts for the service alone."""
    PASSPHRASE = "passphrase"  # noqa: S105 - a kind of source, not one
    """In somebody's head: the daemon starts sealed."""


@dataclass(frozen=True, slots=True)
class Argon2id:
    """What makes a key of a passphrase (RFC 9106), in libsodium's words.

    The default is libsodium's ``MODERATE``: most of a second, and 256 MiB for as long.
    """

    salt: bytes
    opslimit: int = argon2id.OPSLIMIT_MODERATE
    memlimit: int = argon2id.MEMLIMIT_MODERATE

    @property
    def is_bounded(self) -> bool:
        """Whether it costs no more than we allow, and as much as libsodium asks for."""
        return (
            len(self.salt) == SALT_BYTES
            and argon2id.OPSLIMIT_MIN <= self.opslimit <= MAX_PASSES
            and argon2id.MEMLIMIT_MIN <= self.memlimit <= MAX_MEMORY_BYTES
        )

    def derive(self, passphrase: Secret) -> Secret:
        """The key. Takes most of a second: not for the event loop.

        Raises:
            BusyError: There is not so much memory now.
        """
        try:
            key: bytes = argon2id.kdf(
                KEY_BYTES,
                passphrase.reveal(),
                self.salt,
                opslimit=self.opslimit,
                memlimit=self.memlimit,
            )
        except (CryptoError, MemoryError):
            key = b""
        if not key:
            raise BusyError(
                f"a passphrase takes {self.memlimit >> 20} MiB to try, and they are not to be had "
                "now; try again"
            )
        return Secret(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """What opens the keyring."""

    key: Secret
    source: KeySource = KeySource.KEY_FILE
    argon2id: Argon2id | None = None
    """How the key is made of a passphrase, where that is its source."""
