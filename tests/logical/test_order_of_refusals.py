"""Which refusal a request gets that has several faults: the order of the checks is OpenBao's.

A wrap TTL, then the path, then whether it can be written, then the wrapping token it is about, then
a token in its data that is no text, then its own token, then policies, then the route, then the
handler. The first that fails answers.
"""

import pytest

RELATIVE = (400, "relative paths not supported")
FOLDER = (400, "cannot write to a path ending in '/'")
NO_TEXT = (403, "error validating wrapping token: could not decode token in request body")
SPENT = (400, "wrapping token is not valid or does not exist")
NOBODY = (403, "permission denied")
DENIED = (403, "1 error occurred:\n\t* permission denied\n\n")
NOWHERE = (404, 'no handler for route "nowhere". route entry not found.')
NO_PATH = (404, "1 error occurred:\n\t* unsupported path\n\n")
NO_OPERATION = (405, "1 error occurred:\n\t* unsupported operation\n\n")
NO_DATA = (400, "1 error occurred:\n\t* missing data fields\n\n")


@pytest.mark.parametrize(
    ("sender", "request_", "refusal"),
    [
        # Each has the faults of the next on its path, and one more.
        pytest.param("bad", ("write", "nowhere/../"), RELATIVE, id="path"),
        pytest.param("bad", ("write", "nowhere/"), FOLDER, id="folder"),
        pytest.param("bad", ("write", "nowhere"), NOBODY, id="token"),
        pytest.param(None, ("write", "nowhere"), NOBODY, id="no token"),
        pytest.param("default", ("write", "nowhere"), DENIED, id="policy"),
        pytest.param("root", ("write", "nowhere"), NOWHERE, id="mount"),
        pytest.param("root", ("write", "sys/nowhere"), NO_PATH, id="path in a mount"),
        pytest.param("bad", ("write", "sys/wrapping/unwrap", {"token": 5}), NO_TEXT, id="no text"),
        pytest.param("bad", ("write", "sys/wrapping/unwrap", {"token": "x"}), SPENT, id="spent"),
        pytest.param("bad", ("read", "sys/wrapping/unwrap", {"token": "x"}), SPENT, id="any way"),
        pytest.param(
            "bad",
            ("write", "auth/token/lookup", {"token": 5}),
            (403, "invalid token"),
            id="token that is no text",
        ),
        pytest.param("bad", ("write", "auth/token/lookup", {"token": "x"}), NOBODY, id="caller"),
        pytest.param("default", ("write", "auth/token/lookup", {"token": "x"}), DENIED, id="right"),
        pytest.param(
            "root",
            ("write", "auth/token/lookup", {"token": "x"}),
            (403, "bad token"),
            id="token that is none",
        ),
        pytest.param("bad", ("write", "cubbyhole/x"), NOBODY, id="cubbyhole"),
        pytest.param("powerless", ("write", "cubbyhole/x"), DENIED, id="right to write"),
        pytest.param("default", ("write", "cubbyhole/x"), NO_DATA, id="data"),
        pytest.param("default", ("delete", "auth/token/create"), DENIED, id="right to delete"),
        pytest.param("root", ("delete", "auth/token/create"), NO_OPERATION, id="operation"),
        pytest.param("root", ("read", "auth/token/accessors"), NO_OPERATION, id="only listed"),
        pytest.param("bad", ("list", "sys/wrapping/lookup"), NOBODY, id="a list by nobody"),
        pytest.param("root", ("list", "sys/wrapping/lookup"), NO_PATH, id="never listed"),
        pytest.param("root", ("read", "auth/token/lookup/"), NO_PATH, id="no folder"),
        pytest.param("bad", ("patch", "nowhere/"), FOLDER, id="folder to patch"),
        pytest.param("bad", ("patch", "sys/wrapping/unwrap", {"token": "x"}), SPENT, id="patch"),
        pytest.param("bad", ("patch", "cubbyhole/x"), NOBODY, id="a patch by nobody"),
        pytest.param("default", ("patch", "cubbyhole/x"), DENIED, id="right to patch"),
        pytest.param("root", ("patch", "cubbyhole/x"), NO_OPERATION, id="never patched"),
        pytest.param("root", ("patch", "nowhere"), NOWHERE, id="mount to patch"),
        pytest.param("bad", ("scan", "cubbyhole/"), NOBODY, id="a scan by nobody"),
        pytest.param("default", ("scan", "cubbyhole/"), DENIED, id="right to scan"),
        pytest.param("root", ("scan", "cubbyhole/"), NO_OPERATION, id="never scanned"),
        pytest.param("root", ("scan", "sys/policies/acl"), NO_OPERATION, id="only listed, too"),
        pytest.param("root", ("scan", "sys/wrapping/lookup"), NO_PATH, id="no folder to scan"),
        pytest.param("powerless", ("write", "sys/seal"), DENIED, id="right to seal"),
        pytest.param("powerless", ("write", "sys/wrapping/wrap"), DENIED, id="right to wrap"),
        pytest.param(
            "default",
            ("write", "sys/wrapping/wrap"),
            (400, "endpoint requires response wrapping to be used"),
            id="wrap TTL",
        ),
    ],
)
async def test_the_first_fault_answers(house, sender, request_, refusal):
    tokens = {
        "default": await house.token(),
        "root": await house.token("root"),
        "powerless": await house.token("nothing", no_default_policy=True),
    }

    refused = await house.guest.refusal(*request_, token=tokens.get(sender, sender))

    assert (refused.status, *refused.messages) == refusal


async def test_but_for_a_path_that_cannot_be_printed(house):
    refused = await house.guest.refusal("read", "cubbyhole/\t", token="bad", wrap_ttl="soon")

    assert refused.messages == ("the path has a character that cannot be printed",)


@pytest.mark.parametrize("path", ["sys/health", "sys/seal-status", "sys/leader"])
@pytest.mark.parametrize("wrap_ttl", ["soon", "-1", "9999h", "1ns" * 350_000])
async def test_where_nothing_is_wrapped_no_wrap_ttl_is_read(house, path, wrap_ttl):
    assert (await house.guest.ask("read", path, wrap_ttl=wrap_ttl)).data


@pytest.mark.parametrize("operation", ["lookup", "renew", "revoke", "revoke-orphan"])
async def test_a_token_that_is_no_text_is_refused_at_no_cost(house, operation):
    token = await house.token("root", num_uses=1)

    for wrong in (None, 5, ["x"]):
        refused = await house.guest.refusal(
            "write", f"auth/token/{operation}", {"token": wrong}, token=token
        )
        assert (refused.status, refused.messages) == (403, ("invalid token",))

    assert await house.is_alive(token)


@pytest.mark.parametrize("path", ["nowhere/../", "sys/wrapping/unwrap", "cubbyhole/x/"])
async def test_a_wrap_ttl_that_cannot_be_read_is_told_before_all_else(house, path):
    refused = await house.guest.refusal("write", path, {"token": 5}, token="bad", wrap_ttl="soon")

    assert refused.messages == (
        'error parsing X-Vault-Wrap-TTL header: time: invalid duration "soon"',
    )
