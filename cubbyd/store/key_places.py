"""Where keys lie that open a keyring: a key file, or a credential that systemd hands over.

Both hold 64 hex digits and a newline. The key file is ours to make; a credential is the
administrator's, in a directory that systemd gives to the service alone.
"""

import os
import stat
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cubbyd.crypto.opener import KEY_BYTES, KeySource
from cubbyd.errors import StartError
from cubbyd.secret import Secret
from cubbyd.store.files import DiskFiles, sweep
from cubbyd.store.sealed_file import Random
from cubbyd.store.system_calls import SystemCalls

CREDENTIAL: Final = "cubbyd.key"
"""The name of ours, as in ``LoadCredentialEncrypted=cubbyd.key``."""


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """Where to look."""

    key_file: Path
    credentials: Path | None = None
    """systemd's ``$CREDENTIALS_DIRECTORY``."""
    calls: SystemCalls = os

    @property
    def credential(self) -> Path | None:
        """Our credential, where systemd hands any over."""
        return self.credentials and self.credentials / CREDENTIAL

    def read(self, source: KeySource) -> Secret | None:
        """The key that is there; None where there is nothing.

        Raises:
            StartError: What is there is no key, or is open to others.
        """
        if source is KeySource.KEY_FILE:
            return _read(self.key_file, f"the key file {self.key_file}", self.calls)
        if source is KeySource.CREDENTIAL and self.credential is not None:
            return _read(self.credential, f"the credential {CREDENTIAL}", self.calls, ours=False)
        return None

    def durable_key_file(self, random: Random) -> Secret:
        """The key in the key file, or a new one: durable before anything depends on it.

        Also one that is there already: a first start may have been killed before it was durable.

        Args:
            random: For a new one.

        Raises:
            StartError: What is there is no key, or somebody else is at it.
            OSError: The disk will not.
        """
        key = self.read(KeySource.KEY_FILE)
        try:
            directory = DiskFiles(self.key_file.parent, self.calls)
        except PermissionError:
            if key is None:
                raise
            return key  # we did not put it there
        with closing(directory):
            # Another daemon's store may depend on the one that it is just making here.
            directory.keep_others_out()
            sweep(directory, directory.names())
            key = key or self.read(KeySource.KEY_FILE)
            if key is None:
                key = Secret(random(KEY_BYTES))
                self._make(directory, key)
            directory.sync()
        return key

    def _make(self, directory: DiskFiles, key: Secret) -> None:
        staged = directory.stage(key.reveal().hex().encode() + b"\n")
        try:
            directory.sync_staged(staged)
            directory.publish(staged, self.key_file.name)
        except OSError:
            with suppress(OSError):
                directory.remove(staged)
            raise


def _read(path: Path, words: str, calls: SystemCalls, *, ours: bool = True) -> Secret | None:
    """The key in a file: 64 hex digits and a newline; None when there is no file.

    Who may read one that is not ours is systemd's affair, which keeps it by means that a mode
    does not show.
    """
    try:
        fd = calls.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(f"{words} cannot be read: {error.strerror}") from error
    try:
        status = calls.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()):
            raise StartError(f"{words} is no file of yours{'; see --key-file' if ours else ''}")
        if ours and status.st_mode & 0o077:
            raise StartError(f"{words} is open to others; run: chmod 600 {path}")
        text = calls.read(fd, 2 * KEY_BYTES + 2)
    finally:
        calls.close(fd)
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartError(f"{words} does not hold {2 * KEY_BYTES} hex digits")
    return Secret(key)
