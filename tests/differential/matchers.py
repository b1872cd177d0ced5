"""Questions to an exchange, of which differences are made."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from exchange import ROOT, Answer, Step
from normalise import Around
from play import Exchange


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Answers that may differ, and why."""

    name: str
    why: str
    is_seen: Callable[[Exchange], bool]
    is_silent: bool = False
    """Whether the answers are alike, and only what follows would not be."""
    ends: bool = False
    """Whether nothing can be compared any more."""
    repairs: Callable[[Exchange], list[Step]] = lambda _: []
    """Steps after which both servers are in the same state again."""


def error(answer: Answer) -> str:
    """The text of an error, if it has just one."""
    match answer.body:
        case {"errors": [str(text)]}:
            return text
    return ""


def data(answer: Answer) -> dict:
    """The data of an answer, if it has any."""
    match answer.body:
        case {"data": dict(found)}:
            return found
    return {}


def statuses(exchange: Exchange) -> tuple[int, int]:
    """Theirs and ours."""
    return exchange.theirs.status, exchange.ours.status


def said(exchange: Exchange, theirs: str, ours: str) -> bool:
    """Whether both refuse, each with an error that has such words in it."""
    return (
        statuses(exchange) >= (400, 400)
        and re.search(theirs, error(exchange.theirs)) is not None
        and re.search(ours, error(exchange.ours)) is not None
    )


def both_say(exchange: Exchange, beginning: str) -> bool:
    """Whether both refuse, with the same status and the same words to begin with."""
    is_same = exchange.theirs.status == exchange.ours.status
    return is_same and said(exchange, "^" + re.escape(beginning), "^" + re.escape(beginning))


def only_we_refuse(exchange: Exchange, text: str) -> bool:
    """Whether cubbyd refuses with such words what OpenBao does."""
    return statuses(exchange) in {(200, 400), (204, 400)} and bool(
        re.search(text, error(exchange.ours))
    )


def is_for(exchange: Exchange, pattern: str) -> bool:
    """Whether the request's path is such a one."""
    return re.fullmatch(pattern, exchange.asked.path) is not None


WRONG_FIELD = r'^Field validation failed: error converting input for field "(\w+)": '


def wrong_fields(exchange: Exchange) -> set[str]:
    """The fields that both complain of, each of its own."""
    found = [re.match(WRONG_FIELD, error(each)) for each in (exchange.theirs, exchange.ours)]
    return {each[1] for each in found} if all(found) else set()


def is_barely_capped(exchange: Exchange) -> bool:
    """Whether only one warns that a renewal was shortened, and it was by a moment."""
    warnings = [view["body"].get("warnings") for view in (exchange.their_view, exchange.our_view)]
    match warnings:
        case ([(_, Around() as asked, _, Around() as given, _)], None) | (
            None,
            [(_, Around() as asked, _, Around() as given, _)],
        ):
            return asked == given
    return False


def policy_of(exchange: Exchange) -> str:
    """The text of the policy that is written, if one is."""
    body = exchange.asked.body if is_for(exchange, "sys/polic.*") else None
    return str(body.get("policy")) if isinstance(body, dict) else ""


def delete_policy(exchange: Exchange) -> list[Step]:
    """The policy that only one server took."""
    return [Step("DELETE", exchange.step.path, ROOT)]


def revoke_wrapping_token(exchange: Exchange) -> list[Step]:
    """The wrapping token that is spent at one server and not at the other."""
    named = (exchange.step.body or {}).get("token") if _names_a_token(exchange) else None
    tokens = [token for token in (named, exchange.step.token) if token not in (None, ROOT)]
    return [Step("POST", "auth/token/revoke", ROOT, {"token": token}) for token in tokens]


def _names_a_token(exchange: Exchange) -> bool:
    return isinstance(exchange.step.body, dict) and is_for(exchange, "sys/wrapping/.*")


def holds_error(exchange: Exchange) -> bool:
    """Whether the answer is data that OpenBao mistakes for its own error, or that, wrapped."""
    is_data = data(exchange.ours).keys() == {"error"}
    is_wrapped = exchange.asked.wrap_ttl and isinstance(exchange.ours.body, dict)
    is_of_data = is_for(exchange, r"cubbyhole/.*|sys/wrapping/(wrap|unwrap)")
    # It has no answer at all, but breaks off, if what it takes for an error's text is no text.
    return statuses(exchange) in {(400, 200), (0, 200)} and is_of_data and (is_data or is_wrapped)


def holds_http(exchange: Exchange) -> bool:
    """Whether the answer is data that OpenBao takes for an answer to give, or has such in it."""
    if data(exchange.ours).keys() >= {"http_status_code", "http_raw_body"}:
        return exchange.theirs.content_type == "text/plain"
    return "http_raw_body" in str(data(exchange.theirs).get("response"))
