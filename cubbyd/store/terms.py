"""The key terms of a store: one is added, the files move over to it, and the old ones go.

A file hangs on the term that its header names. Whatever is written is sealed under the newest term;
``reseal`` moves what nobody writes. That needs no token, for only the metadata is sealed under root
keys, and it changes nothing else: what is sealed anew is what was opened, byte for byte, and the
cubbyhole is copied as it is.

A key that is gone brings no file back, so a term goes on proof alone:

- A new term is durable before anything is sealed under it, so no file names one that the keyring
  lacks.
- A change may be on its way to the disk that was sealed before the new term came. ``names`` waits
  for all of those; whatever reaches the disk after that hangs on the new term, or on a newer one.
- Then each file that is there is opened, with no change of it in flight: so what is seen is
  durable. One that is gone, or was replaced meanwhile, is covered by the rule above.
- A file that cannot be read may hang on any term, whatever its header says. So all stay.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from cubbyd.clock import Timestamp
from cubbyd.core.key_status import KeyStatus
from cubbyd.core.token import Accessor, is_accessor
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import KeySource, Opener
from cubbyd.errors import RefusedError
from cubbyd.secret import Secret
from cubbyd.store import keyring, policy_record, record
from cubbyd.store.batch import FileChange, refused
from cubbyd.store.commit import Commit, InFlightError
from cubbyd.store.files import Files, quarantines
from cubbyd.store.policies import LOCK as POLICIES
from cubbyd.store.sealed_file import Random, Section, reseal, term_of


class Terms:
    """The root keys as they are now, and how they become others."""

    def __init__(
        self,
        files: Files,
        keys: RootKeys,
        *,
        commit: Commit,
        random: Random,
        on_moved: Callable[[str, int], None],
    ) -> None:
        """``on_moved`` is told of each file that hangs on another term now."""
        self._files = files
        self._commit = commit
        self._random = random
        self._on_moved = on_moved
        self._on_added: Callable[[], None] = lambda: None
        self.keys = keys
        self.encryptions = 0
        """How many files were sealed under the newest term, for ``KeyStatus``."""

    @property
    def has_old(self) -> bool:
        """Whether there is any term but the newest."""
        return len(self.keys.terms) > 1

    @property
    def source(self) -> KeySource:
        """Where that lies which opens the keyring."""
        opener = self.keys.opener
        return KeySource.KEY_FILE if opener is None else opener.source

    def status(self, files: Counter[int]) -> KeyStatus:
        """What is told of the terms, with so many files on each."""
        newest = self.keys.term
        return KeyStatus(
            term=newest,
            installed_at=self.keys.installed_at.get(newest),
            encryptions=self.encryptions,
            files={term: files[term] for term in sorted(self.keys.terms)},
        )

    # Adding one

    def adding(self, key: Secret, *, now: Timestamp) -> FileChange:
        """The change that adds a term; nothing is sealed under it before ``add``."""
        self._commit.check_settled(keyring.KEYRING_NAME)
        return keyring.rewriting(self.keys.with_term(key, now=now), self._random)

    def add(self, key: Secret, *, now: Timestamp) -> None:
        """Take note of a term that is durable now. In between nobody else has changed the keys."""
        self.keys = self.keys.with_term(key, now=now)
        self.encryptions = 0
        self._on_added()

    def call_when_added(self, look: Callable[[], None]) -> None:
        """Have this called, in place of what was, when there is a new term."""
        self._on_added = look

    # Opening the keyring with something else

    async def reopen_with(self, opener: Opener) -> None:
        """Have the keyring opened by something else from now on; nothing but that changes.

        Raises:
            RefusedError: The disk would not; all is as it was.
            StoreError: Nobody knows what is on disk.
        """
        await self._rewrite(lambda: replace(self.keys, opener=opener))

    # Moving files over

    async def names(self) -> list[str]:
        """The files that may hang on an older term than is the newest when this is called.

        Raises:
            RefusedError: The directory cannot be listed.
        """
        await self._commit.settle()
        names = self._listed()
        # Policies together, for while one is in flight all requests wait.
        policies = [name for name in names if policy_record.is_file_name(name)]
        return [*policies, *filter(is_accessor, names)]

    async def reseal(self, names: Sequence[str]) -> int:
        """Move these files to the newest term, those of them that are still there.

        Files that cannot be read are left as they are.

        Returns:
            How many cannot be read.

        Raises:
            RefusedError: The disk would not; some may have been moved.
            StoreError: Nobody knows what is on disk.
        """
        while True:
            try:
                term = self.keys.term
                changes, unreadable = self._resealed(names)
                if changes:
                    await self._commit.carry_out([changes], partial(self._note, changes, term))
            except InFlightError as change:
                await change.settled()
            else:
                return unreadable

    def _resealed(self, names: Sequence[str]) -> tuple[list[FileChange], int]:
        changes: list[FileChange] = []
        unreadable = 0
        for name in names:
            is_token = is_accessor(name)
            self._commit.check_settled(name if is_token else POLICIES)
            try:
                change = self._resealed_token(name) if is_token else self._resealed_policy(name)
            except (RefusedError, OSError):
                unreadable += 1
            else:
                changes += [] if change is None else [change]
        return changes, unreadable

    def _resealed_token(self, name: str) -> FileChange | None:
        file = self._files.read(name)
        if file is None or record.decode(file, Accessor(name), self.keys).term == self.keys.term:
            return None
        keys, random = self.keys, self._random
        return FileChange(name, reseal(file, Section.METADATA, name, keys=keys, random=random))

    def _resealed_policy(self, name: str) -> FileChange | None:
        file = self._files.read(name)
        if file is None:
            return None
        policy_record.decode(file, name, self.keys)
        if term_of(file) == self.keys.term:
            return None
        digits, keys, random = policy_record.digits(name), self.keys, self._random
        data = reseal(file, Section.POLICY, digits, keys=keys, random=random)
        return FileChange(name, data, POLICIES)

    def _note(self, changes: Sequence[FileChange], term: int, _phase: int) -> None:
        self.encryptions += len(changes) if term == self.keys.term else 0
        for change in changes:
            self._on_moved(change.name, term)

    # Letting old ones go

    def hidden(self) -> list[str]:
        """The quarantines in the store: their files may need any term when they are put back.

        Raises:
            RefusedError: The directory cannot be listed.
        """
        return quarantines(self._listed())

    async def retire(self, *, before: int) -> None:
        """Take the older terms out of the keyring; no file hangs on them.

        Raises:
            RefusedError: The disk would not, and they stay.
            StoreError: Nobody knows what is on disk.
        """
        await self._rewrite(lambda: self.keys.since(before))

    async def _rewrite(self, changed: Callable[[], RootKeys]) -> None:
        """Put other keys in the place of those that hold when nobody else is changing them."""
        while True:
            try:
                keys = changed()
                change = keyring.rewriting(keys, self._random)
                await self._commit.carry_out([[change]], partial(self._replace, keys))
            except InFlightError as change:
                await change.settled()
            else:
                return

    def _listed(self) -> list[str]:
        try:
            return self._files.names()
        except OSError as error:
            raise refused(error) from None

    def _replace(self, keys: RootKeys, _phase: int) -> None:
        self.keys = keys
