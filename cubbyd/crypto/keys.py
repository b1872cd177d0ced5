"""The keys of a store, and what is derived from them and a token.

- The accessor key, drawn once and for ever, makes file names of tokens: without it nobody can tell
  which file a token belongs to, nor try tokens against the names.
- A root key, by term, seals every file's metadata; the newest term seals.
- A file key, drawn anew whenever a cubbyhole is written, lies in the metadata. Together with the
  token, which the daemon does not keep, it makes the key of the cubbyhole: disk and root keys
  without the token open no cubbyhole, and old metadata does not open new contents.

Keyed BLAKE2b is a pseudo-random function (RFC 7693, section 2.9), so no further derivation step
stands between a key and its use; each key has one use.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final, Self

from cubbyd.clock import Timestamp
from cubbyd.crypto.opener import KEY_BYTES, Opener
from cubbyd.secret import Secret

ACCESSOR_BYTES: Final = 16
"""128 bits: names do not collide, and are too many to be guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeys:
    """What opens a store's metadata and finds its files."""

    accessor_key: Secret
    terms: Mapping[int, Secret]
    installed_at: Mapping[int, Timestamp] = field(default_factory=dict)
    """When a term was added; those of which it is not known are not in it."""
    opener: Opener | None = field(default=None, compare=False)
    """What opens the keyring, to write it anew with; no part of what is in it. None where nobody
    ever will."""

    keep: Callable[[bytes], Secret] = field(default=Secret, compare=False)
    """Where these keys are kept, and further ones shall be."""

    @property
    def term(self) -> int:
        """The term under which new metadata is sealed."""
        return max(self.terms)

    def with_term(self, key: Secret, *, now: Timestamp) -> Self:
        """These keys and one more, under which new metadata is sealed; no number comes twice."""
        term = self.term + 1
        terms, installed_at = {**self.terms, term: key}, {**self.installed_at, term: now}
        return replace(self, terms=terms, installed_at=installed_at)

    def since(self, first: int) -> Self:
        """These keys without the terms before this one."""
        return replace(
            self,
            terms={term: key for term, key in self.terms.items() if term >= first},
            installed_at={term: at for term, at in self.installed_at.items() if term >= first},
        )

    def accessor(self, token: Secret) -> str:
        """The accessor of a token: 32 hex digits."""
        key = self.accessor_key.reveal()
        return blake2b(token.reveal(), key=key, digest_size=ACCESSOR_BYTES).hexdigest()


def cubbyhole_key(file_key: Secret, token: Secret) -> Secret:
    """The key of one version of one token's cubbyhole."""
    key = blake2b(token.reveal(), key=file_key.reveal(), digest_size=KEY_BYTES).digest()
    return Secret(key)
