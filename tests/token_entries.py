"""Tokens' metadata for tests: one to begin with, and all that Hypothesis can think of."""

from fakes import EPOCH
from hypothesis import strategies as st

from cubbyd.core.token import Accessor, Creator, TokenEntry, TokenType

CREATOR = Creator(uid=1000, gid=1000, pid=4711, exe="/usr/bin/backup", unit="backup.service")


def accessor(number):
    """The accessor that a test calls by a number."""
    return Accessor(f"{number:032x}")


def an_entry(name=1, **fields):
    """A token's metadata, as plain as it gets, but for the fields given."""
    given = {
        "accessor": accessor(name) if isinstance(name, int) else name,
        "policies": ("default",),
        "path": "auth/token/create",
        "creator": CREATOR,
        "created_at": EPOCH,
        "issued_at": EPOCH,
        **fields,
    }
    return TokenEntry(**given)


texts = st.text(max_size=20)
accessors = st.binary(min_size=16, max_size=16).map(lambda raw: Accessor(raw.hex()))
ids = st.integers(0, 2**32 - 1)
# A clock may well tell whole seconds.
instants = st.floats(0, 1e11) | st.integers(0, 10**11)
durations = st.floats(0, 1e10) | st.integers(0, 10**10)

creators = st.builds(
    Creator,
    uid=ids,
    gid=ids,
    pid=st.integers(0, 2**22),
    exe=st.none() | texts,
    unit=st.none() | texts,
)
entries = st.builds(
    TokenEntry,
    accessor=accessors,
    policies=st.lists(texts, max_size=4).map(tuple),
    path=texts,
    creator=creators,
    created_at=instants,
    issued_at=instants,
    type=st.sampled_from(TokenType),
    parent=st.none() | accessors,
    renewed_at=st.none() | instants,
    expires_at=st.none() | instants,
    ttl=durations,
    explicit_max_ttl=durations,
    period=durations,
    num_uses=st.integers(-1, 2**63),
    renewable=st.booleans(),
    display_name=texts,
    meta=st.none() | st.dictionaries(texts, texts, max_size=3),
    wrapped_accessor=st.none() | accessors,
)
