"""One rule decides for a path, and which one is OpenBao's choice.

- An exact path beats every pattern; among patterns the order is Vault's documented one.
- The same path in several policies: capabilities are joined, ``deny`` wins, bounds are the least.
- Bounds on the wrap TTL are inclusive, and one of them means that the answer must be wrapped.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.core.policy import Acl, Capability, RootAcl, Rule

READ, LIST, UPDATE, DENY = (
    frozenset({each})
    for each in (Capability.READ, Capability.LIST, Capability.UPDATE, Capability.DENY)
)

segments = st.text("ab", max_size=2) | st.just("+")
patterns = st.builds(
    lambda parts, star: "/".join(parts) + star,
    st.lists(segments, min_size=1, max_size=3),
    st.sampled_from(["", "*"]),
).filter(lambda pattern: not pattern.endswith("+*"))
paths = st.lists(st.text("ab", max_size=2), min_size=1, max_size=4).map("/".join)


def acl(*written):
    return Acl(Rule(path=path, capabilities=READ) for path in written)


def as_regex(pattern):
    """A pattern said in another language."""
    parts = ["[^/]*" if part == "+" else re.escape(part) for part in pattern.rstrip("*").split("/")]
    return "/".join(parts) + (".*" if pattern.endswith("*") else "")


@given(patterns, paths)
def test_a_pattern_matches_what_its_regular_expression_matches(pattern, path):
    granted = bool(acl(pattern).rule(path).capabilities)

    assert granted == bool(re.fullmatch(as_regex(pattern), path))


@given(st.lists(patterns, max_size=6), paths)
def test_the_deciding_rule_is_one_that_matches(written, path):
    decides = acl(*written).rule(path)

    matching = {each for each in written if re.fullmatch(as_regex(each), path)}
    assert decides.path in (matching or {""})
    assert path not in matching or decides.path == path


@pytest.mark.parametrize(
    ("better", "worse", "path"),
    [
        ("a/b", "a/*", "a/b"),
        ("a/b", "a/+", "a/b"),
        ("a/b*", "a/*", "a/bc"),
        ("a/b*", "*", "a/bc"),
        ("a/bc*", "a/b*", "a/bcd"),
        ("a/b*", "a/+", "a/bc"),
        ("a/+", "a/*", "a/b"),
        ("a/*", "a/+/+/b/*", "a/x/y/b/z"),
        ("a/b/+", "a/b*", "a/b/c"),
        ("a/+/c", "+/b/c", "a/b/c"),
        ("a/+/c", "a/+/+", "a/b/c"),
        ("a/+/bc*", "a/+/b*", "a/x/bcd"),
        ("+/b", "*", "a/b"),
        ("a/+/b", "a/+/+", "a/x/b"),
        ("+/b/+", "+/+/c", "a/b/c"),
    ],
)
def test_the_more_specific_pattern_decides(better, worse, path):
    """Where the first wildcard stands; then no star at the end; then fewer +; then the longer.

    Where all that is the same, the later in the alphabet: no order of writing decides.
    """
    assert acl(better, worse).rule(path).path == better
    assert acl(worse, better).rule(path).path == better


def test_a_longer_rule_replaces_and_does_not_add():
    rules = Acl(
        [Rule(path="a/*", capabilities=READ | UPDATE), Rule(path="a/b*", capabilities=LIST)]
    )

    assert rules.rule("a/bc").capabilities == LIST


def test_nothing_is_granted_where_no_rule_matches():
    assert acl("a/*", "b").rule("c").capabilities == frozenset()
    assert Acl([]).rule("").capabilities == frozenset()


def test_the_same_path_in_several_policies_joins_their_capabilities():
    rules = Acl([Rule(path="a", capabilities=READ), Rule(path="a", capabilities=LIST)])

    assert rules.rule("a").capabilities == READ | LIST


@given(st.permutations([READ, DENY, UPDATE]))
def test_deny_wins_in_any_order(order):
    rules = Acl(Rule(path="a/*", capabilities=each) for each in order)

    assert rules.rule("a/b").capabilities == DENY


bounds = st.none() | st.integers(1, 100)


@given(st.lists(st.tuples(bounds, bounds), min_size=1, max_size=4))
def test_bounds_merge_to_the_least_of_each(written):
    rule = Acl(
        Rule(path="a", capabilities=READ, min_wrapping_ttl=low, max_wrapping_ttl=high)
        for low, high in written
    ).rule("a")

    lows = [low for low, _ in written if low is not None]
    highs = [high for _, high in written if high is not None]
    assert rule.min_wrapping_ttl == (min(lows) if lows else None)
    assert rule.max_wrapping_ttl == (min(highs) if highs else None)


@pytest.mark.parametrize(
    ("low", "high", "allowed", "refused"),
    [
        (None, None, [0, 1, 1e9], []),
        (10, None, [10, 11, 1e9], [0, 1, 9.9]),
        (None, 20, [1, 20], [0, 20.1]),
        (10, 20, [10, 15, 20], [0, 9, 21]),
    ],
)
def test_bounds_are_inclusive_and_ask_for_wrapping(low, high, allowed, refused):
    rule = Rule(path="a", capabilities=READ, min_wrapping_ttl=low, max_wrapping_ttl=high)

    assert all(rule.allows_wrapping(ttl) for ttl in allowed)
    assert not any(rule.allows_wrapping(ttl) for ttl in refused)


@pytest.mark.parametrize("asked", ["a/b", "a/b/"])
@pytest.mark.parametrize(
    ("written", "decides"),
    [
        (["a/b/"], "a/b/"),
        (["a/b"], "a/b"),
        (["a/b", "a/b/"], "a/b/"),
        (["a/*"], "a/*"),
        (["a/b", "a/*"], "a/b"),
        (["a/b", "a/b/*"], "a/b"),
        (["a/b/*"], "a/b/*"),
        (["a/+/"], "a/+/"),
        (["a/+"], "a/+"),
        (["a/*", "a/+"], "a/*"),
        (["a/+", "a/+/"], "a/+/"),
        (["b"], ""),
    ],
)
def test_a_folder_is_listed_by_its_name_with_or_without_the_slash(asked, written, decides):
    """Exact names first; then what matches it with its slash, and last what does without."""
    assert acl(*written).list_rule(asked).path == decides


def test_deny_on_a_name_holds_for_listing_it_whatever_a_pattern_grants():
    rules = Acl([Rule(path="a/*", capabilities=LIST), Rule(path="a/b", capabilities=DENY)])

    assert rules.list_rule("a/b").capabilities == DENY


@given(paths)
def test_root_may_do_everything_everywhere(path):
    everything = frozenset(Capability) - DENY

    assert RootAcl().rule(path).capabilities == everything
    assert RootAcl().list_rule(path).capabilities == everything
    assert RootAcl().rule(path).allows_wrapping(0)


@pytest.mark.parametrize(
    ("path", "decides"),
    [("a/x/b", "a/+/b*"), ("a/x/bc/d", "a/+/b*"), ("a/x/c", ""), ("a/x", ""), ("a/x/", "")],
)
def test_after_whole_segments_a_prefix_still_has_to_fit(path, decides):
    assert acl("a/+/b*").rule(path).path == decides
