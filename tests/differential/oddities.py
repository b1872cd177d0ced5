"""Where both servers refuse or mend what no client can want, and not in the same way.

Nobody can depend on these: most are accidents of one server's way to read a request. Each is
listed all the same, so that what is not listed is noticed.
"""

import re

from matchers import WRONG_FIELD as WRONG
from matchers import Difference, data, error, is_for, said, statuses
from play import Exchange

_WITH_BODIES = "auth/token/.*|sys/(capabilities|polic|tools).*"
_WARNING = "Endpoint ignored these unrecognized parameters"


def _warnings(exchange: Exchange) -> str:
    body = exchange.theirs.body
    return str(body.get("warnings")) if isinstance(body, dict) else ""


def _has_several_mistakes(exchange: Exchange) -> bool:
    """Whether both refuse a body for a reason of their own."""
    known = rf"{WRONG}|missing path|invalid (token|accessor)|paths must be|'policy' param|At 1:1"
    ours = "^a policy has the members|^check-and-set parameter|^a policy's name is in lower case"
    is_mistaken = exchange.ours.status == 400 and exchange.theirs.status in {400, 405}
    return is_mistaken and (
        (is_for(exchange, _WITH_BODIES) and _says(exchange, known))
        or (is_for(exchange, "sys/polic.*") and bool(re.search(ours, error(exchange.ours))))
    )


def _says(exchange: Exchange, pattern: str) -> bool:
    return any(re.search(pattern, error(each)) for each in (exchange.theirs, exchange.ours))


ODDITIES = [
    Difference(
        name="HEAD and OPTIONS",
        why="no client sends them: they are refused before anything is looked at",
        is_seen=lambda it: it.asked.method in {"HEAD", "OPTIONS"},
        ends=True,
    ),
    Difference(
        name="HEAD and OPTIONS, refused alike",
        why="the same; and OpenBao has counted a use",
        is_silent=True,
        is_seen=lambda it: it.asked.method in {"HEAD", "OPTIONS"} and it.caller == "token",
        ends=True,
    ),
    Difference(
        name="one of several mistakes",
        why="each looks first where it finds it best",
        is_seen=_has_several_mistakes,
    ),
    Difference(
        name="a field that nobody reads",
        why="it is not checked either",
        is_seen=lambda it: (
            it.theirs.status == 400
            and it.ours.status in {200, 204}
            and re.match(WRONG, error(it.theirs)) is not None
            and is_for(
                it, "auth/token/(renew|lookup|revoke)-self|auth/token/create-orphan|sys/tools/.*/.*"
            )
        ),
        ends=True,
    ),
    Difference(
        name="what is no list",
        why="an object or a null among policies is a mistake, and nothing to leave out",
        is_seen=lambda it: (
            statuses(it) == (200, 400)
            and is_for(it, "auth/token/create.*|sys/capabilities.*")
            and re.match(WRONG.replace(r"(\w+)", "(policies|paths?)"), error(it.ours)) is not None
        ),
        ends=True,
    ),
    Difference(
        name="a write to nothing at nowhere",
        why="the missing path is the greater mistake",
        is_seen=lambda it: (
            it.asked.path == "cubbyhole" and said(it, "missing data fields", "missing path")
        ),
    ),
    Difference(
        name="wrapped dots",
        why="OpenBao cannot wrap what was read from a path with ... in it",
        is_seen=lambda it: (
            statuses(it) == (500, 200)
            and error(it.theirs) == "internal error"
            and ".." in it.asked.path
        ),
        ends=True,
    ),
    Difference(
        name="whose capabilities",
        why="a token that is not named is the caller's mistake",
        is_seen=lambda it: (
            is_for(it, "sys/capabilities")
            and it.ours.status == 400
            and "no token found" in error(it.theirs)
        ),
    ),
    Difference(
        name="a list of nothing, and a query",
        why="404 like any other list of nothing; there a warning makes it something",
        is_seen=lambda it: (
            statuses(it) == (200, 404)
            and it.asked.method == "LIST"
            and data(it.theirs) == {}
            and _WARNING in _warnings(it)
        ),
    ),
    Difference(
        name="uses that are left",
        why="a renewal tells how many; there it tells how many there were at creation",
        is_seen=lambda it: (
            it.differing == {"body/auth/num_uses"} and is_for(it, "auth/token/renew.*")
        ),
    ),
    Difference(
        name="path of a rewrapped token",
        why="the same as its creation_path, which both keep",
        is_seen=lambda it: (
            it.differing == {"body/data/path"} and data(it.theirs)["path"] == "sys/wrapping/rewrap"
        ),
    ),
    Difference(
        name="words for a number too large",
        why="what Go cannot hold it cannot read",
        is_seen=lambda it: said(it, "invalid duration", "multiplication of durations"),
    ),
    Difference(
        name="parts of the path of random",
        why="a source is 'platform' here, and what the path says is not said again",
        is_seen=lambda it: (
            is_for(it, "sys/tools/random.*")
            and (
                re.search("the only source|url-set byte count", error(it.ours)) is not None
                or (it.differing == {"body/warnings"} and {"source", "urlbytes"} & {*it.asked.body})
            )
        ),
    ),
    Difference(
        name="a folder of a policy",
        why="a policy's name has no slash, and is no folder: there is nothing to list or to delete",
        is_seen=lambda it: (
            is_for(it, "sys/polic(y|ies/acl)/.*")
            and it.ours.status in {404, 405}
            and (it.asked.method == "LIST" or is_for(it, "sys/policies/acl/(.*/.*)?"))
        ),
        ends=True,
    ),
]
