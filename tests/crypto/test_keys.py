"""Names and keys that are made of tokens: told by nobody who lacks either half."""

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from cubbyd.crypto.keys import KEY_BYTES, RootKeys, cubbyhole_key
from cubbyd.secret import Secret

TOKEN = Secret(b"cbys_00000000000000000000000000000000000000000001xhVF6")

raw_keys = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
raw_tokens = st.binary(min_size=1, max_size=60)


def root_keys(accessor_key=b"a" * 32, **terms):
    terms = {int(name.removeprefix("term_")): Secret(key) for name, key in terms.items()}
    return RootKeys(accessor_key=Secret(accessor_key), terms=terms or {1: Secret(b"1" * 32)})


def test_known_derivations():
    """Frozen: all files on disk are named and sealed by these."""
    accessor = root_keys(bytes(range(32))).accessor(TOKEN)
    key = cubbyhole_key(Secret(bytes(range(32))), TOKEN)

    assert accessor == "25dd026fa4f5439a7ac23b476e3c4be9"
    assert key.reveal().hex() == "56541e7cd16d96272df0a8a2d7e066268d557cc2a7e01b2e4f0be70dd74c509f"


@given(raw_tokens, raw_keys)
def test_an_accessor_is_32_hex_digits(token, key):
    assert re.fullmatch("[0-9a-f]{32}", root_keys(key).accessor(Secret(token)))


@given(raw_tokens, raw_keys)
def test_without_its_key_an_accessor_cannot_be_made(token, key):
    accessor = root_keys(key).accessor(Secret(token))

    other = bytes([key[0] ^ 1]) + key[1:]
    assert accessor != root_keys(other).accessor(Secret(token))
    assert accessor != hashlib.blake2b(token, digest_size=16).hexdigest()


@given(raw_tokens, raw_keys, st.integers(0, 7))
def test_a_cubbyholes_key_takes_both_the_token_and_the_file_key(token, file_key, bit):
    def flipped(raw):
        return bytes([raw[0] ^ 1 << bit]) + raw[1:]

    key = cubbyhole_key(Secret(file_key), Secret(token))

    assert len(key.reveal()) == KEY_BYTES
    assert key != cubbyhole_key(Secret(flipped(file_key)), Secret(token))
    assert key != cubbyhole_key(Secret(file_key), Secret(flipped(token)))
    assert key not in (Secret(file_key), Secret(token))


def test_accessors_of_many_tokens_are_all_different():
    keys = root_keys()

    assert len({keys.accessor(Secret(b"%d" % number)) for number in range(5000)}) == 5000


def test_the_newest_term_seals():
    assert root_keys(term_1=b"1" * 32, term_3=b"3" * 32, term_2=b"2" * 32).term == 3


def test_no_key_is_printed():
    shown = repr(root_keys(b"xyzzy" * 6 + b"!!", term_1=b"plugh" * 6 + b"!!"))

    assert "xyzzy" not in shown
    assert "plugh" not in shown
    assert "32 bytes" in shown


def test_a_new_term_is_one_above_and_the_old_ones_stay():
    keys = root_keys().with_term(Secret(b"2" * 32), now=7.5)

    assert (keys.term, keys.terms[2], keys.installed_at) == (2, Secret(b"2" * 32), {2: 7.5})
    assert keys.terms[1] == root_keys().terms[1]
    assert keys.accessor_key == root_keys().accessor_key


def test_no_term_comes_twice_whatever_has_gone():
    keys = root_keys().with_term(Secret(b"2" * 32), now=1).with_term(Secret(b"3" * 32), now=2)

    rest = keys.since(3)

    assert ([*rest.terms], rest.installed_at) == ([3], {3: 2})
    assert rest.with_term(Secret(b"4" * 32), now=3).term == 4
