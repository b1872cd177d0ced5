"""Stores of any size, made in seconds: files as cubbyd's own store writes them, but not synced."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import time

from daemon_process import Place

from cubbyd import codec
from cubbyd.core.token import Accessor, Creator, TokenEntry
from cubbyd.core.token_text import Prefix, token_text
from cubbyd.secret import Secret
from cubbyd.store import keyring, record
from cubbyd.store.files import DiskFiles
from cubbyd.store.key_places import KeyPlaces

YEAR = 365 * 86_400.0
BRANCHES = 6
"""Children of each token of a tree: 50,000 are seven generations."""
CONTENTS = codec.encode({"secret": codec.encode({"password": "correct horse battery staple"})})


@dataclass
class Population:
    """The tokens of a store that somebody asks for later; all the others are only there."""

    root: Secret | None = None
    """Above a tree."""
    doomed: list[Accessor] = field(default_factory=list)
    """Those of the tree, or those with the early deadline."""
    lasting: list[Secret] = field(default_factory=list)
    """The others."""


def populate(  # noqa: PLR0913 - each with its default
    place: Place,
    count: int,
    *,
    tree: int = 0,
    expiring: int = 0,
    deadline: float = 0,
    contents: bytes = CONTENTS,
) -> Population:
    """Fill a store with so many tokens.

    Args:
        place: Where; it has no store yet.
        count: Of all tokens.
        tree: How many of them descend from one.
        expiring: How many of them expire at the deadline.
        deadline: Seconds since the epoch.
        contents: Of each cubbyhole, encoded.
    """
    made = Population()
    with closing(DiskFiles(place.store)) as files:
        keys = keyring.load_or_create(files, KeyPlaces(place.key_file), os.urandom)
        line: list[Accessor] = []
        for number in range(count):
            token = token_text(Prefix.SERVICE, os.urandom(32))
            accessor = Accessor(keys.accessor(token))
            is_of_tree, is_expiring = number <= tree and tree > 0, number < expiring
            parent = line[(number - 1) // BRANCHES] if is_of_tree and number else None
            if is_of_tree:
                line.append(accessor)
                made.root = made.root or token
            entry = _entry(accessor, parent, deadline if is_expiring else time() + YEAR)
            whole = record.with_contents(entry, token, contents, os.urandom)
            _write(place.store / accessor, record.encode(whole, keys, os.urandom))
            if is_of_tree or is_expiring:
                made.doomed.append(accessor)
            else:
                made.lasting.append(token)
    os.sync()  # or the disk is busy with these while it is measured
    return made


def _entry(accessor: Accessor, parent: Accessor | None, expires_at: float) -> TokenEntry:
    now = time()
    return TokenEntry(
        accessor=accessor,
        parent=parent,
        policies=("default",),
        path="auth/token/create",
        creator=Creator(
            uid=os.getuid(), gid=os.getgid(), pid=4711, exe="/usr/bin/backup", unit="backup.service"
        ),
        created_at=now,
        issued_at=now,
        expires_at=expires_at,
        ttl=expires_at - now,
        renewable=True,
        display_name="token-backup",
        meta={"purpose": "nightly"},
    )


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def survivors(place: Place, doomed: list[Accessor]) -> int:
    """How many of these still have their files."""
    return sum((place.store / accessor).exists() for accessor in doomed)


def sample(accessors: list[Accessor], size: int = 100) -> list[Accessor]:
    """Some of them, evenly: looking at each would keep the disk busy."""
    return accessors[:: max(1, len(accessors) // size)]


def in_turn(tokens: list[Secret]) -> Iterator[Secret]:
    """One after the other, far apart, so that no memory of the daemon's helps."""
    step = 7919  # a prime, so that all come
    return (tokens[number * step % len(tokens)] for number in range(10**9))
