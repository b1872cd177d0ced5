"""The store: records by accessor, changes that are durable when ``commit`` returns.

Reading and deciding happen on the event loop without a pause in between, so what a request decides
on cannot change under it. ``commit`` puts the names of what changes in flight before its first
pause, and whoever meets such a name waits until it has settled (``commit.InFlightError``). That is
the whole of locking: exclusive for the files that a request changes, free for all others.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, assert_never

from cubbyd.clock import Timestamp
from cubbyd.core.key_status import KeyStatus
from cubbyd.core.outcome import Change, Put, PutPolicy, Remove, RemovePolicy, Rotate, Tidy
from cubbyd.core.policy import Policy
from cubbyd.core.token import Accessor, TokenEntry, TokenType, is_accessor
from cubbyd.core.token_text import RANDOM_BYTES, Prefix, token_text
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.opener import KEY_BYTES
from cubbyd.errors import BusyError, IntegrityError, RefusedError
from cubbyd.secret import Secret
from cubbyd.store import policy_record, record
from cubbyd.store.batch import FileChange, Job, refused
from cubbyd.store.cache import RecordCache
from cubbyd.store.commit import Commit
from cubbyd.store.files import Files, quarantines, sweep
from cubbyd.store.index import Index
from cubbyd.store.policies import LOCK as POLICIES
from cubbyd.store.policies import Policies
from cubbyd.store.record import Encodings, Record, Shared
from cubbyd.store.sealed_file import Random
from cubbyd.store.terms import Terms

INDEX_BATCH: Final = 8
"""Files opened in one go after a start: less than a millisecond, so that requests get through."""

_log = logging.getLogger(__name__)


class Store:
    """A directory of sealed files, one a token."""

    def __init__(self, files: Files, keys: RootKeys, *, commit: Commit, random: Random) -> None:
        self._files = files
        self._commit = commit
        self._random = random
        self._cache = RecordCache()
        self._shared = Shared()
        self._encodings = Encodings()
        self._index = Index()
        self.terms = Terms(files, keys, commit=commit, random=random, on_moved=self._note_moved)
        """The keys, and what moves files from one to another."""
        self._policies = Policies(files, lambda: self.terms.keys)
        self._on_sooner: Callable[[], None] = lambda: None
        self._on_tidy: Callable[[], None] = lambda: None
        self.is_tidying = False
        """Whether every file is being looked at."""
        self.is_sealed = False
        """Whether the keys are gone, and with them all reason to decide or remember anything."""

    # Reading

    def accessor(self, token: Secret) -> Accessor:
        """The name of a token's file, whether or not it is there."""
        return Accessor(self.terms.keys.accessor(token))

    def record(self, accessor: Accessor) -> Record | None:
        """A token's record, or None when it is proven that there is none.

        Raises:
            InFlightError: It is being changed; wait and look again.
            IntegrityError: There is something, and it cannot be read.
            BusyError: The system is short of a resource.
        """
        self._commit.check_settled(accessor)
        return self._known(accessor)

    def tokens_of(self, uid: int) -> int:
        """How many live tokens this uid had made, as far as the index has come.

        Those on their way to the disk count, so that many at once do not exceed a quota.
        """
        return self._index.tokens_of(uid)

    def living(self, now: Timestamp) -> list[Accessor]:
        """The accessors of living tokens, in no order, as far as the index has come."""
        return self._index.living(now)

    def mint(self, prefix: Prefix) -> tuple[Secret, Accessor]:
        """A fresh token and its accessor; nothing is stored."""
        token = token_text(prefix, self._random(RANDOM_BYTES))
        return token, self.accessor(token)

    def random(self, size: int) -> bytes:
        """So many bytes that nobody can guess."""
        return self._random(size)

    def new_key(self) -> Secret:
        """A fresh key, kept where all keys are. Raises BusyError where there is no room."""
        return self.terms.keys.keep(self._random(KEY_BYTES))

    def policy(self, name: str) -> Policy | None:
        """A policy that somebody wrote, or None.

        Raises:
            InFlightError: A policy is being changed.
            IntegrityError: It is there, and cannot be read.
        """
        self._commit.check_settled(POLICIES)
        return self._policies.get(name)

    def policy_names(self) -> list[str]:
        """The policies that somebody wrote, sorted."""
        self._commit.check_settled(POLICIES)
        return self._policies.names()

    @property
    def policies_version(self) -> int:
        """Another number after each change of a policy. Raises InFlightError during one."""
        self._commit.check_settled(POLICIES)
        return self._policies.version

    @property
    def key_source(self) -> str:
        """Where that lies which opens the keyring: one of ``crypto.opener.KeySource``."""
        return self.terms.source.value

    def key_status(self) -> KeyStatus:
        """What is told of the keys, as far as the index has come."""
        return self.terms.status(self._index.by_term + self._policies.by_term())

    # Changing

    async def commit(self, phases: Sequence[Sequence[Change]]) -> None:
        """Carry changes out, phase after phase; they are durable when this returns.

        Everything is sealed before anything is written, and nothing is awaited before the names
        are in flight: what was decided on holds.

        Raises:
            InFlightError: Somebody else is changing one of the records; nothing was done.
            RefusedError: The disk would not.
            StoreError: Nobody knows what is on disk.
        """
        written: dict[Accessor, Record] = {}
        term = self.terms.keys.term
        jobs: list[Job] = [
            [self._sealed(change, written) for change in phase if not isinstance(change, Tidy)]
            for phase in phases
        ]
        newcomers = [record.entry for name, record in written.items() if name not in self._index]
        self._index.expect(newcomers)
        try:
            await self._commit.carry_out(jobs, lambda n: self._note(phases[n], written, term))
        except RefusedError:
            # The disk may have stopped between two files of one phase.
            for change in (each for phase in phases if len(phase) > 1 for each in phase):
                if isinstance(change, Put | Remove):
                    self._look_again(change.accessor)
            raise
        finally:
            if self._index.stop_expecting(newcomers):
                self._on_sooner()

    def _sealed(
        self,
        change: Put | Remove | PutPolicy | RemovePolicy | Rotate,
        written: dict[Accessor, Record],
    ) -> FileChange:
        match change:
            case Put():
                self.terms.encryptions += 1
                written[change.accessor] = new = self._next_version(change)
                file = record.encode(new, self.terms.keys, self._random, self._encodings)
                return FileChange(change.accessor, file)
            case Remove():
                return FileChange(change.accessor, None)
            case PutPolicy():
                self.terms.encryptions += 1
                file = policy_record.encode(change.policy, self.terms.keys, self._random)
                name = policy_record.file_name(change.policy.name, self.terms.keys)
                return FileChange(name, file, POLICIES)
            case RemovePolicy():
                name = policy_record.file_name(change.name, self.terms.keys)
                return FileChange(name, None, POLICIES)
            case Rotate():
                return self.terms.adding(change.key, now=change.at)
            case _:
                assert_never(change)

    def _next_version(self, change: Put) -> Record:
        entry = change.entry
        if entry.type is TokenType.STUB:
            return Record(entry=entry)  # whatever the token had goes with it
        if change.cubbyhole is not None:
            token, contents = change.cubbyhole.token, change.cubbyhole.contents
            return record.with_contents(entry, token, contents, self._random)
        old = None if change.is_new else self._known(entry.accessor)
        if old is None:
            return Record(entry=entry)
        return Record(entry=entry, file_key=old.file_key, sealed=old.sealed)

    def _note(
        self, changes: Sequence[Change], written: Mapping[Accessor, Record], term: int
    ) -> None:
        """Bring what is in memory up to date with what has just become durable, under a key term.

        Until here the cache has what was there before, and nobody looks: the names are in flight.
        """
        if self.is_sealed:
            return  # nobody looks any more, and there is no key to find a file's name with
        sooner = False
        for change in changes:
            match change:
                case Put():
                    self._keep(written[change.accessor])
                    sooner |= self._note_put(change.entry, term)
                case Remove():
                    self._cache.drop(change.accessor)
                    self._encodings.drop(change.accessor)
                    sooner |= self._index.remove(change.accessor)
                case PutPolicy():
                    self._policies.put(change.policy, term)
                case RemovePolicy():
                    self._policies.remove(change.name)
                case Tidy():
                    self._on_tidy()
                case Rotate():
                    self.terms.add(change.key, now=change.at)
                case _:
                    assert_never(change)
        if sooner:
            self._on_sooner()

    def _look_again(self, accessor: Accessor) -> None:
        """Bring the index up to date with a file of which nobody knows what has become."""
        try:
            found = self._read(accessor, self._cache.fill)
        except RefusedError:
            return  # whatever the index says of it, it is not read to be alive
        if found is None:
            self._index.remove(accessor)
        else:
            self._index.put(found.entry, found.term)
        self._on_sooner()

    def _note_moved(self, name: str, term: int) -> None:
        if is_accessor(name):
            self._index.move(Accessor(name), term)
        else:
            self._policies.move(name, term)

    def _note_put(self, entry: TokenEntry, term: int) -> bool:
        sooner = self._index.put(entry, term)
        if entry.parent is not None and self._is_absent(entry.parent):
            # The parent was revoked while its child was on its way to the disk.
            self._index.lose(entry.accessor)
            return True
        return sooner

    # Reaping

    def check_settled(self, accessor: Accessor) -> None:
        """Raise InFlightError where a token's file is being changed."""
        self._commit.check_settled(accessor)

    def due(self, now: Timestamp, *, at_most: int) -> list[Accessor]:
        """Tokens whose files are to be destroyed: expired, or proven to have lost their parent."""
        return self._index.due(now, at_most=at_most)

    def next_deadline(self) -> Timestamp | None:
        """When something is due next, as known now; None when nothing ever is."""
        return self._index.next_deadline()

    def call_when_sooner(self, wake: Callable[[], None]) -> None:
        """Have this called, in place of what was, when the next deadline comes nearer."""
        self._on_sooner = wake

    def call_when_tidied(self, look: Callable[[], None]) -> None:
        """Have this called, in place of what was, when somebody wants every file looked at."""
        self._on_tidy = look

    # Starting

    def prepare(self) -> None:
        """Take away what a crash left half-written, and read the policies: before any request.

        Raises:
            OSError: The disk will not.
        """
        names = self._files.names()
        sweep(self._files, names)
        self._policies.load(names)

    def indexing(self) -> Iterator[None]:
        """Open every file's metadata, and pause after each few, so that requests get through.

        Files that do not open are reported, and left where they are.

        Raises:
            RefusedError: The directory cannot be listed, or the system is short of a resource;
                what was read so far is kept.
        """
        self.is_tidying = True
        damaged = 0
        try:
            names = self._files.names()
        except OSError as error:
            raise refused(error) from None
        for number, name in enumerate(names):
            if is_accessor(name):
                damaged += not self._index_one(Accessor(name))
            if number % INDEX_BATCH == 0:
                yield
        yield from self._index_orphans()
        # A file that does not open, or lies aside, may be the child that a stub is kept for.
        if not damaged and not quarantines(names):
            self._index.finish()
        self.is_tidying = False
        self._on_sooner()
        if damaged:
            _log.error("%d token file(s) do not open; each was named above, none changed", damaged)

    def _index_one(self, accessor: Accessor) -> bool:
        if accessor in self._index:
            return True  # written since the start
        try:
            found = self._read(accessor, self._cache.fill)
        except BusyError:
            raise
        except RefusedError as error:
            _log.error("%s", error)
            return False
        if found is not None and self._index.put(found.entry, found.term):
            self._on_sooner()
        return True

    def _index_orphans(self) -> Iterator[None]:
        """Mark the children of parents whose files are not there."""
        for number, parent in enumerate(self._index.parents()):
            if self._is_absent(parent):
                self._index.lose_children(parent)
            if number % INDEX_BATCH == 0:
                yield

    def _is_absent(self, accessor: Accessor) -> bool:
        """Whether it is proven that there is no such file: one that cannot be read is there."""
        if accessor in self._index:
            return False
        with suppress(OSError):
            return self._files.version(accessor) is None
        return False

    def _known(self, accessor: Accessor) -> Record | None:
        """A record from memory, if its file is still the same, or else from disk."""
        try:
            known = self._cache.get(accessor, self._files.version)
        except OSError as error:
            raise refused(error) from None
        return self._read(accessor, self._cache.put) if known is None else known

    def _keep(self, written: Record) -> None:
        """Remember what was just written, so that the next request need not read it."""
        with suppress(OSError):  # it is only a convenience
            version = self._files.version(written.entry.accessor)
            if version is not None:
                self._cache.put(written, version)

    def _read(self, accessor: Accessor, keep: Callable[[Record, object], None]) -> Record | None:
        """A record from disk, handed on with its file's version."""
        try:
            read = self._files.read_with_version(accessor)
            if read is None:
                return None
            file, version = read
            found = record.decode(file, accessor, self.terms.keys, self._shared)
        except OSError as error:
            problem = refused(error)
        except IntegrityError as error:
            problem = type(error)(f"token file {accessor}: {error}")
        else:
            keep(found, version)
            return found
        raise problem
