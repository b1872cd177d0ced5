"""All policies, in memory: they are few, every request asks for them, and none is a secret."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from cubbyd.core.policy import Policy
from cubbyd.crypto.keys import RootKeys
from cubbyd.errors import IntegrityError, RefusedError
from cubbyd.store import policy_record
from cubbyd.store.batch import refused
from cubbyd.store.files import Files
from cubbyd.store.sealed_file import term_of

LOCK: Final = "policies"
"""The name under which all policies' files are in flight together: a change acts on all requests
that come after it, so none may be decided while it is on its way."""

_log = logging.getLogger(__name__)


class Policies:
    """What the store's policy files say."""

    def __init__(self, files: Files, keys: Callable[[], RootKeys]) -> None:
        """``keys`` are those that hold when it is called."""
        self._files = files
        self._keys = keys
        self._by_name: dict[str, Policy] = {}
        self._terms: dict[str, int] = {}
        self._damaged: set[str] = set()
        """Files that did not open when they were last looked at."""
        self.version = 0
        """Another number after each change."""

    def load(self, names: Iterable[str]) -> None:
        """Read those that are among the store's names, before the first request.

        One that does not open is reported and left where it is; whoever depends on it is refused.
        """
        for name in names:
            if not policy_record.is_file_name(name):
                continue
            try:
                self._read(name)
            except RefusedError as error:
                _log.error("policy file %s: %s", name, error)
                self._damaged.add(name)

    def get(self, name: str) -> Policy | None:
        """A policy that somebody wrote, or None.

        One that did not open is looked at again: a descriptor may have been missing, or somebody
        may have put its file right since.

        Raises:
            IntegrityError: It is there and does not open. The other policies are not concerned.
        """
        if self._damaged and name not in self._by_name:
            file_name = policy_record.file_name(name, self._keys())
            if file_name in self._damaged:
                self._read_again(name, file_name)
        return self._by_name.get(name)

    def names(self) -> list[str]:
        """Those that somebody wrote, sorted."""
        return sorted(self._by_name)

    def by_term(self) -> Counter[int]:
        """How many files hang on each key term; those that do not open do not count."""
        return Counter(self._terms.values())

    def move(self, file_name: str, term: int) -> None:
        """Take note that a policy's file, and nothing in it, is durable under another term now."""
        self._terms[file_name] = term

    def put(self, policy: Policy, term: int) -> None:
        """Take note of a policy that is durable now, sealed under this term."""
        self._by_name[policy.name] = policy
        self._terms[policy_record.file_name(policy.name, self._keys())] = term
        self.version += 1

    def remove(self, name: str) -> None:
        """Take note of a policy that is durably gone."""
        file_name = policy_record.file_name(name, self._keys())
        self._by_name.pop(name, None)
        self._terms.pop(file_name, None)
        self._damaged.discard(file_name)
        self.version += 1

    def _read(self, file_name: str) -> None:
        """Read a policy's file, which is there. Raises RefusedError."""
        try:
            file = self._files.read(file_name) or b""
        except OSError as error:
            raise refused(error) from None
        policy = policy_record.decode(file, file_name, self._keys())
        self._by_name[policy.name] = policy
        self._terms[file_name] = term_of(file)

    def _read_again(self, name: str, file_name: str) -> None:
        try:
            self._read(file_name)
        except RefusedError as error:
            problem = f'policy "{name}": {error}'
        else:
            self._damaged.discard(file_name)
            self.version += 1
            return
        raise IntegrityError(problem)
