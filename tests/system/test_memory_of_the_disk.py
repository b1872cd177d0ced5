"""The process for the disk holds sealed bytes and no secret, and is closed to others all the same.

It shares the daemon's memory as of the fork; so there must be no secret in that yet, be the key one
that was made just now or one that was read.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from canary import spellings
from real_daemon import PATIENCE, RealDaemon

from cubbyd.store import keyring
from cubbyd.store.files import DiskFiles
from cubbyd.store.key_places import KeyPlaces

SECRET = "canary" + "-a3d1-in-a-cubbyhole"
OTHER = 1234
# Everything is imported before the process becomes somebody else, who may not read it.
AS_ANOTHER = f"""
import ctypes, os
from cubbyd.cli import serve
os.setgroups([]); os.setresgid({OTHER}, {OTHER}, {OTHER}); os.setresuid({OTHER}, {OTHER}, {OTHER})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable, as after exec; setresuid took it away
serve.main()
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read memory")


def keys_of(daemon):
    """What is in the key file, and what that opens."""
    digits = daemon.key_file.read_text().strip()
    files = DiskFiles(daemon.store, make=False)
    try:
        keys = keyring.load_or_create(files, KeyPlaces(daemon.key_file), os.urandom)
    finally:
        files.close()
    roots = [each.reveal() for each in (keys.accessor_key, *keys.terms.values())]
    return [bytes.fromhex(digits), *roots]


def serve_everything(daemon):
    """Have it handle tokens and a secret in most ways; returns them."""
    with daemon.client() as client:
        auth = client.create_token(policies=["default"])
        wrapping = client.wrap({"value": SECRET, "bytes": SECRET.encode()}, 60)
        again = client.rewrap(wrapping.token)
        spent = client.wrap({"value": SECRET}, 60)
        client.unwrap(spent.token)
    with daemon.client(auth.client_token) as client:
        client.write("cubbyhole/a", {"value": SECRET})
        client.read("cubbyhole/a")
        client.renew_self()
    tokens = [auth.client_token, wrapping.token, again.token, spent.token]
    return [SECRET.encode(), *(each.reveal() for each in tokens)]


def memory_of(pid):
    """All that it can have written: what is private to it, and writable."""
    mappings = re.findall(r"^(\w+)-(\w+) rw", Path(f"/proc/{pid}/maps").read_text(), re.MULTILINE)
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            return b"".join(_mapping(memory, *each) for each in mappings)
    except PermissionError:
        pytest.skip("root may not read memory here")


def _mapping(memory, begin, end):
    memory.seek(int(begin, 16))
    return memory.read(int(end, 16) - int(begin, 16))


def found_in(memory, secrets):
    return [each for each in secrets if any(words in memory for words in spellings(each))]


@pytest.mark.parametrize("is_first_start", [True, False])
def test_it_has_neither_a_key_nor_a_token_nor_a_secret(daemon, is_first_start):
    daemon.start()
    if not is_first_start:
        daemon.end()
        daemon.start()
    served = serve_everything(daemon)
    keys = keys_of(daemon)
    daemons, disks = memory_of(daemon.process.pid), memory_of(daemon.disk_pid)

    assert found_in(daemons, keys) == keys  # so they would have been seen
    assert os.fsencode(daemon.store) in disks
    assert found_in(disks, keys + served) == []


def test_no_other_process_of_the_user_may_read_it_and_it_leaves_no_core_dump(tmp_path):
    for parent in (tmp_path, *tmp_path.parents[:-2]):
        parent.chmod(0o755)
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", OTHER, OTHER)
    daemon = RealDaemon(tmp_path / "home", program=("-c", AS_ANOTHER))
    daemon.options()
    os.chown(tmp_path / "home" / "cubbyd.toml", OTHER, OTHER)
    try:
        assert daemon.start()
        for pid in (daemon.process.pid, daemon.disk_pid):
            tried = subprocess.run(
                ["/bin/cat", f"/proc/{pid}/mem"],
                user=OTHER,
                group=OTHER,
                extra_groups=[],
                capture_output=True,
                check=False,
                timeout=PATIENCE,
            )
            assert b"Permission denied" in tried.stderr
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
            status = Path(f"/proc/{pid}/status").read_text()
            assert re.search(rf"^Uid:\t{OTHER}\t", status, re.MULTILINE)
    finally:
        daemon.close()
