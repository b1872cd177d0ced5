"""A token's file opens as what it was, under its own name, whole, or not at all.

- Decoding inverts encoding, field by field.
- Changed, cut, extended, renamed, or spliced of two versions: SealBrokenError or, where the header
  names a version or a term that is not ours, IntegrityError in words.
- Without its token, no key of the daemon's opens a cubbyhole.
"""

import tracemalloc
from dataclasses import replace

import pytest
from fakes import counting_random
from hypothesis import given
from hypothesis import strategies as st
from token_entries import accessor, an_entry, entries

from cubbyd import codec
from cubbyd.core.token import Creator
from cubbyd.crypto.keys import RootKeys
from cubbyd.crypto.sealing import seal
from cubbyd.errors import IntegrityError, SealBrokenError
from cubbyd.secret import Secret
from cubbyd.store.record import MAX_SHARED, Encodings, Record, Shared, decode, encode, with_contents

KEYS = RootKeys(accessor_key=Secret(b"a" * 32), terms={1: Secret(b"1" * 32), 2: Secret(b"2" * 32)})
OLD_KEYS = RootKeys(accessor_key=KEYS.accessor_key, terms={1: KEYS.terms[1]})
TOKEN = Secret(b"cbys_example")
HEADER_BYTES = 16

random = counting_random()


def file_of(entry, contents=None, keys=KEYS):
    new = Record(entry=entry)
    if contents is not None:
        new = with_contents(entry, TOKEN, contents, random)
    return encode(new, keys, random)


def metadata_end(file):
    return HEADER_BYTES + int.from_bytes(file[12:16], "big")


@given(entries)
def test_every_field_comes_back(entry):
    found = decode(file_of(entry), entry.accessor, KEYS)

    assert found.entry == entry
    assert (found.term, found.file_key, found.sealed) == (2, None, b"")


def test_what_tokens_have_in_common_is_in_memory_once():
    shared = Shared()
    entries = (an_entry(name, policies=("a-policy",), meta={"for": "x y"}) for name in (1, 2))
    one, other = (decode(file_of(entry), entry.accessor, KEYS, shared).entry for entry in entries)

    assert one.creator is other.creator
    assert one.path is other.path
    assert one.policies is other.policies
    assert one.meta is other.meta


def test_what_nobody_has_any_more_is_forgotten():
    """A guest names tokens as it likes, and revokes them."""
    shared = Shared()
    tracemalloc.start()
    try:
        for number in range(3 * MAX_SHARED):
            name = f"{number:04096}"
            entry = an_entry(display_name=name, policies=(name,), meta={"x": name}, path=name)
            decode(file_of(entry), accessor(1), KEYS, shared)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < 4 * (MAX_SHARED + 1) * 5000


def test_that_is_as_it_was_whoever_came_before():
    shared = Shared()

    for pid in (*range(MAX_SHARED + 10), *range(10)):
        creator = Creator(uid=1, gid=1, pid=pid, exe="/bin/x")
        names = (f"policy-{pid}",)
        meta = {"of": f"{pid}", "is": "x"}
        entry = an_entry(creator=creator, meta=meta, policies=names, display_name=f"name-{pid}")
        assert decode(file_of(entry), accessor(1), KEYS, shared).entry == entry


def test_a_file_has_what_holds_now_whatever_was_encoded_before():
    """Of this token or of others; and no more of them are kept than may be."""
    encodings = Encodings()
    entry = an_entry()

    def written(entry, contents):
        record = with_contents(entry, TOKEN, contents, random) if contents else Record(entry=entry)
        found = decode(encode(record, KEYS, random, encodings), entry.accessor, KEYS)
        return found.entry, found.open(TOKEN)

    for number in range(MAX_SHARED + 10):
        renewed = replace(entry, ttl=number)
        other = an_entry(number + 2)
        for each in ((entry, b"1"), (entry, b"2"), (renewed, None), (renewed, b"3"), (other, b"4")):
            assert written(*each) == each
        assert len(encodings) <= MAX_SHARED


