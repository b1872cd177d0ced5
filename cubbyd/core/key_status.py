"""What is told of a store's key terms; nothing of the keys themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

from cubbyd.clock import Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """The terms that a keyring has, and what hangs on them."""

    term: int
    """The newest, under which everything is sealed that is written."""
    installed_at: Timestamp | None
    """When it was added; None where nobody noted it."""
    encryptions: int
    """How many files were sealed under it since it was added, or since the start."""
    files: Mapping[int, int]
    """By term, how many files hang on it, as far as they have been looked at since the start."""
