"""What two servers answer is compared as people would compare it.

- The same id is the same symbol wherever it stands; two ids are never one.
- A second more or less on a clock is no difference; in what was asked for, it is one.
- True is not 1, and 1 is not 1.0.
"""

from random import Random

import pytest
from draw import among, lists
from exchange import ROOT, Answer, Memory, Saved, Step
from normalise import Normaliser
from sequences import MAX_STEPS, sequence

THEIRS, OURS = "s." + "a1" * 12, "cbys_" + "b" * 49
OTHER = "s." + "c2" * 12


def view(*bodies, of=None):
    """The last of these answers, as it compares."""
    normaliser = of or Normaliser("q000001z")
    *_, last = [normaliser(Answer(200, "application/json", None, None, each)) for each in bodies]
    return last


def test_an_id_is_where_it_was_first_seen():
    theirs = view({"auth": {"client_token": THEIRS}}, {"data": {"id": THEIRS}})
    ours = view({"auth": {"client_token": OURS}}, {"data": {"id": OURS}})
    another = view({"auth": {"client_token": THEIRS}}, {"data": {"id": OTHER}})

    assert theirs == ours
    assert theirs != another


def test_an_id_is_known_within_texts_and_within_json():
    for text in ("no {}", '{{"request_id":"","auth":{{"client_token":"{}"}}}}'):
        bodies = [
            view({"auth": {"client_token": token}}, {"data": {"response": text.format(token)}})
            for token in (THEIRS, OURS)
        ]

        assert bodies[0] == bodies[1]


def test_what_only_one_server_gave_gets_its_name_when_both_give_it():
    theirs, ours = Normaliser(""), Normaliser("")
    view({"errors": ["no"]}, of=theirs)
    view({"token": OURS}, of=ours)

    ours.forget()

    assert view({"token": THEIRS}, of=theirs) == view({"token": OURS}, of=ours)


@pytest.mark.parametrize("key", ["ttl", "lease_duration", "creation_time"])
def test_the_clock_may_move_between_two_servers(key):
    assert view({key: 3600}) == view({key: 3599})
    assert view({key: 3600}) != view({key: 3590})


@pytest.mark.parametrize("key", ["creation_ttl", "explicit_max_ttl", "num_uses", "period"])
def test_what_was_asked_for_is_exact(key):
    assert view({key: 3600}) != view({key: 3599})


def test_times_are_compared_as_times():
    theirs = view({"expire_time": "2026-11-22T06:00:00.123456789Z"})

    assert theirs == view({"expire_time": "2026-11-22T07:00:01.2+01:00"})
    assert theirs != view({"expire_time": 1795327200})
    assert theirs != view({"expire_time": None})


def test_durations_in_warnings_are_compared_as_durations():
    warning = 'TTL of "{}" exceeded the effective max_ttl of "768h"'

    views = [view({"warnings": [warning.format(text)]}) for text in ("1h", "59m59s", "2h")]

    assert views[0] == views[1] != views[2]


@pytest.mark.parametrize(("one", "other"), [(True, 1), (1, 1.0), (0, False), (None, 0), ("1", 1)])
def test_values_of_different_kinds_differ(one, other):
    assert view({"data": {"k": one}}) != view({"data": {"k": other}})


def test_accessors_are_listed_in_any_order_and_without_those_of_other_sequences():
    first, second, strange = "a1" * 12, "b2" * 12, "c3" * 12
    given = [{"accessor": first}, {"accessor": second}]

    one = view(*given, {"data": {"keys": [first, second]}})
    other = view(*given, {"data": {"keys": [strange, second, first]}})

    assert one == other


def test_policies_of_other_sequences_are_not_listed():
    one = view({"keys": ["default", "q000001z-a", "root"]})
    other = view({"keys": ["default", "q000001z-a", "q000007z-a", "root"]})

    assert one == other != view({"keys": ["default", "root"]})


def test_a_reference_is_what_each_server_gave():
    memory = Memory("the root token", "q000001z")
    memory.save({"auth": {"client_token": "first", "accessor": "one"}})
    memory.save({"wrap_info": {"token": "wrapping", "accessor": "two"}})
    memory.save({"auth": {"client_token": "second", "accessor": "three"}})

    step = memory.resolve(
        Step("POST", "p/§-a", ROOT, {"t": [Saved("token"), Saved("token", 1)], "§": "§"})
    )

    assert (step.path, step.token) == ("p/q000001z-a", "the root token")
    assert step.body == {"t": ["second", "first"], "q000001z": "q000001z"}
    assert memory.value(Saved("token", 7)) == "first"
    assert memory.value(Saved("accessor", 1)) == "two"
    assert memory.kind_of("wrapping") == "wrapping"


def test_a_sequence_is_told_by_its_seed_and_number():
    assert sequence(1, 2) == sequence(1, 2) != sequence(1, 3) != sequence(2, 3)
    assert all(5 <= len(sequence(1, number)) <= MAX_STEPS for number in range(300))


def test_draws_are_made_of_draws():
    seeds = map(Random, range(50))
    drawn = lists(among(1, 2), least=2, most=3).map(sorted)

    assert set(map(tuple, map(drawn.draw, seeds))) == {
        (1, 1),
        (1, 2),
        (2, 2),
        (1, 1, 1),
        (1, 1, 2),
        (1, 2, 2),
        (2, 2, 2),
    }
