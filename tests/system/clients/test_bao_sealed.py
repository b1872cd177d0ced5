"""The real ``bao`` and a cubbyd that is sealed: it seals, and it understands what it then sees."""

import re
import subprocess

import pytest
import servers

pytestmark = pytest.mark.conformance

PASSPHRASE = "correct horse battery"


@pytest.fixture
def server(tmp_path):
    """One of our own: a sealed one would answer nobody else's tests."""
    with servers.cubbyd(tmp_path / "cubbyd") as server:
        with server.daemon.client() as owner:
            owner.rekey("passphrase", passphrase=PASSPHRASE)
        yield server


def test_bao_seals_it_and_understands_that_it_is_sealed(server, tmp_path):
    home = servers.environment(tmp_path, server, server.root_token())

    def bao(*words):
        done = subprocess.run(
            [servers.bao(), *words], env=home, capture_output=True, text=True, check=False
        )
        return done.returncode, re.sub(" +", " ", done.stdout + done.stderr)

    status, said = bao("status")
    assert (status, "Seal Type passphrase\n" in said, "Sealed false" in said) == (0, True, True)

    assert bao("operator", "seal") == (0, "Success! Vault is sealed.\n")

    status, said = bao("status")
    assert (status, "Sealed true" in said) == (2, True)
    status, said = bao("read", "cubbyhole/x")
    assert (status, "Code: 503. Errors:\n\n* Vault is sealed" in said) == (2, True)
    status, said = bao("operator", "unseal", "c29tZXRoaW5n")
    assert (status, "* an owner unseals, without a token, at the CBOR socket" in said) == (2, True)
    with server.daemon.client() as owner:
        assert owner.unseal(PASSPHRASE)["sealed"] is False
    assert bao("status")[0] == 0
