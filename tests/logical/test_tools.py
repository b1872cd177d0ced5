"""sys/tools: random bytes, and hashes. Wrapped, random bytes are a password nobody has seen."""

import hashlib
import os
from base64 import b64decode, b64encode

import pytest
from house import open_house

RANDOM, HASH = "sys/tools/random", "sys/tools/hash"
INPUT = b"\x00attack at dawn\xff"
TEXT = b64encode(INPUT).decode()
NAMES = {
    "sha2-224": "sha224",
    "sha2-256": "sha256",
    "sha2-384": "sha384",
    "sha2-512": "sha512",
    "sha3-224": "sha3_224",
    "sha3-256": "sha3_256",
    "sha3-384": "sha3_384",
    "sha3-512": "sha3_512",
}


@pytest.fixture
async def house():
    """A daemon without a socket, whose random bytes are random."""
    async with open_house(random=os.urandom) as house:
        yield house


async def random_bytes(house, data=None, *, path=RANDOM):
    return (await house.owner.ask("write", path, data)).data["random_bytes"]


async def digest(house, *, path=HASH, **data):
    return (await house.owner.ask("write", path, {"input": TEXT, **data})).data["sum"]


async def why_not(house, path, data=None):
    refused = await house.owner.refusal("write", path, data)
    return refused.status, *refused.messages


# -- random


@pytest.mark.parametrize(
    ("path", "data", "size"),
    [
        (RANDOM, None, 32),
        (RANDOM, {"bytes": 1}, 1),
        (RANDOM, {"bytes": "17"}, 17),
        (RANDOM, {"bytes": 131_072}, 131_072),
        (f"{RANDOM}/16", None, 16),
        (f"{RANDOM}/16", {"bytes": 5}, 16),
        (RANDOM, {"source": "platform"}, 32),
    ],
)
async def test_so_many_bytes_are_drawn(house, path, data, size):
    assert len(b64decode(await random_bytes(house, data, path=path), validate=True)) == size


async def test_they_come_from_the_source_that_tokens_come_from():
    drawn = []

    def draw(size):
        drawn.append(size)
        return b"7" * size

    async with open_house(random=draw) as house:
        drawn.clear()

        text = await random_bytes(house, {"bytes": 5, "format": "hex"})

    assert (text, drawn) == ("3737373737", [5])


async def test_they_are_others_each_time(house):
    assert len({await random_bytes(house) for _ in range(20)}) == 20


@pytest.mark.parametrize(("form", "decode"), [("hex", bytes.fromhex), ("base64", b64decode)])
async def test_they_are_text_in_either_format(house, form, decode):
    assert len(decode(await random_bytes(house, {"bytes": 9, "format": form}))) == 9


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        (RANDOM, {"bytes": 0}, "'bytes' cannot be less than 1"),
        (RANDOM, {"bytes": -1}, "'bytes' cannot be less than 1"),
        (RANDOM, {"bytes": 131_073}, "'bytes' should be less than 131072"),
        (f"{RANDOM}/131073", None, "'bytes' should be less than 131072"),
        (f"{RANDOM}/{'9' * 5000}"[:4000], None, "'bytes' should be less than 131072"),
        (f"{RANDOM}/0", None, "'bytes' cannot be less than 1"),
        (
            RANDOM,
            {"format": "base32"},
            'unsupported encoding format "base32"; must be "hex" or "base64"',
        ),
        (
            RANDOM,
            {"bytes": "many"},
            'Field validation failed: error converting input for field "bytes": not a int',
        ),
    ],
)
async def test_no_other_size_or_format_is(house, path, data, why):
    assert await why_not(house, path, data) == (400, why)


@pytest.mark.parametrize("named", ["many", "-1", "1e3", "²", "\uff15"])
async def test_a_size_in_the_path_is_a_number(house, named):
    status, why = await why_not(house, f"{RANDOM}/{named}")

    assert status == 400
    assert why.startswith("error parsing url-set byte count: ")


async def test_wrapped_it_is_a_password_that_nobody_has_seen(house):
    """Not even whoever had it made."""
    answer = await house.owner.ask("write", RANDOM, {"bytes": 24}, wrap_ttl=60)

    assert answer.data is None
    inside = await house.unwrap(answer.wrap_info.token)
    assert len(b64decode(inside.data["random_bytes"])) == 24
    assert answer.wrap_info.creation_path == RANDOM


