"""The frozen files in tests/vectors/files still mean what they meant.

A change that breaks one of them changes the format. They can be made again, byte for byte, so
what is written has not changed either.
"""

import json

import pytest
from fakes import MemoryFiles
from file_vectors import DIRECTORY, described, made, shown

from cubbyd import codec
from cubbyd.core.token import Accessor
from cubbyd.crypto.keys import RootKeys
from cubbyd.errors import IntegrityError, SealBrokenError, WrongPassphraseError
from cubbyd.secret import Secret
from cubbyd.store import keyring, record

TOKENS = json.loads((DIRECTORY / "tokens.json").read_text())
KEYRINGS = json.loads((DIRECTORY / "keyrings.json").read_text())
KEYS = RootKeys(
    accessor_key=Secret(bytes.fromhex(TOKENS["keys"]["accessor_key"])),
    terms={int(term): Secret(bytes.fromhex(key)) for term, key in TOKENS["keys"]["terms"].items()},
)
BECAUSE = {True: "seal", False: "version"}


def vectors(found):
    """The vectors of one file, as parameters."""
    return pytest.mark.parametrize("vector", found, ids=[vector["name"] for vector in found])


def reading(vector):
    """What is found in a file, or what refuses it, in the words of the vectors."""
    token = Secret.from_text(vector["token"])
    file = bytes.fromhex(vector["file"])
    where = "metadata"
    try:
        opened = record.decode(file, Accessor(KEYS.accessor(token)), KEYS)
        where = "cubbyhole"
        contents = opened.open(Secret.from_text(vector.get("opened_with", vector["token"])))
    except IntegrityError as error:
        return {"refused": where, "because": BECAUSE[isinstance(error, SealBrokenError)]}
    objects = contents and {path: each.hex() for path, each in codec.decode(contents).items()}
    return {"metadata": described(opened.entry), "term": opened.term, "cubbyhole": objects}


@vectors(TOKENS["vectors"])
def test_tokens_files(vector):
    assert reading(vector) == vector["expect"]


@vectors(KEYRINGS["vectors"])
def test_keyrings(vector):
    try:
        found = shown(opened(vector))
    except (IntegrityError, WrongPassphraseError):
        found = None

    assert found == vector["expect"]


def opened(vector):
    file = bytes.fromhex(vector["file"])
    if "key" in vector:
        return keyring.decode(file, Secret(bytes.fromhex(vector["key"])))
    files = MemoryFiles()
    files.files["keyring"] = file
    return keyring.unlock(files, Secret.from_text(vector["passphrase"]))


@pytest.mark.parametrize("name", ["tokens.json", "keyrings.json"])
def test_making_them_again_yields_the_same_bytes(name):
    assert made()[name] == (DIRECTORY / name).read_text()


@pytest.mark.parametrize("found", [TOKENS["vectors"], KEYRINGS["vectors"]])
def test_every_vector_has_a_name_of_its_own_and_a_reason(found):
    assert len({vector["name"] for vector in found}) == len(found)
    assert all(vector["why"] for vector in found)
