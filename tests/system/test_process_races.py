"""Many processes at once, over real sockets and a real disk: of what there is one, one gets it.

Eight processes that last have eight connections each. In every round all 64 send what can spend one
and the same token, mixed, and exactly one wins; the ordinary suite has a few rounds, the full check
a hundred.
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from real_daemon import RealDaemon, clean_environment

PROCESSES = 8
CONNECTIONS = 8
RACERS = PROCESSES * CONNECTIONS
ROUNDS = [pytest.param(5, id="short"), pytest.param(100, id="long", marks=pytest.mark.slow)]
RACER = Path(__file__).parent / "racer.py"


class Field:
    """The processes, and what they wait for."""

    def __init__(self, daemon):
        self._waiting, self._go = os.pipe()
        self._processes = [
            subprocess.Popen(
                [sys.executable, RACER, daemon.socket, str(CONNECTIONS), str(self._waiting)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[self._waiting],
                env=clean_environment(),
                text=True,
            )
            for _ in range(PROCESSES)
        ]

    def race(self, requests):
        """The answers, and how often each code of a refusal came."""
        for number, process in enumerate(self._processes):
            process.stdin.write(json.dumps(requests[number::PROCESSES]) + "\n")
            process.stdin.flush()
        for process in self._processes:
            assert process.stdout.readline() == "ready\n"
        os.write(self._go, b"!" * PROCESSES)
        outcomes = []
        for process in self._processes:
            outcomes += json.loads(process.stdout.readline())
        answers = [each for each in outcomes if isinstance(each, dict)]
        return answers, Counter(each for each in outcomes if isinstance(each, str))

    def close(self):
        for process in self._processes:
            process.kill()
            process.communicate()
        os.close(self._waiting)
        os.close(self._go)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    daemon = RealDaemon(tmp_path_factory.mktemp("races"))
    daemon.start()
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def field(daemon):
    field = Field(daemon)
    yield field
    field.close()


def write(path, data=None, **more):
    return {"operation": "write", "path": path, "data": data, **more}


def read(path, **more):
    return {"operation": "read", "path": path, **more}


def secret_in(client, answer):
    """What an answer to unwrap, to rewrap, or from cubbyhole/response leads to."""
    if answer["wrap_info"]:
        answer = client.unwrap(answer["wrap_info"]["token"]).to_envelope()
    if "response" in answer["data"]:
        return json.loads(answer["data"]["response"])["data"]
    return answer["data"]


def mixed(ways, seed):
    """As many requests as there are racers, in an order that differs from round to round."""
    requests = [ways[number % len(ways)] for number in range(RACERS)]
    random.Random(seed).shuffle(requests)  # noqa: S311 - a known order, for a round to be repeated
    return requests


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_wrapping_token_has_one_winner(daemon, field, rounds):
    with daemon.client() as client:
        default = client.create_token(policies=["default"]).client_token.reveal_text()
        for round_ in range(rounds):
            secret = {"k": round_}
            token = client.wrap(secret, 60).token.reveal_text()
            named = {"token": token}
            ways = [
                write("sys/wrapping/unwrap", token=token),
                write("sys/wrapping/unwrap", named, token=default),
                write("sys/wrapping/unwrap", named),
                write("sys/wrapping/rewrap", named),
                write("sys/wrapping/rewrap", named, token=default),
                read("cubbyhole/response", token=token),
                read("cubbyhole/response", token=token, wrap_ttl=60),
                write("sys/wrapping/unwrap", named, wrap_ttl=60),
            ]

            answers, refusals = field.race(mixed(ways, round_))

            assert len(answers) == 1
            assert secret_in(client, answers[0]) == secret
            assert refusals.keys() <= {"wrapping_token_invalid", "permission_denied"}
            assert sum(refusals.values()) == RACERS - 1
            # No copy of the secret is left, under whatever token.
            assert len(daemon.token_files) == 1
        client.revoke_token(default)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_the_last_use_of_a_token_has_one_winner(daemon, field, rounds):
    with daemon.client() as client:
        for round_ in range(rounds):
            policies = ["root"]
            token = client.create_token(policies=policies, num_uses=1).client_token.reveal_text()
            accessor = client.lookup_token(token)["accessor"]
            ways = [
                read("auth/token/lookup-self", token=token),
                write("auth/token/lookup", {"token": token}, token=token),
                write("auth/token/lookup-accessor", {"accessor": accessor}, token=token),
                write("sys/wrapping/wrap", {"k": 1}, token=token, wrap_ttl=60),
                write("sys/tools/random", token=token),
                read("sys/policies/acl/default", token=token),
                write("sys/capabilities-self", {"path": "x"}, token=token),
                read("auth/token/lookup-self", token=token, wrap_ttl=60),
            ]

            answers, refusals = field.race(mixed(ways, round_))

            assert len(answers) == 1
            assert refusals == {"permission_denied": RACERS - 1}
            if answers[0]["wrap_info"]:
                client.unwrap(answers[0]["wrap_info"]["token"])
            assert daemon.token_files == []
