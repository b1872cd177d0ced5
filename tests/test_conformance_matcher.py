"""The replayer itself: what it takes for equal, and what it does not let pass."""

import json

import pytest
from conformance import Difference, Replay, matches, pointed_at, scenarios

SYMBOLS = {"$w": "cbyw_short", "$w1": "cbyw_long"}
UUID = "01234567-89ab-cdef-0123-456789abcdef"
SET = {"<set>": {"includes": ["$w"], "excludes": ["$w1"]}}


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (None, None),
        (1, 1),
        (1000, 1e3),
        ("a", "a"),
        ("a.c", "a.c"),
        ({"a": [1, None]}, {"a": [1, None]}),
        ("$w1", "cbyw_long"),
        ("no $w1 and no $w", "no cbyw_long and no cbyw_short"),
        ("<uuid>", UUID),
        ("<token>", "cbys_x"),
        ("<rfc3339>", "2026-11-22T01:17:41.5Z"),
        ("<rfc3339>", "2026-11-22T01:17:41+01:00"),
        ("<unix>", 0),
        ("<int>", -1),
        ("<string>", ""),
        ("<ttl:60>", 60),
        ("<ttl:60>", 45),
        ("<ttl:59>", 56),
        ("<b64:2>", "AAA="),
        ("<hex:2>", "00ff"),
        ('of "<duration>"; x', 'of "1h0.5s"; x'),
        (SET, ["x", "cbyw_short"]),
        ({"<json>": {"a": "<int>"}}, '{"a": 5}'),
    ],
)
def test_what_is_as_expected(expected, found):
    assert matches(expected, found, SYMBOLS)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (None, 0),
        (1, True),
        (False, 0),
        (1, "1"),
        ("a.c", "abc"),
        ({"a": 1}, {}),
        ({}, {"a": None}),
        ({}, None),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ([], None),
        ("$w", "cbyw_long"),
        ("no $w", "no cbyw_long"),
        ("$unsaved", "anything"),
        ("<uuid>", UUID[:-1]),
        ("<uuid>", ""),
        ("<token>", ""),
        ("<token>", None),
        ("<rfc3339>", "2026-11-22 01:17:41"),
        ("<unix>", True),
        ("<int>", 1.0),
        ("<int>", "1"),
        ("<string>", None),
        ("<ttl:60>", 61),
        ("<ttl:60>", 44),
        ("<ttl:59>", 55),
        ("<b64:2>", "AAAA"),
        ("<hex:2>", "00"),
        ('of "<duration>"', 'of ""'),
        (SET, ["x"]),
        (SET, ["cbyw_short", "cbyw_long"]),
        (SET, "cbyw_short"),
        ({"<json>": {"a": 1}}, '{"a": 2}'),
        ({"<json>": {}}, {}),
    ],
)
def test_what_is_not(expected, found):
    assert not matches(expected, found, SYMBOLS)


@pytest.mark.parametrize(
    ("pointer", "found"), [("/a/b", 1), ("/a", {"b": 1}), ("/b", None), ("/a/b/c", None)]
)
def test_a_pointer_leads_to_a_member(pointer, found):
    assert pointed_at({"a": {"b": 1}}, pointer) == found
    assert pointed_at(None, pointer) is None


# -- a replay


def line(step, *, data=None, expect=(200, {}), save=None, tags=(), **request):
    fields = {"operation": "read", "path": "p", "token": None, "data": data, "wrap_ttl": None}
    return json.dumps(
        {
            "scenario": "s",
            "step": step,
            "note": "n",
            "tags": tags,
            "request": {**fields, **request},
            "save": save or {},
            "expect": {"status": expect[0], "body": expect[1]},
        }
    )


async def replay(*lines, answers, differences=(), skip=None):
    """What a door was asked for, that gives these answers."""
    asked, slept, waiting = [], [], iter(answers)

    async def ask(request):
        asked.append(request)
        return next(waiting)

    async def sleep(seconds):
        slept.append(seconds)

    (steps,) = scenarios(lines).values()
    play = Replay(steps, ask, sleep, root="r00t", differences=differences)
    await play.run(skip=skip)
    assert next(waiting, None) is None
    return asked, slept


async def test_symbols_are_saved_and_sent_wherever_they_stand():
    asked, slept = await replay(
        line(
            1,
            token="$root",
            save={"$w": "/auth/token"},
            expect=(200, {"auth": {"token": "<token>"}}),
        ),
        line(2, data={"a": ["$w", "x $w"], "$w": 1}, delay=3),
        answers=[(200, {"auth": {"token": "t0k3n"}}), (200, {})],
    )

    assert asked[0]["token"] == "r00t"
    assert asked[1]["data"] == {"a": ["t0k3n", "x $w"], "$w": 1}
    assert slept == [0, 3]


@pytest.mark.parametrize("answer", [(404, {}), (200, {"a": 1}), (200, None)])
async def test_another_answer_ends_it(answer):
    with pytest.raises(AssertionError, match=r"s 1 \(n\)"):
        await replay(line(1), answers=[answer])


async def test_where_the_text_leaks_only_the_status_is_compared():
    await replay(line(1, tags=["go"]), answers=[(200, {"a": 1})])


async def test_steps_with_a_tag_can_be_skipped():
    asked, _ = await replay(
        line(1, tags=["http"], delay=5), line(2), answers=[(200, {})], skip="http"
    )

    assert len(asked) == 1


OTHERWISE = Difference(why="ours", steps={"s": [2]}, status=403, body={"b": 1})


async def test_a_listed_step_must_be_answered_as_listed():
    await replay(line(1), line(2), answers=[(200, {}), (403, {"b": 1})], differences=[OTHERWISE])

    with pytest.raises(AssertionError, match=r"s 2 \(n\)"):
        await replay(
            line(1), line(2), answers=[(200, {}), (403, {"b": 2})], differences=[OTHERWISE]
        )


async def test_a_listed_step_that_does_not_differ_ends_it():
    with pytest.raises(AssertionError, match="listed as different"):
        await replay(line(1), line(2), answers=[(200, {}), (200, {})], differences=[OTHERWISE])


async def test_after_a_difference_steps_are_sent_again_with_changes():
    difference = Difference(
        why="ours", steps={"s": [2]}, status=403, body=None, then={1: {"path": "q"}}
    )
    asked, _ = await replay(
        line(1, save={"$x": "/x"}, expect=(200, {"x": "<int>"})),
        line(2),
        line(3, expect=(200, "$x")),
        answers=[(200, {"x": 1}), (403, None), (200, {"x": 2}), (200, 2)],
        differences=[difference],
    )

    assert [request["path"] for request in asked] == ["p", "p", "q", "p"]
