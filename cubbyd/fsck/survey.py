"""What is in a store, and what of it the daemon cannot use, and why."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from cubbyd.clock import Timestamp
from cubbyd.core.token import Accessor, TokenEntry, TokenType, is_accessor
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.sealing import is_sealed_size
from cubbyd.errors import BusyError, IntegrityError, SealBrokenError, UnknownFormatError
from cubbyd.store import policy_record, record
from cubbyd.store.batch import refused
from cubbyd.store.files import LOCK_NAME, QUARANTINE_PREFIX, STAGED_PREFIX, Files
from cubbyd.store.keyring import KEYRING_NAME
from cubbyd.store.sealed_file import section_bytes, with_our_header

MAX_TRIES: Final = 1_000_000
"""Seals tried to find out whose the files are that do not open under their names: for ten of them
among 100,000, which takes half a minute; a try took 18 to 28 microseconds."""
BYTES_A_TRY: Final = 16 * 1024
"""For each so many sealed bytes a try counts once more: authenticating them takes as long again."""

_CUT: Final = "its cubbyhole has been cut, or something was added; the token itself still works"


class Kind(Enum):
    """What a name in the store stands for."""

    SERVICE = "service"
    """A token that may be used any number of times."""
    LIMITED = "limited"
    """One whose uses are counted."""
    WRAPPING = "wrapping"
    STUB = "stub"
    TOKEN = "token"  # noqa: S105 - a word
    """A token's file that does not say which kind it is of."""
    POLICY = "policy"
    STAGED = "staged"
    QUARANTINE = "quarantine"
    FOREIGN = "foreign"


class Reason(Enum):
    """Why a file is of no use as it is; a script may go by these words."""

    NOT_OURS = "not_ours"
    """Something else than a regular file, or another's, or open to others, or far too long."""
    UNREADABLE = "unreadable"
    """The disk will not."""
    UNKNOWN_FORMAT = "unknown_format"
    """Of another format version, or of a key term that this keyring lacks."""
    MISPLACED = "misplaced"
    """It opens, but under another name."""
    DAMAGED = "damaged"
    """Changed, cut, or never ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A name in the store that the daemon cannot use."""

    name: str
    kind: Kind
    reason: Reason
    problem: str

    @property
    def is_movable(self) -> bool:
        """Whether nobody gains rights, and nobody else can open it, if it is moved aside."""
        return self.kind is not Kind.POLICY and self.reason is not Reason.UNKNOWN_FORMAT


class Token(NamedTuple):
    """What matters of a token's file that opens."""

    kind: Kind
    parent: Accessor | None
    expires_at: Timestamp | None
    policies: tuple[str, ...]


@dataclass(slots=True)
class Survey:
    """What was found."""

    tokens: dict[Accessor, Token] = field(default_factory=dict)
    """Those whose metadata opens; one with a damaged cubbyhole is among the damaged as well."""
    policies: list[str] = field(default_factory=list)
    """The names of those that open."""
    damaged: dict[str, Damage] = field(default_factory=dict)
    others: dict[Kind, list[str]] = field(default_factory=dict)
    """Staged leftovers, quarantines, and names that mean nothing to the daemon."""


def survey(files: Files, keys: RootKeys) -> Survey:
    """Look at every name in a store.

    Raises:
        OSError: The directory cannot be listed, or we are short of a resource.
    """
    found = Survey()
    for name in sorted(files.names()):
        kind = _kind(name)
        if kind in (Kind.TOKEN, Kind.POLICY, Kind.STAGED):
            problem = _look(files, name, keys, found)
            if problem is not None:
                found.damaged[name] = Damage(
                    name=name, kind=kind, reason=_reason(problem), problem=_words(problem, name)
                )
        if kind in (Kind.STAGED, Kind.QUARANTINE, Kind.FOREIGN) and name not in found.damaged:
            found.others.setdefault(kind, []).append(name)
    _find_misplaced(files, keys, found)
    return found


