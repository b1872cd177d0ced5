"""A daemon and the plain model of it, asked the same: what one says, the other must have said."""

from collections import Counter
from collections.abc import Callable
from itertools import count

import trio
from at_once import CommitAtOnce, finished
from fakes import EPOCH, MemoryFiles, counting_random
from house import KEYS, House
from hypothesis.stateful import RuleBasedStateMachine
from promises_model import Model, Refused
from rotated_house import keys_on_disk

from cubbyd.errors import RefusedError
from cubbyd.messages import Response
from cubbyd.reaper import build_index
from cubbyd.store.policy_record import file_name


def refusal_of(request: Callable):
    """What the model says, or the code of its refusal."""
    try:
        return request()
    except Refused as refused:
        return refused.code


class AskedBoth(RuleBasedStateMachine):
    """A state machine's memory of what was answered, and its ways of asking."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(EPOCH)
        self.files = MemoryFiles()
        self.random = counting_random()
        self.house = self.build()
        self.numbers = count()
        self.grants: dict[str, int] = {}
        self.answered: Counter[str] = Counter()
        self.left: Counter[int] = Counter()
        self.seen_dead: set[str] = set()
        self.families: list[str] = []

    def build(self) -> House:
        """The daemon as it starts over these files."""
        house = House(
            self.files,
            keys=keys_on_disk(self.files),
            clock=lambda: self.model.now,
            random=self.random,
            commit=CommitAtOnce(self.files),
        )
        house.store.prepare()
        trio.run(build_index, house.store)
        return house

    # -- asking both

    def ask(self, expected: Callable, *request, **more):
        """The daemon's answer and the model's, or two times None where both refuse alike."""
        answer = self.answer(*request, **more)
        predicted = refusal_of(expected)
        if isinstance(answer, RefusedError):
            assert predicted == answer.code
            return None, None
        assert not isinstance(predicted, str), predicted
        return answer, predicted

    def answer(self, *request, token: str | None = None, **more) -> Response | RefusedError:
        try:
            answer = finished(self.house.owner.ask(*request, token=token, **more))
        except RefusedError as refused:
            return refused
        if token is not None:
            assert token not in self.seen_dead
            self.answered[token] += 1
        return answer

    def new_token(self, text: str, predicted) -> str:
        self.model.tokens[text] = predicted
        self.grants[text] = predicted.uses
        return text

    # -- what must hold of the disk

    def expected_files(self) -> set[str]:
        """The names of all that ought to be there."""
        tokens = {self.file_of(each) for each in self.model.tokens}
        return tokens | {file_name(each, KEYS) for each in self.model.policies}

    def file_of(self, name: str) -> str:
        known = name.removeprefix("accessor:")
        return self.house.accessor(name) if known == name else known
