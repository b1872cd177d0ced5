"""The power is cut at every call to the disk, of every operation, through the router.

- The daemon starts again. What was answered is there; what was not is there whole or not at all,
  and grants nothing.
- No spent, revoked or expired token works, also when the clock is set back.
- A second cut, while the daemon starts again, changes nothing more; nothing temporary is left.
- What a daemon tells of what a killed one left behind holds as well.
- A store that is made wrong on purpose is caught.
"""

from itertools import combinations

import pytest
from disk_operations import LOCKED, OPERATIONS
from disk_scene import locked
from made_wrong import CUT, FIRST_START, KILLED, KILLED_AT_FIRST_START, REKEYED
from power_cuts import Report, explore, explore_kills, explore_recovery

NOTHING = {}
"""A disk on which no daemon has ever been."""
FIRST_STARTS = {
    "nothing there": NOTHING,
    "directories there": {"config": {}, "state": {"store": {}}},
    "a key file there": {"config": {"key": b"5a" * 32 + b"\n"}},
}
PAIRS = [
    (one, other)
    for one, other in combinations(OPERATIONS, 2)
    if not OPERATIONS[one].changes & OPERATIONS[other].changes - {"new"}
    and not {"meet the dead", "reap"} & {one, other}  # these want a clock of their own
]
LONG = "rotate twice and reseal"
"""It writes every file: of its many cuts, fewer choices are looked at where it is one of many."""
PARTS = 8
"""How many parts the pairs are told in."""


def drawn(choices, *names):
    """So many, but for what takes too long."""
    return 4 if LONG in names else choices


@pytest.fixture
def told():
    """Told of what was explored, prints how much it was; and none of it may be wrong."""

    def tell(what: str, reports) -> None:
        total = Report()
        for report in reports:
            total += report
        print(f"{what}: {total}")  # noqa: T201 - shown by -rP
        assert total.problems == []
        assert total.states > total.cuts

    return tell


def test_every_operation_is_whole_or_not_at_all_and_done_once_it_is_answered(told):
    told("every operation", (explore(name) for name in OPERATIONS if name != LONG))


@pytest.mark.parametrize("choices", [2, pytest.param(64, marks=pytest.mark.slow)])
def test_so_is_one_of_many_calls_that_changes_nothing_for_anybody(choices, told):
    told(LONG, [explore(LONG, at_most=choices)])


def test_so_is_every_rekey_of_a_daemon_that_a_passphrase_unseals(told):
    """The store opens after each cut, with the old or the new; once answered, with the new."""
    told("rekeys", (explore(name, base=locked()) for name in LOCKED))


def test_a_first_start_is_made_good_by_the_next(told):
    """And the token that it made is there, if somebody was told."""
    told("first starts", (explore("create", base=base) for base in FIRST_STARTS.values()))


@pytest.mark.parametrize("name", ["unwrap"])
def test_a_second_cut_changes_nothing(name, told):
    told(f"{name} and a start", [explore_recovery(name, at_most=32)])


def test_what_a_killed_daemon_left_behind_holds_once_it_was_told(told):
    told("kill -9, then a cut", [explore_kills("unwrap", at_most=16)])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_operations_at_once_are_each_whole(part, told):
    """They share the sync of their directory, and no more than that."""
    pairs = PAIRS[part::PARTS]
    told(f"pairs, part {part}", (explore(*pair, at_most=drawn(64, *pair)) for pair in pairs))


@pytest.mark.slow
def test_a_second_cut_after_any_operation_changes_nothing(told):
    reports = (explore_recovery(name, at_most=drawn(16, name)) for name in OPERATIONS)
    told("any operation and a start", reports)


@pytest.mark.slow
def test_a_kill_at_any_call_of_any_operation(told):
    reports = (explore_kills(name, at_most=drawn(16, name)) for name in OPERATIONS)
    told("any operation, kill -9, then a cut", reports)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOCKED)
def test_neither_a_second_cut_nor_a_kill_shuts_out_whoever_rekeys(name, told):
    told(f"{name} and a start", [explore_recovery(name, base=locked(), at_most=16)])
    told(f"{name}, kill -9, then a cut", [explore_kills(name, base=locked(), at_most=16)])


@pytest.mark.slow
def test_a_kill_at_any_call_of_a_first_start(told):
    starts = (explore_kills("create", base=base, at_most=64) for base in FIRST_STARTS.values())
    told("first start, kill -9, then a cut", starts)


# The tests of the tests


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(wrong, marks=pytest.mark.slow if name == LONG else ())
        for wrong, (name, _) in CUT.items()
    ],
)
def test_a_daemon_made_wrong_is_caught(wrong):
    name, build = CUT[wrong]

    assert explore(name, build=build, at_most=drawn(64, name)).problems


@pytest.mark.parametrize("wrong", REKEYED)
def test_a_rekey_made_wrong_is_caught(wrong):
    name, build = REKEYED[wrong]

    assert explore(name, base=locked(), build=build).problems


@pytest.mark.parametrize("wrong", FIRST_START)
def test_a_first_start_made_wrong_is_caught(wrong):
    assert explore("create", base=NOTHING, build=FIRST_START[wrong], at_most=16).problems


@pytest.mark.slow
@pytest.mark.parametrize("wrong", KILLED)
def test_a_start_made_wrong_is_caught(wrong):
    name, build = KILLED[wrong]

    assert explore_kills(name, build=build, at_most=16).problems


@pytest.mark.slow
@pytest.mark.parametrize("wrong", KILLED_AT_FIRST_START)
def test_a_start_after_a_killed_first_one_made_wrong_is_caught(wrong):
    build = KILLED_AT_FIRST_START[wrong]

    assert explore_kills("create", base=NOTHING, build=build).problems
