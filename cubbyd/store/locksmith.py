"""Tries passphrases, and makes what opens the keyring: one at a time, and not on the event loop.

A try costs most of a second and hundreds of mebibytes, so there is never more than one; and after
each wrong passphrase the next try has to wait, twice as long each time.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from math import ceil, inf
from typing import Final, Protocol, TypeVar

import trio

from cubbyd.core.outcome import Rekey
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import SALT_BYTES, Argon2id, KeySource, Opener
from cubbyd.errors import BusyError, InvalidRequestError, StartError, WrongPassphraseError
from cubbyd.secret import Secret
from cubbyd.store import keyring
from cubbyd.store.batch import refused
from cubbyd.store.files import Files
from cubbyd.store.key_places import CREDENTIAL, KeyPlaces
from cubbyd.store.keyring import Hold
from cubbyd.store.sealed_file import Random

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
"""Seconds from a wrong passphrase until another is tried: so a guesser has some 1,400 a day."""

T = TypeVar("T")


class RunBlocking(Protocol):
    """How what takes long is run: on a thread, or in a test on the loop itself."""

    def __call__(self, sync_fn: Callable[[], T], /) -> Awaitable[T]:
        """Run it to its end, also when the caller is cancelled."""
        ...


async def in_thread(work: Callable[[], T], /) -> T:
    """Run it on a thread of trio's; once begun, to its end."""
    return await trio.to_thread.run_sync(work)


class Locksmith:
    """Knows where keys lie, and has one pair of hands."""

    def __init__(
        self,
        places: KeyPlaces,
        random: Random,
        *,
        run_blocking: RunBlocking = in_thread,
        clock: Callable[[], float] = time.monotonic,
        new_argon2id: Callable[[bytes], Argon2id] = Argon2id,
    ) -> None:
        """``new_argon2id`` says of a salt what a new passphrase costs."""
        self._places = places
        self._random = random
        self._run_blocking = run_blocking
        self._clock = clock
        self._new_argon2id = new_argon2id
        self._is_busy = False
        self._next_wait = FIRST_WAIT
        self._not_before = -inf

    async def unlock(self, files: Files, passphrase: Secret, hold: Hold = Secret) -> RootKeys:
        """The keys in a store's keyring, kept by ``hold``.

        Raises:
            WrongPassphraseError: It does not open them.
            BusyError: Another is being tried, or a wrong one was just now.
            RefusedError: The keyring cannot be read, or opens with something else.
        """
        return await self._in_turn(partial(keyring.unlock, files, passphrase, hold=hold))

    async def opener(self, change: Rekey, now: Opener) -> Opener:
        """What is to open the keyring from now on; where it lies, it is durable.

        Args:
            change: What is wanted.
            now: What opens it now.

        Raises:
            WrongPassphraseError: The current one is another.
            BusyError: Another is being tried, or a wrong one was just now.
            RefusedError: It cannot be had, or written.
        """
        return await self._in_turn(partial(self._make, change, now))

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._is_busy:
            raise BusyError("a passphrase is being tried just now; try again")
        wait = self._not_before - self._clock()
        if wait > 0:
            raise BusyError(f"the last passphrase was wrong; try again in {ceil(wait)} s")
        self._is_busy = True
        try:
            done = await self._run_blocking(work)
        except WrongPassphraseError:
            self._not_before = self._clock() + self._next_wait
            self._next_wait = min(2 * self._next_wait, LONGEST_WAIT)
            raise
        finally:
            self._is_busy = False
        self._next_wait = FIRST_WAIT
        return done

    def _make(self, change: Rekey, now: Opener) -> Opener:
        if now.argon2id is not None:
            if change.current is None:
                raise InvalidRequestError("the current passphrase is needed")
            if now.argon2id.derive(change.current) != now.key:
                raise WrongPassphraseError
        source = KeySource(change.source)
        if change.passphrase is not None:
            argon2id = self._new_argon2id(self._random(SALT_BYTES))
            key = argon2id.derive(change.passphrase)
            return Opener(key=key, source=source, argon2id=argon2id)
        return Opener(key=self._kept(source), source=source)

    def _kept(self, source: KeySource) -> Secret:
        """The key in a key file, which is made where there is none, or in a credential."""
        try:
            if source is KeySource.KEY_FILE:
                return self._places.durable_key_file(self._random)
            key = self._places.read(source)
        except StartError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and not isinstance(cause, PermissionError):
                raise refused(cause) from None  # it may pass
            problem = str(error)
        except PermissionError as error:
            problem = f"the key file {self._places.key_file} cannot be made: {error.strerror}"
        except OSError as error:
            raise refused(error) from None
        else:
            if key is not None:
                return key
            problem = (
                f"there is no systemd credential {CREDENTIAL}; the unit needs "
                f"LoadCredentialEncrypted={CREDENTIAL}:PATH, and a restart"
            )
        raise InvalidRequestError(problem)
