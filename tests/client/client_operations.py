"""Every operation: how a client's method is called, what it asks, and what it returns."""

from cubbyd.client import Auth, Operation, Secret, WrapInfo
from cubbyd.client.calls import WrappingLookup
from cubbyd.messages import Response

OWN = "cbys_own"
OTHER = "cbyw_other"

WRAP_INFO = WrapInfo(
    token=Secret(b"cbyw_new"),
    accessor="ab" * 16,
    ttl=60,
    creation_time="2026-11-22T01:17:41.500000Z",
    creation_path="sys/wrapping/wrap",
)
AUTH = Auth(
    client_token=Secret(b"cbys_new"),
    accessor="cd" * 16,
    policies=("default",),
    lease_duration=3600,
    renewable=True,
    orphan=False,
    num_uses=0,
)
UNTOLD = AUTH._replace(client_token=Secret(b""))
LOOKUP = {"creation_path": "a/b", "creation_time": "2026-11-22T01:17:41Z", "creation_ttl": 60}
READ, WRITE, LIST, DELETE = Operation.READ, Operation.WRITE, Operation.LIST, Operation.DELETE
NOTHING = Response()

OPERATIONS = [
    # method, arguments, asked as, the daemon's answer, what the method returns
    ("read", ["cubbyhole/a"], (READ, "cubbyhole/a", None), Response(data={"k": b"v"}), {"k": b"v"}),
    ("list", ["cubbyhole/"], (LIST, "cubbyhole/", None), Response(data={"keys": ["a"]}), ["a"]),
    ("delete", ["cubbyhole/a"], (DELETE, "cubbyhole/a", None), NOTHING, None),
    ("write", ["x", {"k": [1]}], (WRITE, "x", {"k": [1]}), NOTHING, NOTHING),
    ("login", [], (WRITE, "auth/peer/login", None), Response(auth=AUTH), AUTH),
    ("lookup_self", [], (READ, "auth/token/lookup-self", None), Response(data={"a": 1}), {"a": 1}),
    (
        "lookup_token",
        [OTHER],
        (WRITE, "auth/token/lookup", {"token": OTHER}),
        Response(data={"a": 1}),
        {"a": 1},
    ),
    (
        "lookup_accessor",
        ["ab"],
        (WRITE, "auth/token/lookup-accessor", {"accessor": "ab"}),
        Response(data={"a": 1}),
        {"a": 1},
    ),
    ("revoke_self", [], (WRITE, "auth/token/revoke-self", None), NOTHING, None),
    ("revoke_token", [OTHER], (WRITE, "auth/token/revoke", {"token": OTHER}), NOTHING, None),
    (
        "revoke_accessor",
        ["ab"],
        (WRITE, "auth/token/revoke-accessor", {"accessor": "ab"}),
        NOTHING,
        None,
    ),
    (
        "list_accessors",
        [],
        (LIST, "auth/token/accessors", None),
        Response(data={"keys": ["ab"]}),
        ["ab"],
    ),
    (
        "revoke_orphan",
        [OTHER],
        (WRITE, "auth/token/revoke-orphan", {"token": OTHER}),
        NOTHING,
        None,
    ),
    (
        "renew_token",
        [OTHER, "2h"],
        (WRITE, "auth/token/renew", {"token": OTHER, "increment": "2h"}),
        Response(auth=AUTH),
        AUTH,
    ),
    (
        "renew_self",
        [60],
        (WRITE, "auth/token/renew-self", {"increment": 60}),
        Response(auth=AUTH),
        AUTH,
    ),
    (
        "renew_accessor",
        ["ab", 0],
        (WRITE, "auth/token/renew-accessor", {"accessor": "ab", "increment": 0}),
        Response(auth=UNTOLD),
        UNTOLD,
    ),
    ("tidy", [], (WRITE, "auth/token/tidy", None), Response(status=202, warnings=("w",)), None),
    (
        "capabilities_self",
        [["a", "b"]],
        (WRITE, "sys/capabilities-self", {"paths": ["a", "b"]}),
        Response(data={"a": ["read"], "b": ["deny"]}),
        {"a": ["read"], "b": ["deny"]},
    ),
    (
        "capabilities_accessor",
        ["ab", ("a",)],
        (WRITE, "sys/capabilities-accessor", {"accessor": "ab", "paths": ["a"]}),
        Response(data={"a": ["root"], "capabilities": ["root"]}),
        {"a": ["root"]},
    ),
    (
        "list_policies",
        [],
        (LIST, "sys/policies/acl", None),
        Response(data={"keys": ["default"]}),
        ["default"],
    ),
    (
        "read_policy",
        ["p"],
        (READ, "sys/policies/acl/p", None),
        Response(data={"name": "p", "policy": "{}", "version": 1}),
        "{}",
    ),
    (
        "write_policy",
        ["p", "{}"],
        (WRITE, "sys/policies/acl/p", {"policy": "{}"}),
        NOTHING,
        None,
    ),
    ("delete_policy", ["p"], (DELETE, "sys/policies/acl/p", None), NOTHING, None),
    (
        "random",
        [16],
        (WRITE, "sys/tools/random", {"bytes": 16}),
        Response(data={"random_bytes": "AAEC"}),
        "AAEC",
    ),
    (
        "hash",
        [b"\xfb\xff"],
        (WRITE, "sys/tools/hash", {"input": "+/8="}),
        Response(data={"sum": "c0ffee"}),
        "c0ffee",
    ),
    (
        "lookup_wrapping",
        [OTHER],
        (WRITE, "sys/wrapping/lookup", {"token": OTHER}),
        Response(data=LOOKUP),
        WrappingLookup(**LOOKUP),
    ),
    (
        "rewrap",
        [OTHER],
        (WRITE, "sys/wrapping/rewrap", {"token": OTHER}),
        Response(wrap_info=WRAP_INFO),
        WRAP_INFO,
    ),
    ("seal_status", [], (READ, "sys/seal-status", None), Response(data={"sealed": False}), ...),
    ("health", [], (READ, "sys/health", None), Response(data={"sealed": False}), ...),
    ("rotate", [], (WRITE, "sys/rotate", None), Response(), None),
    ("key_status", [], (READ, "sys/key-status", None), Response(data={"term": 2}), ...),
    ("hardening", [], (READ, "sys/hardening", None), Response(data={"no_swap": True}), ...),
    (
        "unseal",
        ["correct horse"],
        (WRITE, "sys/unseal", {"passphrase": "correct horse"}),
        Response(data={"sealed": False}),
        ...,
    ),
    ("seal", [], (WRITE, "sys/seal", None), Response(), None),
    ("rekey", ["key-file"], (WRITE, "sys/rekey", {"to": "key-file"}), Response(), None),
]
