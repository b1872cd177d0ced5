"""Every operation, once, as data.

A ``Call`` says what is asked and how its answer is read; the shells (``Client``, ``AsyncClient``)
carry it out. Their methods build one of these and perform it; whoever wants an answer wrapped, or
wants it whole, builds the call here and changes it with ``wrapped`` or ``whole``.
"""

from cubbyd.client.calls.answers import Capabilities, Keys, WrappingLookup
from cubbyd.client.calls.call import (
    Call,
    Data,
    Duration,
    Token,
    as_secret,
    request,
    whole,
    wrapped,
)
from cubbyd.client.calls.paths import delete, list_keys, read, write
from cubbyd.client.calls.policies import (
    capabilities,
    capabilities_accessor,
    capabilities_self,
    delete_policy,
    list_policies,
    read_policy,
    write_policy,
)
from cubbyd.client.calls.tokens import (
    TokenOptions,
    create_orphan,
    create_token,
    list_accessors,
    login,
    lookup_accessor,
    lookup_self,
    lookup_token,
    renew_accessor,
    renew_self,
    renew_token,
    revoke_accessor,
    revoke_orphan,
    revoke_self,
    revoke_token,
    tidy,
)
from cubbyd.client.calls.tools import (
    Encoding,
    hash_data,
    health,
    key_status,
    random,
    rotate,
    seal_status,
)
from cubbyd.client.calls.wrapping import lookup_wrapping, rewrap, unwrap, wrap

__all__ = [
    "Call",
    "Capabilities",
    "Data",
    "Duration",
    "Encoding",
    "Keys",
    "Token",
    "TokenOptions",
    "WrappingLookup",
    "as_secret",
    "capabilities",
    "capabilities_accessor",
    "capabilities_self",
    "create_orphan",
    "create_token",
    "delete",
    "delete_policy",
    "hash_data",
    "health",
    "key_status",
    "list_accessors",
    "list_keys",
    "list_policies",
    "login",
    "lookup_accessor",
    "lookup_self",
    "lookup_token",
    "lookup_wrapping",
    "random",
    "read",
    "read_policy",
    "renew_accessor",
    "renew_self",
    "renew_token",
    "request",
    "revoke_accessor",
    "revoke_orphan",
    "revoke_self",
    "revoke_token",
    "rewrap",
    "rotate",
    "seal_status",
    "tidy",
    "unwrap",
    "whole",
    "wrap",
    "wrapped",
    "write",
    "write_policy",
]
