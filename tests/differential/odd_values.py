"""What clients send, and what they send when they are wrong: the words that sequences are made of.

TTLs are long enough for no token to end by itself within a sequence. Ids that could be mistaken for
a server's own are not among the values.
"""

# ruff: noqa: FBT003 - true and false are among what is drawn

from draw import among, lists, one_of
from exchange import NONCE, ROOT, Saved

# Rows of words, of which one a line would hide the others.
# fmt: off
TTLS = among(
    "1h", "30m", "60", 60, 3600, "90s", "1h30m", "1d", "2764800", "768h", "", None, 0, "0", "0s",
)
LONG_TTLS = among("769h", "3000h", 10_000_000, "40d", "99999h")
BAD_TTLS = among(
    "abc", "1w", "1y", "-1", -5, "-1h", "1.5", 1.5, 3600.0, "0x10", "5 s", " 60", "1e3", "1d12h",
    "99999999999", 99999999999999999999, [], {}, ["1h"], False, "1h-", "+90", "1.5h", "٣٠",
)
ANY_TTLS = one_of(TTLS, TTLS, TTLS, LONG_TTLS, BAD_TTLS)

ODD = among(
    None, "", " ", 0, 1, -1, True, False, 1.5, "x", "true", "0", [], ["x"], {}, {"a": "b"},
    [None], [1, 2], {"a": {"b": 1}}, "a=b", ["a=b"], "ünïcode", "a,b", 2**70,
)
FLAGS = among(True, False, True, False, "true", "false", 1, 0, "1", "f", "yes", None)
COUNTS = among(0, 1, 2, 3, 100, "2", -1, "-1", 1.5, "x", 2.0, None, True, 2**40, "")

NAMES = among("", "ops", "a b", "x-", "x--", "Ünï", "a/b", "日本", " lead", "x" * 70, 5)
METAS = among(
    {"k": "v"}, {}, None, {"a": 1, "b": True, "c": "x"}, {"n": None}, {"f": 1.5}, "k=v", ["k=v"],
    ["a=1", "b=2"], "kv", {"a": {"b": 1}}, {"a": ["b"]}, 5, "", [], {"Ü": "日本"}, {"": "x"},
    {"big": 12345678901234567890}, '{"k":"v"}',
)

POLICY_NAMES = among(f"{NONCE}-a", f"{NONCE}-b", f"{NONCE}-c")
POLICY_LISTS = one_of(
    lists(POLICY_NAMES, most=2),
    lists(POLICY_NAMES, least=1, most=2).map(lambda names: ["default", *names]),
    among(
        ["default"], ["default"], ["root"], None, [], "default", "default,foo", ["root", "x"],
        ["response-wrapping"], [" Default ", "default"], ["B", "a"], [""], "", [1, True], [None],
        {"a": 1}, ["default", "response-wrapping"], ["ROOT"], [["default"]], "root", 7, [" "],
    ),
)

CALLERS = among(
    *([ROOT] * 6), *[Saved("token", back) for back in (0, 0, 0, 0, 1, 1, 2, 3)],
    Saved("wrapping", 0), None, "", "s.garbage", "not a token", "b.batch", "hvs.x", "x" * 300,
)
"""Mostly those who may, and those who may a little."""
TRUSTED = among(ROOT, ROOT, ROOT, Saved("token", 0), Saved("token", 1))
NAMED_TOKENS = among(
    *[Saved("token", back) for back in (0, 0, 0, 1, 1, 2, 3, 4)], Saved("wrapping", 0),
    Saved("wrapping", 1), Saved("accessor", 0), "s.unknown", "", None, 5, [], {}, True,
    "ünknown",
)
NAMED_WRAPPINGS = among(
    *[Saved("wrapping", back) for back in (0, 0, 0, 0, 0, 0, 1, 1, 2)], Saved("token", 0),
    "s.unknown", "", None, 5, [], {}, True,
)
NAMED_ACCESSORS = among(
    *[Saved("accessor", back) for back in (0, 0, 0, 1, 1, 2, 3)], Saved("token", 0), "unknown",
    "", None, 5, [], {},
)

WRAP_TTLS = among("60", "60s", "1m", "1h", "1h30m", "2m30s", "768h", "1d", "90", "3600s")
ODD_WRAP_TTLS = among(
    "0", "0s", "", " 60 ", "-1", "-60s", "abc", "1w", "1.5", "1.5h", "1e3", "99999999999", "5 s",
    "500ms", "9999h", "90500ms", "1d12h", "+60", "60 s", "0x3c", "1m60s", "1000000us", "²",
)
ANY_WRAP_TTLS = one_of(WRAP_TTLS, WRAP_TTLS, WRAP_TTLS, ODD_WRAP_TTLS)

