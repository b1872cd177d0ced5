"""A policy's file opens as what it was, under its own name, whole, or not at all."""

from dataclasses import replace

import pytest
from fakes import EPOCH, counting_random
from hypothesis import given
from hypothesis import strategies as st
from token_entries import instants, texts

from cubbyd import codec
from cubbyd.core.policy import Capability, Policy, Rule
from cubbyd.crypto.keys import RootKeys
from cubbyd.errors import IntegrityError, SealBrokenError
from cubbyd.secret import Secret
from cubbyd.store import record
from cubbyd.store.policy_record import PREFIX, decode, encode, file_name
from cubbyd.store.sealed_file import Section, seal_file

KEYS = RootKeys(accessor_key=Secret(b"a" * 32), terms={1: Secret(b"1" * 32), 2: Secret(b"2" * 32)})
OLD_KEYS = RootKeys(accessor_key=KEYS.accessor_key, terms={1: KEYS.terms[1]})

random = counting_random()

bounds = st.none() | st.floats(0.1, 1e9) | st.integers(1, 10**9)
rules = st.builds(
    Rule,
    path=texts,
    capabilities=st.frozensets(st.sampled_from(Capability)),
    min_wrapping_ttl=bounds,
    max_wrapping_ttl=bounds,
)
policies = st.builds(
    Policy,
    name=texts,
    text=st.text(max_size=300),
    rules=st.lists(rules, max_size=3).map(tuple),
    version=st.integers(1, 2**40),
    modified_at=instants,
)

READ = Rule(path="cubbyhole/*", capabilities=frozenset({Capability.READ}), min_wrapping_ttl=1)
POLICY = Policy(name="backup", text='{"path": {}}', rules=(READ,), modified_at=EPOCH)
NAME = file_name("backup", KEYS)


@given(policies)
def test_every_field_comes_back(policy):
    file = encode(policy, KEYS, random)

    assert decode(file, file_name(policy.name, KEYS), KEYS) == policy


def test_the_rules_are_kept_and_not_read_from_the_text_again():
    """So a policy that was written as HCL holds where nothing reads HCL."""
    policy = replace(POLICY, text='path "x" {}')

    assert decode(encode(policy, KEYS, random), NAME, KEYS).rules == (READ,)


def test_it_opens_after_a_new_term_and_is_written_under_the_newest():
    old = encode(POLICY, OLD_KEYS, random)

    assert decode(old, NAME, KEYS) == POLICY
    with pytest.raises(IntegrityError, match="wants key term 2"):
        decode(encode(POLICY, KEYS, random), NAME, OLD_KEYS)


# -- its name


def test_the_files_name_does_not_tell_the_policys():
    assert NAME.startswith(PREFIX)
    assert len(NAME) == len(PREFIX) + 32
    assert "backup" not in NAME
    assert file_name("backup", RootKeys(accessor_key=Secret(b"b" * 32), terms=KEYS.terms)) != NAME


@given(texts, texts)
def test_another_policy_has_another_file(one, other):
    assert (file_name(one, KEYS) == file_name(other, KEYS)) == (one == other)


@given(texts)
def test_no_token_has_a_policys_name(name):
    """Not even one that says what is hashed for the policy."""
    assert KEYS.accessor(Secret.from_text(f"policy {name}")) not in (name, file_name(name, KEYS))


def test_under_another_name_it_does_not_open():
    with pytest.raises(SealBrokenError):
        decode(encode(POLICY, KEYS, random), file_name("other", KEYS), KEYS)


# -- what is not it


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_any_byte_flipped_anywhere_is_found(flip):
    file = encode(POLICY, KEYS, random)

    for position in range(len(file)):
        damaged = bytearray(file)
        damaged[position] ^= flip
        with pytest.raises(IntegrityError) as found:
            decode(bytes(damaged), NAME, KEYS)
        assert position in range(6, 12) or isinstance(found.value, SealBrokenError)


def test_any_cut_is_found():
    file = encode(POLICY, KEYS, random)

    for end in range(len(file)):
        with pytest.raises(SealBrokenError):
            decode(file[:end], NAME, KEYS)


@given(st.binary(min_size=1, max_size=300))
def test_any_extension_is_found(more):
    with pytest.raises(SealBrokenError, match="longer than its header says"):
        decode(encode(POLICY, KEYS, random) + more, NAME, KEYS)


def test_a_tokens_file_is_no_policys_and_the_other_way_round():
    """Even under one name, and sealed with the same key."""
    digits = NAME.removeprefix(PREFIX)
    metadata = seal_file(b"", Section.METADATA, digits, keys=KEYS, random=random)

    with pytest.raises(SealBrokenError):
        decode(metadata, NAME, KEYS)
    with pytest.raises(SealBrokenError):
        record.decode(encode(POLICY, KEYS, random), digits, KEYS)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (slice(6, 8), b"\0\2", "format version 2; this cubbyd reads 1"),
        (slice(8, 12), b"\0\0\0\3", "wants key term 3, which the keyring lacks"),
    ],
)
def test_another_version_or_term_is_told_in_words(at, value, words):
    file = bytearray(encode(POLICY, KEYS, random))
    file[at] = value

    with pytest.raises(IntegrityError, match=words) as found:
        decode(bytes(file), NAME, KEYS)

    assert not isinstance(found.value, SealBrokenError)


FIELDS = {"name": "backup", "text": "", "rules": [], "version": 1, "modified_at": EPOCH}
RULE = {"path": "p", "capabilities": [], "min_wrapping_ttl": None, "max_wrapping_ttl": None}


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"\xff",
        codec.encode(None),
        *(
            codec.encode({key: value for key, value in FIELDS.items() if key != missing})
            for missing in FIELDS
        ),
        codec.encode({**FIELDS, "name": None}),
        codec.encode({**FIELDS, "version": "1"}),
        codec.encode({**FIELDS, "rules": [None]}),
        codec.encode({**FIELDS, "rules": [{"path": "p"}]}),
        codec.encode({**FIELDS, "rules": [{**RULE, "capabilities": ["fly"]}]}),
        codec.encode({**FIELDS, "rules": [{**RULE, "capabilities": [5]}]}),
        codec.encode({**FIELDS, "rules": [{**RULE, "min_wrapping_ttl": "1s"}]}),
        codec.encode({**FIELDS, "rules": [{**RULE, "path": None}]}),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_even_where_it_opens(plaintext):
    """Nothing of it may be passed over: what is left would grant something else."""
    digits = NAME.removeprefix(PREFIX)
    file = seal_file(plaintext, Section.POLICY, digits, keys=KEYS, random=random)

    with pytest.raises(SealBrokenError, match="cannot be understood"):
        decode(file, NAME, KEYS)


def test_nothing_of_it_is_in_the_clear():
    file = encode(POLICY, KEYS, random)

    for telling in (b"backup", b"cubbyhole", b"read", b"path"):
        assert telling not in file
