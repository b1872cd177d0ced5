"""A daemon with one of each kind in its store, to whom keys come and go."""

from house import KEYS, open_house

from cubbyd.core.token import is_accessor
from cubbyd.resealer import reseal_all
from cubbyd.store import keyring
from cubbyd.store.sealed_file import term_of

POLICY = '{"path": {"cubbyhole/*": {"capabilities": ["read"]}}}'


def keys_on_disk(files):
    """The keys that the next daemon will have."""
    file = files.read("keyring")
    if file is None:
        return KEYS
    return keyring.decode(file, KEYS.opener.key)


def next_house(files, **options):
    return open_house(files, keys=keys_on_disk(files), **options)


def terms_of(files):
    """By name, under which term each sealed file lies."""
    names = [name for name in files.names() if is_accessor(name) or name.startswith("policy-")]
    return {name: term_of(files.read(name)) for name in names}


async def rotate(house):
    await house.owner.ask("write", "sys/rotate")


async def furnish(house):
    """One of each kind; the tokens by what they are."""
    await house.owner.ask("write", "sys/policies/acl/mine", {"policy": POLICY})
    parent = await house.token("root", ttl="24h")
    tokens = {
        "plain": await house.token("mine"),
        "child": await house.token(parent=parent, ttl="24h"),
        "limited": await house.token(num_uses=5),
        "wrapping": await house.wrapped({"password": "xyzzy"}, ttl="24h"),
    }
    for name in ("plain", "limited"):
        await house.guest.ask("write", "cubbyhole/x", {"is": name}, token=tokens[name])
    await house.owner.ask("write", "auth/token/revoke-orphan", {"token": parent})
    return tokens


async def check(house, tokens):
    """All of it is there as it was furnished; this spends what can be spent."""
    plain, limited = tokens["plain"], tokens["limited"]
    assert (await house.guest.ask("read", "cubbyhole/x", token=plain)).data == {"is": "plain"}
    assert (await house.guest.ask("read", "cubbyhole/x", token=limited)).data == {"is": "limited"}
    found = await house.owner.ask("write", "auth/token/lookup", {"token": limited})
    assert found.data["num_uses"] == 3
    found = await house.owner.ask("write", "auth/token/lookup", {"token": tokens["child"]})
    assert found.data["orphan"] is True
    assert (await house.unwrap(tokens["wrapping"])).data == {"password": "xyzzy"}
    found = await house.owner.ask("read", "sys/policies/acl/mine")
    assert (found.data["policy"], found.data["version"]) == (POLICY, 1)


async def rotate_and_move(house):
    """Whether all files hang on the new key then, and the old ones are gone."""
    await rotate(house)
    return await reseal_all(house.store.terms)


async def with_two_keys(house):
    tokens = await furnish(house)
    await rotate(house)
    return tokens


def spoiled(file):
    return file[:60] + bytes([file[60] ^ 1]) + file[61:]