KEYS = among("x", "x", "x", "dir/x", "dir/y", "dir", "dir/sub/z", "X", "response")
ODD_KEYS = among(
    "a b", " ", " lead", "trail ", "a%b", "%41", "%2F", "caf\u00e9", "cafe\u0301", "日本/語", "😀",
    "a//b", "/x", "x/", "a/b/", "...", ".x", "x..", "a..b", ".", "..", "a/./b", "a/../b", "../x",
    "*", "+", "a*", "a+b", "a?b", "a#b", "a:b@c", "a\\b", "~", "{}", "{{x}}", "wrapinfo", "&=;",
    "a\tb", "a\nb", "a\x00b", "a\x7fb", "a\u00a0b", "a\u00adb", "a\u200bb", "a\u2028b", "\ufeff",
    "k" * 300, "d/" * 20 + "e", "'\"`", "<x>", "|", "dir-", "dir//x", "//", "response/x", "Ā",
    "\u0085", "\ud7ff", "\ufffd", "\U000e0001", "\u0300", "\u200d", "\u3000", "\u2003", "\ue000",
)
ANY_KEYS = one_of(KEYS, KEYS, ODD_KEYS)

DATA = among(
    {"a": "1"}, {"a": "2"}, {"b": 1}, {"a": "1", "b": [1, 2, {"c": None}]}, {"a": None},
    {"n": 12345678901234567890123}, {"f": 1.5}, {"t": True, "f": False}, {"ü": "日本 😀"},
    {"long": "long text " * 500}, {"": ""}, {"nested": {"a": {"b": {"c": [[[]]]}}}}, {"e": {}},
    {"path": "y", "token": "z", "data": {"k": "v"}, "ttl": "1h"}, {"keys": ["a"]}, {"z": -0.0},
    {"wrap_info": {"token": "x"}}, {"auth": {"client_token": "x"}}, {"list": True}, {"q": "<&>"},
    {"error": "boom", "other": 1}, {"lone": "\u2028\u2029\x00\x1f\x7f"}, {"k": '\\"/'},
    {"l": []}, {"many": list(range(100))}, {"neg": -1}, {"small": 1e-9}, {"huge": 1e300},
    {"data": None},
)
ODD_DATA = among(
    {}, {}, None, {"error": "boom"}, {"errors": ["boom"]}, {"error": ""}, {"error": 5},
    {"http_status_code": 201, "http_content_type": "text/plain", "http_raw_body": "hello"},
)
ANY_DATA = one_of(DATA, DATA, DATA, DATA, DATA, ODD_DATA)

RAW_BODIES = among(
    "{", "}", "[]", "[1,2]", '"text"', "5", "null", "true", "nul", "{}", "  {}  ", '{"a":1}x',
    '{"a":1} {"b":2}', '{"a":1,"a":2}', '{"a":1,}', "{'a':1}", '{"a":1e400}', '{"a":NaN}',
    '{"a":1e3}', '{"a":-0}', '{"a":1.0}', '{"a":01}', '{"a":"\\ud800"}', '{"a":"\\u0000"}',
    '{"a":"\t"}', '\ufeff{"a":1}', '{"a":[1,2,3', '{"a":0.1000000000000000055511151231257827}',
    "a=1&b=2", "a=1&a=2", "=", "a", '{"a":{"a":{"a":1},"a":2}}', '{"A":1,"a":2}', "\x00", "[{}]",
    "[" * 100 + "]" * 100, '{"a":' + "[" * 100 + "]" * 100 + "}", '{"a":1.5E+3}', '{"":null}',
    '{"a":"' + "x" * 5000 + '"}', '{"a":123456789012345678901234567890.5}', '{"\\u0061":1}',
)

CAPABILITIES = ["create", "read", "update", "delete", "list", "sudo", "deny"]
RULE_PATHS = among(
    "cubbyhole/*", "cubbyhole/x", "cubbyhole/dir/*", "cubbyhole/dir/", "cubbyhole/+",
    "cubbyhole/+/x", "cubbyhole/+/sub/*", "cubbyhole/x*", "cubbyhole", "cubbyhole/",
    "cubbyhole/dir", "*", "+/x", "", "/cubbyhole/x", "+/*", "cubbyhole/*/x", "cubbyhole/x+",
    "auth/token/*", "auth/token/create", "auth/token/lookup-self", "auth/token/accessors",
    "auth/token/accessors/", "auth/+/lookup", "auth/token/create-orphan",
    "auth/token/revoke-orphan", "auth/token/renew*", "sys/*", "sys/policies/acl/*",
    "sys/policies/acl", "sys/wrapping/*", "sys/wrapping/rewrap", "sys/tools/+",
    "sys/tools/random", "sys/capabilities", "sys/capabilities-self", "sys/policies/acl/+",
    "secret/*", "cubbyhole/a b", "cubbyhole/日本/*", "cubbyhole/+/+/z", "cubbyhole/dir/+", "+",
    "sys/policy/*",
)
ASKED_PATHS = one_of(
    RULE_PATHS,
    ANY_KEYS.map("cubbyhole/".__add__),
    among("cubbyhole/x", "cubbyhole/dir/x", "auth/token/create", "sys/health", "nomount/x"),
)
