"""The daemon is killed at random moments, and started again, while clients keep journals.

Whatever was answered holds after each death (``checker`` says what that is), and the clients go on
as if nothing had been. A daemon that is wrong on purpose does not get away with it. The full check
has 60 rounds; ``CUBBYD_KILL_ROUNDS=1000`` with ``pytest -m slow -s`` has as many as you like.
"""

import os
from pathlib import Path

import pytest
from keeper import WEIGHTS
from killing import KEEPERS, Killing
from real_daemon import RealDaemon

ROUNDS = [
    pytest.param(1, 2, id="short", marks=pytest.mark.slow),
    pytest.param(
        int(os.environ.get("CUBBYD_KILL_ROUNDS", "60")), KEEPERS, id="long", marks=pytest.mark.slow
    ),
]
ENOUGH = 20
"""Rounds in which every kind of request was answered once."""
SEED = int(os.environ.get("CUBBYD_KILL_SEED", "1"))
WRONG = str(Path(__file__).parent / "wrong_daemon.py")


@pytest.fixture
def killing(tmp_path):
    """Rounds with a daemon: the real one, or one that does something wrong."""
    daemons = []

    def make(*program):
        daemon = RealDaemon(tmp_path, **({"program": program} if program else {}))
        daemons.append(daemon)
        return Killing(daemon, SEED)

    yield make
    for daemon in daemons:
        daemon.close()


@pytest.mark.parametrize(("rounds", "keepers"), ROUNDS)
def test_what_was_answered_holds_after_every_death(killing, rounds, keepers):
    rounds_of_killing = killing()

    assert rounds_of_killing.rounds(rounds, keepers=keepers) == []

    counted = rounds_of_killing.counted
    print(f"\n{rounds} rounds: {dict(counted)}")  # noqa: T201 - figures are to be told
    assert counted["kills"] > rounds
    assert counted["write"] > 0
    assert rounds < ENOUGH or counted.keys() >= WEIGHTS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["lazy", "clinging", "forgetful"])
def test_a_daemon_that_is_wrong_is_caught(killing, fault):
    assert killing(WRONG, fault).rounds(20) != []