def _kind(name: str) -> Kind | None:
    """What a name says by itself; None for what every store has."""
    if is_accessor(name):
        return Kind.TOKEN
    if policy_record.is_file_name(name):
        return Kind.POLICY
    if name in (KEYRING_NAME, LOCK_NAME):
        return None
    if name.startswith(STAGED_PREFIX):
        return Kind.STAGED
    return Kind.QUARANTINE if name.startswith(QUARANTINE_PREFIX) else Kind.FOREIGN


def _look(
    files: Files, name: str, keys: RootKeys, found: Survey
) -> IntegrityError | OSError | None:
    """Take note of a file, or tell what is wrong with it."""
    try:
        file = files.read(name) or b""
        try:
            _open(file, name, keys, found)
        except UnknownFormatError:
            if not _opens_with_our_header(file, name, keys):
                raise
            raise SealBrokenError("its header was changed") from None
    except OSError as error:
        if isinstance(refused(error), BusyError):
            raise  # it says nothing of the file
        return error
    except IntegrityError as error:
        return error
    return None


def _open(file: bytes, name: str, keys: RootKeys, found: Survey) -> None:
    """Take note of a file. Raises IntegrityError."""
    if name.startswith(STAGED_PREFIX):
        return  # the daemon will remove it, whatever is in it
    if not is_accessor(name):
        found.policies.append(policy_record.decode(file, name, keys).name)
        return
    accessor = Accessor(name)
    opened = record.decode(file, accessor, keys)
    entry = opened.entry
    found.tokens[accessor] = Token(
        kind_of(entry), entry.parent, entry.expires_at, tuple(entry.policies)
    )
    if opened.file_key is not None and not is_sealed_size(len(opened.sealed)):
        raise SealBrokenError(_CUT)


def kind_of(entry: TokenEntry) -> Kind:
    """What kind of token this is; a stub stays one, whatever its token was."""
    if entry.type is TokenType.STUB:
        return Kind.STUB
    if entry.is_wrapping:
        return Kind.WRAPPING
    return Kind.LIMITED if entry.is_limited else Kind.SERVICE


def _opens_with_our_header(file: bytes, name: str, keys: RootKeys) -> bool:
    return any(_opens(with_our_header(file, term), name, keys) for term in keys.terms)


def _opens(file: bytes, name: str, keys: RootKeys) -> bool:
    try:
        _open(file, name, keys, Survey())
    except IntegrityError:
        return False
    return True


def _reason(problem: IntegrityError | OSError) -> Reason:
    match problem:
        case OSError():
            return Reason.UNREADABLE
        case UnknownFormatError():
            return Reason.UNKNOWN_FORMAT
        case SealBrokenError():
            return Reason.DAMAGED
        case _:
            return Reason.NOT_OURS


def _words(problem: IntegrityError | OSError, name: str) -> str:
    if isinstance(problem, OSError):
        return problem.strerror or "it cannot be read"
    return str(problem).removeprefix(f"{name} in the store ")


def _find_misplaced(files: Files, keys: RootKeys, found: Survey) -> None:
    """Find out which of those that do not open are another file's, copied or renamed."""
    known: dict[Kind, list[str]] = {Kind.TOKEN: [*found.tokens], Kind.POLICY: []}
    known[Kind.POLICY] += (policy_record.file_name(policy, keys) for policy in found.policies)
    for name, damage in found.damaged.items():
        known.get(damage.kind, []).append(name)
    left = MAX_TRIES
    for name, damage in found.damaged.items():
        if damage.reason is not Reason.DAMAGED:
            continue
        file = files.read(name) or b""
        size = section_bytes(file)
        if size is None:
            continue
        cost = 1 + size // BYTES_A_TRY
        candidates = known[damage.kind][: left // cost]
        left -= cost * len(candidates)
        owner = next((each for each in candidates if _opens(file, each, keys)), None)
        if owner is not None:
            found.damaged[name] = Damage(
                name=name,
                kind=damage.kind,
                reason=Reason.MISPLACED,
                problem=f"is the file {owner}, copied or renamed",
            )
