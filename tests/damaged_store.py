"""A store with one of each, what its daemon answers to each, and ways to damage a file of it.

The family: ``parent`` has ``child`` has ``grandchild``; ``stub`` was revoked without ``orphan``.
``governed`` has the policy that somebody wrote, which denies what ``default`` grants.
"""

import json
from contextlib import closing
from dataclasses import dataclass

import trio
from fakes import EPOCH, MemoryFiles
from house import KEYS, open_house

from cubbyd.core.outcome import Remove
from cubbyd.errors import RefusedError
from cubbyd.fsck.check import check
from cubbyd.store.files import DiskFiles
from cubbyd.store.policy_record import file_name

NOW = EPOCH + 1
POLICY = "governing"
POLICY_FILE = file_name(POLICY, KEYS)
SECRET = "s3cret-canary"
DENYING = json.dumps({"path": {"cubbyhole/*": {"capabilities": ["deny"]}}})
LIVING = ("parent", "child", "grandchild", "orphan", "governed", "limited", "root")
DEPENDANTS = {
    "parent": {"parent", "child", "grandchild"},
    "child": {"child", "grandchild"},
    "stub": {"orphan"},
    POLICY_FILE: {"governed"},
}
"""Who suffers, besides a file's own token."""


@dataclass(frozen=True)
class Scene:
    """A store as it was when nothing was wrong."""

    files: dict[str, bytes]
    tokens: dict[str, str]
    """The tokens' texts, by what we call them."""
    names: dict[str, str]
    """Their files' names, likewise; and the policy's."""

    def sufferers(self, who):
        """Those who depend on one's file."""
        return DEPENDANTS.get(who, {who} - {"stub"})

    def in_memory(self):
        files = MemoryFiles()
        files.files.update(self.files)
        return files

    def on_disk(self, directory):
        """A new directory with all of it."""
        directory.mkdir(0o700)
        for name, data in self.files.items():
            (directory / name).touch(0o600)
            (directory / name).write_bytes(data)
        return directory


async def build():
    """The scene; it takes no time by the clock."""
    async with open_house(clock=lambda: EPOCH) as house:
        await house.owner.ask("write", f"sys/policies/acl/{POLICY}", {"policy": DENYING})
        tokens = {"root": await house.token("root"), "parent": await house.token("root")}
        tokens["child"] = await house.token("root", parent=tokens["parent"])
        tokens["grandchild"] = await house.token(parent=tokens["child"])
        tokens["stub"] = await house.token("root")
        tokens["orphan"] = await house.token(parent=tokens["stub"])
        tokens["governed"] = await house.token(POLICY, "default")
        tokens["limited"] = await house.token(num_uses=50)
        for who in LIVING:
            if who != "governed":
                path, data = "cubbyhole/own", {"of": who, "secret": SECRET}
                await house.guest.ask("write", path, data, token=tokens[who])
        await house.owner.ask("write", "auth/token/revoke-orphan", {"token": tokens["stub"]})
        tokens["wrapping"] = await house.wrapped({"secret": SECRET}, ttl="1h")
        names = {who: house.accessor(token) for who, token in tokens.items()}
        return Scene(dict(house.files.files), tokens, {**names, POLICY_FILE: POLICY_FILE})


SCENE = trio.run(build)
"""Built once; a test changes a copy."""


UNHARMED = {
    who: "permission_denied" if who == "governed" else {"of": who, "secret": SECRET}
    for who in LIVING
} | {"wrapping": {"creation_path": "sys/wrapping/wrap", "creation_ttl": 3600}}
"""What ``answers`` are when nothing is wrong."""


async def answers(house):
    """What each token is told that asks for its own secret: the data, or the refusal's code."""
    told = {
        who: await _told(house, "read", "cubbyhole/own", token=SCENE.tokens[who]) for who in LIVING
    }
    about = {"token": SCENE.tokens["wrapping"]}
    told["wrapping"] = await _told(house, "write", "sys/wrapping/lookup", about)
    return told


async def _told(house, operation, path, data=None, *, token=None):
    try:
        answer = await house.guest.ask(operation, path, data, token=token)
    except RefusedError as refused:
        return refused.code
    return {key: value for key, value in answer.data.items() if key != "creation_time"}


def restarted(files):
    """Another daemon on these files, a second after the scene."""
    return open_house(files, clock=lambda: NOW)


def harmed(told):
    """Those who are not told what they were, each with what they are told."""
    return {who: said for who, said in told.items() if said != UNHARMED[who]}


def fsck(store, *, keys=KEYS, now=NOW, **options):
    """Look over a store on disk."""
    with closing(DiskFiles(store)) as files:
        return check(files, keys, now=now, **options)


async def told_by_a_daemon(store):
    """The answers of a daemon that starts over a store on disk."""
    with closing(DiskFiles(store)) as files:
        async with restarted(files) as house:
            return await answers(house)


async def reaped_by_a_daemon(store):
    """Have a daemon start over a store on disk, that destroys what is due and ends."""
    with closing(DiskFiles(store)) as files:
        async with restarted(files) as house:
            await reap(house)


async def reap(house):
    """Destroy all that is due."""
    while due := house.store.due(NOW, at_most=64):
        await house.store.commit([[Remove(accessor=each) for each in due]])


def spoil(path):
    """Cut a file off."""
    path.write_bytes(path.read_bytes()[:-300])


def names_in(directory):
    """What there is in a directory."""
    return {path.name for path in directory.iterdir()}