async def test_policy_default_hashes_and_draws_nothing(house):
    token = await house.token()

    assert (await house.guest.ask("write", HASH, {"input": TEXT}, token=token)).data["sum"]
    assert (await house.guest.ask("write", f"{HASH}/sha2-512", {"input": TEXT}, token=token)).data
    for path in (RANDOM, f"{RANDOM}/5"):
        assert (await house.guest.refusal("write", path, token=token)).status == 403


# -- hash


@pytest.mark.parametrize(("algorithm", "name"), NAMES.items())
async def test_every_algorithm_is_what_it_is_called(house, algorithm, name):
    expected = hashlib.new(name, INPUT).hexdigest()

    assert await digest(house, algorithm=algorithm) == expected
    assert await digest(house, path=f"{HASH}/{algorithm}") == expected


async def test_by_default_it_is_sha2_256_in_hex(house):
    assert await digest(house) == hashlib.sha256(INPUT).hexdigest()


@pytest.mark.parametrize("data", [{"format": ""}, {"format": None}, {"algorithm": None}])
async def test_what_is_there_and_empty_is_no_default(house, data):
    status, why = await why_not(house, HASH, {"input": "", **data})

    assert status == 400
    assert why.startswith("unsupported ")


async def test_a_byte_string_is_hashed_as_it_is(house):
    answer = await house.owner.ask("write", HASH, {"input": INPUT})

    assert answer.data["sum"] == hashlib.sha256(INPUT).hexdigest()


async def test_it_comes_in_base64_too(house):
    assert b64decode(await digest(house, format="base64")) == hashlib.sha256(INPUT).digest()


async def test_the_path_has_the_last_word(house):
    found = await digest(house, path=f"{HASH}/sha2-512", algorithm="sha2-224")

    assert found == hashlib.sha512(INPUT).hexdigest()


@pytest.mark.parametrize(
    ("text", "data"),
    [("", b""), (None, b""), ("AA==", b"\0"), ("AAA=", b"\0\0"), ("AA\r\nAA\n", b"\0\0\0")],
)
async def test_input_is_base64_whose_lines_may_be_broken(house, text, data):
    assert await digest(house, input=text) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("text", ["A", "AA", "AAAA=", "AA AA", "AA=A", "=", "_-_-", "é", "AA\0A"])
async def test_other_input_is_refused(house, text):
    status, why = await why_not(house, HASH, {"input": text})

    assert (status, why) == (400, "unable to decode input as base64: illegal base64 data")


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        (HASH, {"algorithm": "md5"}, "unsupported algorithm md5"),
        (HASH, {"algorithm": "sha256"}, "unsupported algorithm sha256"),
        (f"{HASH}/sha1", None, "unsupported algorithm sha1"),
        (
            HASH,
            {"format": "binary"},
            'unsupported encoding format binary; must be "hex" or "base64"',
        ),
    ],
)
async def test_no_other_algorithm_or_format_is(house, path, data, why):
    assert await why_not(house, path, {"input": TEXT, **(data or {})}) == (400, why)


@pytest.mark.parametrize("path", [RANDOM, HASH])
async def test_what_they_have_no_use_for_is_ignored_with_a_warning(house, path):
    answer = await house.owner.ask("write", path, {"length": 5})

    assert answer.warnings == ("Endpoint ignored these unrecognized parameters: [length]",)


@pytest.mark.parametrize("path", [RANDOM, HASH, f"{RANDOM}/5"])
@pytest.mark.parametrize("operation", ["read", "delete"])
async def test_they_are_written_to(house, path, operation):
    assert (await house.owner.refusal(operation, path)).code == "unsupported_operation"


async def test_the_source_of_random_bytes_may_be_named(house):
    for path in ("sys/tools/random/platform", "sys/tools/random/platform/32", "sys/tools/random"):
        answer = await house.owner.ask("write", path, {"format": "hex", "source": "platform"})
        assert len(bytes.fromhex(answer.data["random_bytes"])) == 32

    refused = await house.owner.refusal("write", "sys/tools/random", {"source": "seal"})
    assert "platform" in refused.messages[0]
