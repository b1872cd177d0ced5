"""Where cubbyd answers otherwise than OpenBao on purpose: each by name, with the reason.

A difference is a question to an exchange, as narrow as it can be put. After most of them both
servers are where they would have been, and the sequence goes on. Where they are not, it ends; or
steps follow that bring them together again.
"""

import re

from matchers import (
    Difference,
    both_say,
    delete_policy,
    error,
    holds_error,
    holds_http,
    is_barely_capped,
    is_for,
    only_we_refuse,
    policy_of,
    revoke_wrapping_token,
    said,
    statuses,
    wrong_fields,
)
from oddities import ODDITIES
from policy_texts import NOT_READ

NOISE = [
    Difference(
        name="one of several wrong fields",
        why="Go goes through the fields in another order each time",
        is_seen=lambda it: len(wrong_fields(it)) == 2,
    ),
    Difference(
        name="tidy is busy",
        why="whether a tidying has ended when the next one is asked for is chance",
        is_seen=lambda it: (
            is_for(it, "auth/token/tidy") and statuses(it) in {(200, 202), (202, 200)}
        ),
    ),
    Difference(
        name="status of the place",
        why="each server has its own name, version and kind of seal; cubbyd has no cluster",
        is_seen=lambda it: (
            is_for(it, "sys/(health|seal-status)") and statuses(it) == (200, 200)
        ),
    ),
    Difference(
        name="age of what is built in",
        why="OpenBao writes these policies when it starts; cubbyd's were always there",
        is_seen=lambda it: (
            it.differing <= {"body/modified", "body/data/modified"}
            and is_for(it, "sys/polic.*/(default|response-wrapping)")
        ),
    ),
    Difference(
        name="shortened by a moment",
        why="whether a renewal reaches the cap is decided by when each server was asked",
        is_seen=lambda it: it.differing == {"body/warnings"} and is_barely_capped(it),
    ),
]  # fmt: skip
"""What may differ between two OpenBaos as well."""

WORDS = [
    Difference(
        name="words of the JSON reader",
        why="each reader has its own words for what is wrong",
        is_seen=lambda it: both_say(it, "failed to decode JSON input: "),
    ),
    Difference(
        name="words for what cannot be carried",
        why="DESIGN §4: no infinity; it is refused as a value, and not as a Go type",
        is_seen=lambda it: said(it, "cannot unmarshal number", "cubbyd cannot carry this value"),
    ),
    Difference(
        name="words of the policy reader",
        why="each reader has its own words for what is wrong",
        is_seen=lambda it: both_say(it, "failed to parse policy: "),
    ),
    Difference(
        name="words for a wrong field",
        why="Go's names of types mean nothing to users of a Python daemon",
        is_seen=lambda it: len(wrong_fields(it)) == 1,
    ),
    Difference(
        name="words for a wrong path",
        why="a refusal has words",
        is_seen=lambda it: (
            statuses(it) == (400, 400)
            and it.theirs.body is None
            and "cannot be printed" in error(it.ours)
        ),
    ),
    Difference(
        name="words of the tools",
        why="Go's words for what it could not read",
        is_seen=lambda it: (
            it.theirs.status == it.ours.status >= 400
            and is_for(it, "sys/tools/.*")
            and error(it.ours)
            and error(it.theirs).startswith(error(it.ours).split(": '")[0])
        ),
    ),
    Difference(
        name="redirect",
        why="a redirect has no page for people",
        is_seen=lambda it: statuses(it) == (307, 307) and it.differing <= {"body", "content_type"},
    ),
]
"""The same refusal, told otherwise."""

