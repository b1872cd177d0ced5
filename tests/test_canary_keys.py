"""No passphrase, and no key that is made of one, appears where it does not belong.

As test_canary.py has it, for what brings keys, changes what opens them, and has them forgotten.
"""

import logging
from unittest.mock import patch

import pytest
import trio
from canary import MARK, Trail
from desk_house import open_desk
from fakes import GUEST, OWNER, MemoryFiles

from cubbyd.crypto.key_memory import KeyMemory


@pytest.fixture
def trail():
    return Trail()


@pytest.mark.parametrize("source", ["passphrase", "key-file"])
async def test_sealing_unsealing_and_rekeying_leave_no_secret_behind(
    trail, caplog, autojump_clock, source
):
    """Passphrases, right and wrong, and the keys that are made of them; by all who ask."""
    caplog.set_level(logging.DEBUG)
    right, wrong, other = f"{MARK} right", f"{MARK} wrong", f"{MARK} other"
    trail.secrets |= {text.encode() for text in (right, wrong, other)}
    async with open_desk(MemoryFiles(), random=trail.random) as house:
        held = KeyMemory.hold

        def hold(memory, key):
            trail.secrets.add(key)
            return held(memory, key)

        with patch.object(KeyMemory, "hold", hold):
            await trail.ask(house, "write", "sys/rekey", {"to": "passphrase", "passphrase": right})
            await trail.ask(house, "write", "sys/rotate")
            for again in (wrong, right):
                data = {"to": source, "current_passphrase": again}
                if source == "passphrase":
                    data["passphrase"] = other
                for peer in (GUEST, OWNER):
                    await trail.ask(house, "write", "sys/rekey", data, peer=peer)
                await trio.sleep(1)
            await trail.ask(house, "write", "sys/seal")
            for text in (wrong, right, other):
                for data in ({"passphrase": text}, {"passphrase": [text]}, {"key": text}):
                    for peer in (GUEST, OWNER):
                        await trail.ask(house, "write", "sys/unseal", data, peer=peer)
                await trail.ask(house, "write", "sys/unseal", {"passphrase": text}, token=text)
                await trail.ask(house, "write", "sys/rekey", {"to": text, "passphrase": text})
                await trio.sleep(60)
        assert not house.desk.is_sealed

        files = house.files.files
        logged = [repr(record.__dict__) for record in caplog.records]
        config = house.disk.tree()["config"]
        key_file = config.get("key", b"").strip()
        assert bool(key_file) is True  # it was the first source, and lies there still
        trail.check(caplog.text, *logged, *files, *files.values(), *config, repr(house.desk))
    assert trail.refusals > 6