@given(entries, st.binary(max_size=600))
def test_a_cubbyhole_comes_back_to_its_token(entry, contents):
    found = decode(file_of(entry, contents), entry.accessor, KEYS)

    assert found.entry == entry
    assert found.open(TOKEN) == contents


def test_a_token_that_stored_nothing_has_no_cubbyhole():
    assert decode(file_of(an_entry()), accessor(1), KEYS).open(TOKEN) is None


def test_an_empty_cubbyhole_is_not_none():
    assert decode(file_of(an_entry(), b""), accessor(1), KEYS).open(TOKEN) == b""


def test_a_change_of_metadata_keeps_the_cubbyhole_as_sealed_as_it_was():
    before = file_of(an_entry(num_uses=3), b"secret")

    found = decode(before, accessor(1), KEYS)
    after = encode(replace(found, entry=found.entry.used()), KEYS, random)

    assert after[metadata_end(after) :] == before[metadata_end(before) :]
    assert decode(after, accessor(1), KEYS).open(TOKEN) == b"secret"
    assert decode(after, accessor(1), KEYS).entry.num_uses == 2


def test_metadata_is_resealed_under_a_new_term_without_the_token():
    before = file_of(an_entry(), b"secret", OLD_KEYS)

    after = encode(decode(before, accessor(1), KEYS), KEYS, random)

    assert decode(before, accessor(1), KEYS).term == 1
    assert decode(after, accessor(1), KEYS).term == 2
    assert decode(after, accessor(1), KEYS).open(TOKEN) == b"secret"


@pytest.mark.parametrize("token", [b"cbys_examplf", b"", b"cbys_example\0"])
def test_another_token_opens_no_cubbyhole(token):
    found = decode(file_of(an_entry(), b"secret"), accessor(1), KEYS)

    with pytest.raises(SealBrokenError):
        found.open(Secret(token))


def test_the_daemons_own_keys_open_no_cubbyhole():
    found = decode(file_of(an_entry(), b"secret"), accessor(1), KEYS)

    for key in (found.file_key, KEYS.accessor_key, *KEYS.terms.values()):
        with pytest.raises(SealBrokenError):
            found.open(key)


def test_each_write_of_a_cubbyhole_has_a_file_key_of_its_own():
    one, other = (decode(file_of(an_entry(), b"secret"), accessor(1), KEYS) for _ in range(2))

    assert one.file_key != other.file_key


def test_under_another_name_it_does_not_open():
    with pytest.raises(SealBrokenError):
        decode(file_of(an_entry(1)), accessor(2), KEYS)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
@pytest.mark.parametrize("contents", [None, b"secret"])
def test_any_byte_flipped_anywhere_is_found(contents, flip):
    """In header and metadata at once; in the cubbyhole when its token comes."""
    file = file_of(an_entry(), contents)

    for position in range(len(file)):
        damaged = bytearray(file)
        damaged[position] ^= flip
        with pytest.raises(IntegrityError) as found:
            decode(bytes(damaged), accessor(1), KEYS).open(TOKEN)
        assert position in range(6, 12) or isinstance(found.value, SealBrokenError)


@pytest.mark.parametrize("contents", [None, b"secret"])
def test_any_cut_is_found(contents):
    file = file_of(an_entry(), contents)

    for end in range(len(file)):
        with pytest.raises(SealBrokenError):
            decode(file[:end], accessor(1), KEYS).open(TOKEN)


@pytest.mark.parametrize("contents", [None, b"secret"])
@given(more=st.binary(min_size=1, max_size=300))
def test_any_extension_is_found(contents, more):
    file = file_of(an_entry(), contents)

    with pytest.raises(SealBrokenError):
        decode(file + more, accessor(1), KEYS).open(TOKEN)


def test_a_cubbyhole_cannot_be_cut_off():
    """Not even exactly: metadata that has a file key wants one."""
    file = file_of(an_entry(), b"secret")

    with pytest.raises(SealBrokenError, match="does not end where its metadata says"):
        decode(file[: metadata_end(file)], accessor(1), KEYS)