ON_PURPOSE = [
    Difference(
        name="a refused request spends no wrapping token",
        why="DESIGN §3.1; both refuse, and OpenBao has burnt the token",
        is_silent=True,
        is_seen=lambda it: it.caller == "wrapping" and it.theirs.status == 403,
        repairs=revoke_wrapping_token,
    ),
    Difference(
        name="the same token in header and body",
        why="DESIGN §3.2: it unwraps; there it is an error, and the secret is lost",
        is_seen=lambda it: (
            statuses(it) == (500, 200)
            and is_for(it, "sys/wrapping/unwrap")
            and "error decrementing wrapping token's use-count" in error(it.theirs)
        ),
    ),
    Difference(
        name="error is data",
        why="DESIGN §3.3",
        is_seen=holds_error,
    ),
    Difference(
        name="http_raw_body is data",
        why="DESIGN §3.3; a wrapped unwrap is the answer itself, and not one over HTTP",
        is_seen=holds_http,
    ),
    Difference(
        name="empty write",
        why="DESIGN §3.4: an empty write is the caller's mistake, not the daemon's",
        is_seen=lambda it: (
            statuses(it) == (500, 400) and said(it, "missing data fields", "missing data fields")
        ),
    ),
    Difference(
        name="a token's own affairs as its last use",
        why="DESIGN §3.4: what is asked succeeds",
        is_seen=lambda it: (
            statuses(it) == (400, 200)
            and is_for(it, "auth/token/renew-self|sys/capabilities-self")
            and re.search("token not found|invalid token", error(it.theirs)) is not None
        ),
    ),
    Difference(
        name="wrap TTL below a second",
        why="DESIGN §3.5: wrap_info counts whole seconds, and 0 would not be the truth",
        is_seen=lambda it: error(it.ours).endswith("requested wrap ttl is below one second"),
        ends=True,
    ),
    Difference(
        name="longest wrap TTL",
        why="DESIGN §3.5: it is a setting",
        is_seen=lambda it: "requested wrap ttl exceeds the" in error(it.ours),
        ends=True,
    ),
    Difference(
        name="wrapped_accessor is kept",
        why="DESIGN §3.6: by a rewrap, and by an unwrap that is wrapped",
        is_seen=lambda it: (
            it.differing == {"body/wrap_info/wrapped_accessor"}
            and is_for(it, "sys/wrapping/(rewrap|unwrap)")
        ),
    ),
    Difference(
        name="wrapped list of nothing",
        why="DESIGN §3.6: the same 404 as the bare list",
        is_seen=lambda it: (
            statuses(it) == (404, 404)
            and error(it.theirs) == "unsupported path"
            and it.ours.body == {"errors": []}
        ),
    ),
    Difference(
        name="text of the default policy",
        why="it grants what there is to grant; DESIGN §3.6: rewrap too (see openbao.py)",
        is_seen=lambda it: (
            is_for(it, "sys/polic.*/default")
            and {where.rpartition("/")[2] for where in it.differing}
            <= {"policy", "rules", "modified", "version"}
        ),
    ),
    Difference(
        name="no custom ids",
        why="DESIGN §3.8: a guessable id opens to whoever has disk and keys",
        is_seen=lambda it: error(it.ours) == "custom token IDs are not supported",
    ),
    Difference(
        name="no batch tokens",
        why="DESIGN §3.8: what looks like one is a wrong token like any other",
        is_seen=lambda it: (
            str(it.asked.token).startswith("b.")
            and "illegal base64 data" in error(it.theirs) + str(it.theirs.status == 500)
        ),
    ),
    Difference(
        name="text that is not Unicode",
        why="DESIGN §4: a lone surrogate is 400",
        is_seen=lambda it: error(it.ours).endswith("text that is not Unicode"),
        ends=True,
    ),
    Difference(
        name="deeply nested",
        why="DESIGN §4: at most 64 levels",
        is_seen=lambda it: error(it.ours).endswith("nested deeper than 64"),
        ends=True,
    ),
    Difference(
        name="a request line that is not well-formed",
        why="RFC 9112: no # in the target, % before two digits; and a path is text in UTF-8",
        is_seen=lambda it: (
            it.ours.status == 400
            and re.search("request line is not|not UTF-8|hexadecimal", error(it.ours)) is not None
        ),
        ends=True,
    ),
    Difference(
        name="a query or form that two readers read differently",
        why="a bare ; parts fields for one reader and belongs to a value for another",
        is_seen=lambda it: it.ours.status == 400 and error(it.ours).endswith("not escaped"),
        ends=True,
    ),
    Difference(
        name="a folder has its slash",
        why="a policy's rule holds for the path as it was written",
        is_seen=lambda it: is_for(it, "cubbyhole") and statuses(it) == (500, 403),
    ),
    Difference(
        name="a blank name of a policy",
        why="it grants nothing there; an unset variable should not go unnoticed",
        is_seen=lambda it: only_we_refuse(it, "the name of a policy is empty"),
        ends=True,
    ),
    Difference(
        name="one spelling for a policy",
        why="the path that was authorized is the one acted on",
        is_seen=lambda it: error(it.ours).startswith("a policy's name is in lower case"),
        ends=True,
    ),
    Difference(
        name="a policy has members of its own",
        why="a policy that was thought to expire and does not is worse than none",
        is_seen=lambda it: only_we_refuse(it, "^a policy has the members 'policy' and 'cas' here"),
        repairs=delete_policy,
    ),
    Difference(
        name="a policy that is not read",
        why="what could be read in two ways is refused, and so is a limit that cannot be kept",
        is_seen=lambda it: (
            policy_of(it) in NOT_READ and only_we_refuse(it, "^failed to parse policy: ")
        ),
        repairs=delete_policy,
    ),
    Difference(
        name="odd bounds",
        why="half a second, and less than nothing, are mistakes; OpenBao takes them, or does not "
        "look at them after deny",
        is_seen=lambda it: (
            re.search(r'ttl"?[=: ]+(1\.5|"-1s")|"deny"', policy_of(it)) is not None
            and only_we_refuse(it, "^failed to parse policy: .*(TTL|_ttl|time: |number)")
        ),
        repairs=delete_policy,
    ),
]
"""What users of OpenBao can find in the documentation of cubbyd."""


DIFFERENCES = [*NOISE, *WORDS, *ON_PURPOSE, *ODDITIES]
