"""What is sealed opens as what it was, to whoever has the key, and in no other way.

- Opening inverts sealing.
- Any bit flipped, any cut or extension, another key, another purpose: SealBrokenError, and
  nothing else.
- Sizes tell little: few are possible, and padding adds at most a sixteenth, or one block.
- Neither keys nor plaintexts are in what is raised.
- It is what PyNaCl's public binding makes and opens; wrong lengths never reach libsodium.
"""

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)

from cubbyd.crypto.sealing import (
    NONCE_BYTES,
    PADDING_BLOCK_BYTES,
    TAG_BYTES,
    is_sealed_size,
    seal,
    unseal,
)
from cubbyd.errors import IntegrityError, SealBrokenError
from cubbyd.secret import Secret

KEY = Secret(b"k" * 32)
NONCE = b"n" * NONCE_BYTES
OVERHEAD = NONCE_BYTES + TAG_BYTES

plaintexts = st.binary(max_size=600) | st.binary(max_size=5).map(lambda head: head + bytes(300))


def sealed(plaintext, *, key=KEY, associated=b"a purpose", nonce=NONCE):
    return seal(plaintext, key=key, associated=associated, nonce=nonce)


def opened(data, *, key=KEY, associated=b"a purpose"):
    return unseal(data, key=key, associated=associated)


def size(plaintext_bytes):
    return len(sealed(bytes(plaintext_bytes))) - OVERHEAD


@given(plaintexts, st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_opening_inverts_sealing(plaintext, raw_key, associated):
    key = Secret(raw_key)

    data = sealed(plaintext, key=key, associated=associated)

    assert opened(data, key=key, associated=associated) == plaintext


@pytest.mark.parametrize("plaintext", [b"", b"\x80", b"\x80\0\0", b"\0" * 256, b"x" * 255])
def test_padding_is_never_taken_for_content(plaintext):
    assert opened(sealed(plaintext)) == plaintext


def test_any_bit_flipped_anywhere_breaks_the_seal():
    data = sealed(b"secret")

    for position in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBrokenError):
            opened(bytes(flipped))


def test_any_cut_breaks_the_seal():
    """From the end or the beginning, down to nothing."""
    data = sealed(b"secret")

    for end in range(len(data)):
        for part in (data[:end], data[end + 1 :]):
            with pytest.raises(SealBrokenError):
                opened(part)


@given(st.binary(min_size=1, max_size=64))
def test_any_extension_breaks_the_seal(more):
    for data in (sealed(b"secret") + more, more + sealed(b"secret")):
        with pytest.raises(SealBrokenError):
            opened(data)


@given(st.binary(max_size=400))
def test_what_nobody_sealed_does_not_open(data):
    with pytest.raises(SealBrokenError):
        opened(data)


@given(st.integers(0, 255))
def test_another_key_does_not_open_it(bit):
    other = bytearray(KEY.reveal())
    other[bit // 8] ^= 1 << bit % 8

    with pytest.raises(SealBrokenError):
        opened(sealed(b"secret"), key=Secret(bytes(other)))


@given(st.binary(max_size=20).filter(lambda associated: associated != b"a purpose"))
def test_for_another_purpose_it_does_not_open(associated):
    with pytest.raises(SealBrokenError):
        opened(sealed(b"secret"), associated=associated)


@given(plaintexts, st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_pynacls_public_binding_opens_what_we_seal(plaintext, raw_key, associated):
    data = sealed(plaintext, key=Secret(raw_key), associated=associated)

    padded = crypto_aead_xchacha20poly1305_ietf_decrypt(
        data[NONCE_BYTES:], associated, NONCE, raw_key
    )

    assert padded.rstrip(b"\0") == plaintext + b"\x80"


@given(plaintexts, st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_we_open_what_pynacls_public_binding_seals(plaintext, raw_key, associated):
    data = crypto_aead_xchacha20poly1305_ietf_encrypt(
        plaintext + b"\x80\0", associated, NONCE, raw_key
    )

    assert opened(NONCE + data, key=Secret(raw_key), associated=associated) == plaintext


@pytest.mark.parametrize("padded", [b"", b"\0" * 256, b"x" * 256, b"\x80x"])
def test_what_was_sealed_without_padding_does_not_open(padded):
    data = crypto_aead_xchacha20poly1305_ietf_encrypt(padded, b"a purpose", NONCE, KEY.reveal())

    with pytest.raises(SealBrokenError):
        opened(NONCE + data)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused(size):
    key = Secret(bytes(size))

    with pytest.raises(ValueError, match=f"{size} bytes where libsodium wants 32"):
        sealed(b"", key=key)
    with pytest.raises(ValueError, match=f"{size} bytes where libsodium wants 32"):
        opened(sealed(b""), key=key)


@pytest.mark.parametrize("size", [0, 23, 25])
def test_a_nonce_of_another_length_is_refused(size):
    with pytest.raises(ValueError, match=f"{size} bytes where libsodium wants 24"):
        sealed(b"", nonce=bytes(size))


@pytest.mark.parametrize("text", ["a purpose", None])
def test_only_bytes_reach_libsodium(text):
    with pytest.raises(TypeError):
        sealed(b"", associated=text)


def test_a_broken_seal_is_a_matter_of_integrity():
    assert issubclass(SealBrokenError, IntegrityError)


def test_sizes_grow_with_the_plaintext():
    sizes = [size(each) for each in range(0, 70_000, 37)]

    assert sizes == sorted(sizes)


@given(st.integers(0, 200_000))
def test_padding_adds_at_most_a_sixteenth_or_a_block(plaintext_bytes):
    added = size(plaintext_bytes) - plaintext_bytes

    assert 0 < added <= max(PADDING_BLOCK_BYTES, (plaintext_bytes + 1) / 16)


def test_sizes_are_few():
    """Sixteen an octave, and below 4 KiB steps of 256 bytes."""
    octaves = [range(256, 4096, 64), range(4096, 8192, 64), range(65536, 131_072, 1024)]

    few = [len({size(each) for each in octave}) for octave in octaves]

    assert few == [15, 16, 16]


def test_the_least_is_one_block():
    assert {size(0), size(1), size(PADDING_BLOCK_BYTES - 1)} == {PADDING_BLOCK_BYTES}


def test_a_size_tells_whether_sealing_can_have_made_it():
    made = {OVERHEAD + size(plaintext) for plaintext in range(0, 40_000, 7)}

    found = {each for each in range(max(made) + 1) if is_sealed_size(each)}

    assert found == made


def test_the_nonce_stands_before_what_is_sealed():
    assert sealed(b"secret").startswith(NONCE)
    assert sealed(b"secret") != sealed(b"secret", nonce=b"m" * NONCE_BYTES)


@pytest.mark.parametrize("data", [sealed(b"xyzzy")[:-1], sealed(b"xyzzy") + b"\0", b""])
def test_what_is_raised_tells_nothing(data):
    key = Secret(b"plugh" * 6 + b"!!")

    with pytest.raises(SealBrokenError) as broken:
        opened(data, key=key)

    told = "".join(
        traceback.TracebackException.from_exception(broken.value, capture_locals=True).format(
            chain=True
        )
    )
    assert broken.value.__context__ is None
    assert "plugh" not in told
    assert "xyzzy" not in str(broken.value)
