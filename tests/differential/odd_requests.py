"""Requests that no client library sends: methods, paths, bodies and headers nobody thought of."""

from draw import among, just, one_of
from exchange import Saved
from fragments import alone
from odd_values import ANY_WRAP_TTLS, CALLERS, RAW_BODIES, TRUSTED

# Rows of words, of which one a line would hide the others.
# fmt: off
_METHODS = among(
    "GET", "POST", "PUT", "DELETE", "LIST", "HEAD", "OPTIONS", "TRACE", "NOPE", "get", "CONNECT",
)
_PATHS = among(
    "auth/token/create", "auth/token/lookup", "auth/token/lookup-self", "auth/token/renew-self",
    "auth/token/accessors", "auth/token/accessors/", "auth/token/tidy", "auth/token/create/",
    "auth/token/create-orphan/x", "auth/token/nope", "auth/token", "auth/token/", "auth/",
    "auth", "auth/token/lookup/x", "auth/token/renew/x", "auth/token/revoke/x",
    "auth/token/lookup-self/", "auth/token/revoke-accessor/x", "auth/token/lookup-accessor/x",
    "auth/nope/login", "", "/", "sys/wrapping/wrap", "sys/wrapping/wrap/", "sys/wrapping/nope",
    "sys/wrapping", "sys/nope", "sys/wrapping/unwrap/", "sys/wrapping/lookup/",
    "sys/tools/random", "sys/tools/hash/", "sys/", "sys/capabilities-self", "sys/capabilities",
    "sys/capabilities-accessor", "sys/policies", "sys/policies/acl", "sys/policies/nope",
    "cubbyholex", "secretx/y", "sys/health/x", "a/b/c/d", "cubbyhole/x", "cubbyhole/",
    "cubbyhole", "Cubbyhole/x", "nomount/x", "nomount", "secretx/y", "AUTH/token/lookup-self",
    "sys/Wrapping/wrap",
)
_RAW_PATHS = among(
    "cubbyhole//x", "cubbyhole/./x", "cubbyhole/../x", "cubbyhole/a%2Fb", "cubbyhole/%2E%2E/x",
    "cubbyhole/%zz", "cubbyhole/a%20b", "cubbyhole/a+b", "cubbyhole/%ff", "cubbyhole/%00", "%2F",
    "cubbyhole%2Fx", "./cubbyhole/x", "../x", "cubbyhole/x;y=1", "cubbyhole/%C3%A9",
    "cubbyhole/%", "auth/token//lookup-self", "auth/token/lookup-self/", "%73ys/nope",
    "cubbyhole/x#frag", "//", "cubbyhole/x/..", "cubbyhole/x/.", "cubbyhole/%c3",
    "sys/../sys/nope", "cubbyhole/x%0d%0aA: b",
)
_QUERIES = among(
    "list=true", "list=false", "list=maybe", "list=1", "list=", "list", "LIST=true", "=", "&",
    "a=1", "a=1&b=2", "b=1&a=2", "token=x", "after=a&limit=1", "a%zz", "version=1", "a=%20b",
    "a=b;c",
)
_HEADERS = among(
    ("X-Vault-Namespace", "x"), ("X-Vault-Request", "true"), ("Content-Type", "text/plain"),
    ("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "text/html"),
    ("X-Vault-Wrap-Format", "nope"), ("Authorization", "Bearer nope"), ("X-Other", "1"),
    ("Authorization", "Basic eA=="), ("Authorization", "Bearer "), ("X-Vault-MFA", "x"),
    ("X-Vault-Policy-Override", "true"), ("Content-Type", "application/merge-patch+json"),
    ("X-Vault-No-Request-Forwarding", "1"), ("X-Vault-Wrap-TTL", "60"), ("Origin", "http://x"),
    ("Cookie", "a=b"),
)
_BODIES = among(None, {}, {"a": 1}, {"token": Saved("token")}, {"policies": ["default"]})
_WRITABLE = among(
    "cubbyhole/x", "auth/token/lookup", "auth/token/create", "sys/wrapping/unwrap", "sys/nope",
    "sys/capabilities-self", "auth/token/renew-self", "sys/tools/random", "sys/wrapping/lookup",
)
# fmt: on

ODD_REQUESTS = [
    alone(_METHODS, _PATHS, CALLERS, _BODIES),
    alone(_METHODS, _PATHS, TRUSTED, _BODIES, wrap_ttl=ANY_WRAP_TTLS),
    alone(among("GET", "POST", "LIST", "DELETE"), _RAW_PATHS, TRUSTED, is_raw=True),
    alone(
        among("GET", "LIST", "POST"),
        one_of(_PATHS, just("cubbyhole/x")),
        TRUSTED,
        query=_QUERIES,
    ),
    alone(among("POST", "PUT"), _WRITABLE, CALLERS, text=RAW_BODIES),
    alone(
        among("GET", "POST"),
        _WRITABLE,
        TRUSTED,
        _BODIES,
        headers=_HEADERS.map(lambda header: (header,)),
    ),
    alone(
        "GET", "auth/token/lookup-self", None, headers=_HEADERS.map(lambda header: (header,))
    ),
    alone("POST", "auth/token/tidy", TRUSTED),
]  # fmt: skip
