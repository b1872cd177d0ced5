"""sys/seal: with the keys in a file there is nothing to seal, and who asks is told so."""

import json

DENIED = "1 error occurred:\n\t* permission denied\n\n"


async def test_sealing_is_refused_in_words_that_help(house):
    refused = await house.owner.refusal("write", "sys/seal")

    assert (refused.status, refused.code) == (400, "invalid_request")
    (told,) = refused.messages
    assert "needs a passphrase" in told
    assert "cubby rekey --to passphrase" in told
    assert (await house.guest.ask("read", "sys/seal-status")).data["sealed"] is False


async def test_only_sudo_gets_that_far(house):
    for words, told in ((["update"], DENIED), (["update", "sudo"], "sealing needs")):
        policy = json.dumps({"path": {"sys/seal": {"capabilities": words}}})
        await house.owner.ask("write", "sys/policies/acl/p", {"policy": policy})
        token = await house.token("p")

        refused = await house.guest.refusal("write", "sys/seal", token=token)

        assert refused.messages[0].startswith(told)
