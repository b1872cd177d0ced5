"""Records in memory: never more than the bound, never other than the disk.

- A record counts while its file has the version that it was read at.
- What was used longest ago goes first.
- What nobody asked for takes no room from what somebody did.
"""

import tracemalloc
from dataclasses import replace

import pytest
from token_entries import accessor, an_entry

from cubbyd.core.token import Creator
from cubbyd.secret import Secret
from cubbyd.store.cache import CHARACTER_BYTES, RECORD_BYTES, TEXT_BYTES, UNIT_BYTES, RecordCache
from cubbyd.store.record import Record


def a_record(name, size=100, **fields):
    return Record(entry=an_entry(name, **fields), file_key=Secret(b"k"), sealed=bytes(size))


def at(version):
    """What tells this version of any file."""
    return lambda _: version


@pytest.fixture
def cache():
    """Room for two records of a hundred bytes."""
    creator = an_entry().creator
    texts = ("default", "auth/token/create", "")
    size = sum(TEXT_BYTES + CHARACTER_BYTES * len(text) for text in texts)
    size += CHARACTER_BYTES * len((creator.exe or "") + (creator.unit or ""))
    return RecordCache(max_bytes=2 * (RECORD_BYTES + size + 100 + UNIT_BYTES))


def test_a_record_is_found_while_its_file_is_the_same(cache):
    cache.put(a_record(1), "v1")

    assert cache.get(accessor(1), at("v1")) == a_record(1)


def test_a_record_of_a_file_that_changed_is_forgotten(cache):
    cache.put(a_record(1), "v1")

    assert cache.get(accessor(1), at("v2")) is None
    assert cache.get(accessor(1), at("v1")) is None


def test_a_record_whose_file_is_gone_is_not_served(cache):
    """Also one that was gone before anybody could look at its version."""
    cache.put(a_record(1), None)

    assert cache.get(accessor(1), at(None)) is None


def test_what_was_used_longest_ago_goes_first(cache):
    cache.put(a_record(1), "v")
    cache.put(a_record(2), "v")
    cache.get(accessor(1), at("v"))

    cache.put(a_record(3), "v")

    assert [bool(cache.get(accessor(name), at("v"))) for name in (1, 2, 3)] == [True, False, True]


def test_what_nobody_asked_for_is_kept_while_there_is_room(cache):
    for name in (1, 2, 3):
        cache.fill(a_record(name), "v")

    assert [bool(cache.get(accessor(name), at("v"))) for name in (1, 2, 3)] == [True, True, False]


def test_what_nobody_asked_for_replaces_nothing(cache):
    cache.put(a_record(1), "v2")

    cache.fill(a_record(1, size=50), "v1")

    assert cache.get(accessor(1), at("v2")) == a_record(1)


def test_the_version_of_what_is_not_kept_is_not_asked_for(cache):
    asked = []

    assert cache.get(accessor(1), asked.append) is None
    assert not asked


def test_a_record_that_alone_exceeds_the_bound_is_not_kept(cache):
    cache.put(a_record(1, size=10_000), "v")

    assert cache.get(accessor(1), at("v")) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"meta": {"note": "x" * 5000}},
        {"meta": {"x" * 5000: ""}},
        {"policies": tuple(f"policy-{number}" for number in range(200))},
        {"path": "cubbyhole/" + "x" * 4000},
        {"display_name": "\N{KEY}" * 1500},
        {"creator": Creator(uid=1, gid=1, pid=1, exe="/" + "\N{KEY}" * 4000)},
    ],
)
def test_long_texts_count_as_what_they_take(fields, cache):
    """A client chooses them: 10,000 tokens with 16 KiB of metadata would take all there is."""
    cache.put(a_record(1, **fields), "v")

    assert cache.get(accessor(1), at("v")) is None


def test_what_is_kept_takes_hardly_more_than_the_bound():
    cache = RecordCache(max_bytes=1_000_000)
    tracemalloc.start()
    try:
        for number in range(2000):
            version = (number, number * 10**9, 0o600)
            cache.put(a_record(number, meta={f"key-{number}": f"{number:0500}"}), version)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < 1_250_000


def test_a_newer_version_takes_the_place_of_the_older(cache):
    cache.put(a_record(1), "v1")
    cache.put(a_record(2), "v1")

    newer = replace(a_record(1), sealed=bytes(50))
    cache.put(newer, "v2")

    assert cache.get(accessor(1), at("v2")) == newer
    assert cache.get(accessor(2), at("v1")) == a_record(2)