def test_a_cubbyhole_cannot_be_added():
    file, other = file_of(an_entry()), file_of(an_entry(), b"secret")

    with pytest.raises(SealBrokenError, match="does not end where its metadata says"):
        decode(file + other[metadata_end(other) :], accessor(1), KEYS)


def test_old_metadata_does_not_open_new_contents():
    old, new = file_of(an_entry(), b"old"), file_of(an_entry(), b"new")
    spliced = old[: metadata_end(old)] + new[metadata_end(new) :]

    found = decode(spliced, accessor(1), KEYS)

    with pytest.raises(SealBrokenError):
        found.open(TOKEN)


def test_one_tokens_cubbyhole_does_not_open_behind_anothers_metadata():
    """Even if file key and token are the same, as they never are."""
    one = with_contents(an_entry(1), TOKEN, b"secret", bytes)
    other = replace(one, entry=an_entry(2))

    found = decode(encode(other, KEYS, random), accessor(2), KEYS)

    with pytest.raises(SealBrokenError):
        found.open(TOKEN)


def test_a_section_is_not_taken_for_the_other():
    found = decode(file_of(an_entry(), b"secret"), accessor(1), KEYS)
    swapped = file_of(an_entry())[:HEADER_BYTES] + found.sealed

    with pytest.raises(SealBrokenError):
        decode(swapped, accessor(1), KEYS)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (slice(6, 8), b"\0\2", "format version 2; this cubbyd reads 1"),
        (slice(6, 8), b"\0\0", "format version 0; this cubbyd reads 1"),
        (slice(8, 12), b"\0\0\0\3", "wants key term 3, which the keyring lacks"),
    ],
)
def test_another_version_or_term_is_told_in_words(at, value, words):
    file = bytearray(file_of(an_entry()))
    file[at] = value

    with pytest.raises(IntegrityError, match=words) as found:
        decode(bytes(file), accessor(1), KEYS)

    assert not isinstance(found.value, SealBrokenError)


def test_the_header_cannot_name_another_term_that_we_have():
    file = bytearray(file_of(an_entry()))
    file[8:12] = b"\0\0\0\1"

    with pytest.raises(SealBrokenError):
        decode(bytes(file), accessor(1), KEYS)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(b"cubbyd\0\1\0\0\0\2".__add__))
def test_any_other_bytes_are_no_file(data):
    with pytest.raises(IntegrityError):
        decode(data, accessor(1), KEYS)


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\xff",
        codec.encode(None),
        codec.encode({}),
        codec.encode({"accessor": accessor(1)}),
        codec.encode([1, 2, 3]),
    ],
)
def test_metadata_that_makes_no_sense_is_refused_even_where_it_opens(metadata):
    """Sealed with the right key: by another program, or a bug."""
    associated = b"cubbyd\0\1\1" + bytes.fromhex(accessor(1)) + b"\0\0\0\2"
    section = seal(metadata, key=KEYS.terms[2], associated=associated, nonce=bytes(24))
    header = b"cubbyd\0\1\0\0\0\2" + len(section).to_bytes(4, "big")

    with pytest.raises(SealBrokenError, match="cannot be understood"):
        decode(header + section, accessor(1), KEYS)


def test_nothing_secret_is_printed_or_in_the_clear():
    record = with_contents(an_entry(), Secret(b"xyzzy"), b"plugh" * 9, random)
    file = encode(record, KEYS, random)

    for telling in (b"xyzzy", b"plugh", b"default", record.file_key.reveal()):
        assert telling not in file
    assert repr(record.sealed) not in repr(record)
    assert "plugh" not in repr(record)


def test_sizes_do_not_tell_how_much_is_stored():
    sizes = {len(file_of(an_entry(), bytes(stored))) for stored in range(0, 255, 5)}

    assert len(sizes) == 1
