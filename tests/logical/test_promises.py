"""The promises, driven at random against a plain model.

Each wrapped secret leaves at most once. No token sees another's cubbyhole. A dead token never
answers, also after the clock was set back. Uses never exceed the grant. After a restart all is as
before. And at every moment the disk holds the files of the tokens that are, and no other.
"""

import json
from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest
import trio
from fakes import EPOCH, MemoryFiles, counting_random
from house import House
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from promises_model import Model, Refused

from cubbyd.errors import RefusedError
from cubbyd.messages import Response
from cubbyd.reaper import build_index
from cubbyd.store.batch import apply

PATHS = st.sampled_from(["x", "dir/x", "response"])
TTLS = st.sampled_from([10, 20, 100])
SPANS = st.sampled_from([1, 10, 10, 20, 90])


class CommitAtOnce:
    """Carries changes out without waiting for anything, so that no loop is needed."""

    def __init__(self, files) -> None:
        self.files = files

    def check_settled(self, _name) -> None:
        """Nothing is ever in flight."""

    async def carry_out(self, phases, on_durable) -> None:
        for number, job in enumerate(phases):
            assert apply(self.files, [job]) == [None]
            on_durable(number)


def finished(coroutine):
    """What a coroutine that never waits returns."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


def refusal_of(request: Callable):
    """What the model says, or the code of its refusal."""
    try:
        return request()
    except Refused as refused:
        return refused.code


class Promises(RuleBasedStateMachine):
    """The daemon and the model are asked the same; what one says, the other must have said."""

    tokens = Bundle("tokens")
    wrapping_tokens = Bundle("wrapping tokens")
    callers = st.one_of(st.none(), tokens)

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
            clock=lambda: self.model.now,
            random=self.random,
            commit=CommitAtOnce(self.files),
        )
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

    # -- tokens

    @rule(
        target=tokens,
        caller=callers,
        is_root=st.booleans(),
        ttl=st.one_of(st.just(0), TTLS),
        uses=st.sampled_from([0, 0, 1, 2, 3]),
    )
    def create(self, caller, is_root, ttl, uses):
        return self.create_as(caller, is_root=is_root, ttl=ttl, uses=uses)

    @rule(target=tokens, ttls=st.lists(TTLS, min_size=2, max_size=3))
    def found_a_family(self, ttls):
        """A token, its child, and maybe its grandchild; the youngest is one of the tokens."""
        caller = None
        for ttl in ttls:
            caller = self.create_as(caller, is_root=True, ttl=ttl, uses=0)
            self.families.append(caller)
        return caller

    @rule(data=st.data())
    def end_a_member_of_a_family(self, data):
        if self.families:
            self.revoke(data.draw(st.sampled_from(self.families)))

    def create_as(self, caller, *, is_root, ttl, uses):
        data = {"policies": ["root" if is_root else "default"], "ttl": ttl, "num_uses": uses}
        answer, predicted = self.ask(
            lambda: self.model.create(caller, is_root=is_root, ttl=ttl, uses=uses),
            *("write", "auth/token/create", data),
            token=caller,
        )
        if answer is None:
            return multiple()
        return self.new_token(answer.auth.client_token.reveal_text(), predicted)

    @rule(token=st.one_of(tokens, wrapping_tokens))
    def revoke_one(self, token):
        self.revoke(token)

    def revoke(self, token):
        data = {"token": token}
        self.ask(lambda: self.model.revoke(token), "write", "auth/token/revoke", data)
        self.seen_dead.add(token)

    # -- cubbyholes

    @rule(caller=st.one_of(callers, wrapping_tokens), path=PATHS)
    def write(self, caller, path):
        data = {"by": caller, "number": next(self.numbers)}
        self.ask(
            lambda: self.model.write(caller, path, data),
            *("write", f"cubbyhole/{path}", data),
            token=caller,
        )

    @rule(caller=callers, path=PATHS)
    def read(self, caller, path):
        answer, predicted = self.ask(
            lambda: self.model.read(caller, path), "read", f"cubbyhole/{path}", token=caller
        )
        if answer is not None:
            assert answer.data == predicted
            assert answer.data["by"] == caller

    @rule(caller=st.one_of(callers, wrapping_tokens), path=PATHS)
    def delete(self, caller, path):
        self.ask(
            lambda: self.model.delete(caller, path), "delete", f"cubbyhole/{path}", token=caller
        )

    # -- wrapping

    @rule(target=wrapping_tokens, caller=st.one_of(callers, wrapping_tokens), ttl=TTLS)
    def wrap(self, caller, ttl):
        data = {"secret": next(self.numbers)}
        answer, predicted = self.ask(
            lambda: self.model.wrap(caller, data, ttl),
            *("write", "sys/wrapping/wrap", data),
            token=caller,
            wrap_ttl=ttl,
        )
        if answer is None:
            return multiple()
        return self.new_token(answer.wrap_info.token.reveal_text(), predicted)

    @rule(token=st.one_of(wrapping_tokens, tokens))
    def lookup(self, token):
        answer, predicted = self.ask(
            lambda: self.model.lookup(token), "write", "sys/wrapping/lookup", {"token": token}
        )
        if answer is not None:
            assert answer.data["creation_ttl"] == predicted

    @rule(caller=st.one_of(callers, wrapping_tokens), token=st.one_of(wrapping_tokens, tokens))
    def unwrap(self, caller, token):
        answer, predicted = self.ask(
            lambda: self.model.unwrap(caller, token),
            *("write", "sys/wrapping/unwrap", {"token": token}),
            token=caller,
        )
        if answer is not None:
            self.take(answer.data, predicted)

    @rule(token=wrapping_tokens)
    def read_response(self, token):
        answer, predicted = self.ask(
            lambda: self.model.read_response(token), "read", "cubbyhole/response", token=token
        )
        if answer is not None:
            self.take(json.loads(answer.data["response"])["data"], predicted)

    def take(self, data, predicted):
        assert data == predicted
        self.left[data["secret"]] += 1

    @rule(
        target=wrapping_tokens,
        caller=st.one_of(callers, wrapping_tokens),
        token=st.one_of(wrapping_tokens, tokens),
    )
    def rewrap(self, caller, token):
        answer, predicted = self.ask(
            lambda: self.model.rewrap(caller, token),
            *("write", "sys/wrapping/rewrap", {"token": token}),
            token=caller,
        )
        if answer is None:
            return multiple()
        assert answer.wrap_info.ttl == predicted.ttl
        return self.new_token(answer.wrap_info.token.reveal_text(), predicted)

    # -- time and accidents

    @rule(span=SPANS, sign=st.sampled_from([1, 1, -1]))
    def let_time_pass_or_set_the_clock_back(self, span, sign):
        self.model.now += sign * span

    @rule(token=st.one_of(tokens, wrapping_tokens))
    def look_whether_it_is_dead(self, token):
        """Once it was seen dead, it is for ever."""
        answer = self.answer("write", "auth/token/lookup", {"token": token})
        is_alive = self.model.is_alive(token)
        assert is_alive == isinstance(answer, Response)
        if not is_alive:
            self.seen_dead.add(token)

    @rule()
    def restart(self):
        self.house = self.build()

    # -- what holds at every moment

    @invariant()
    def each_secret_left_at_most_once(self):
        assert all(times == 1 for times in self.left.values())

    @invariant()
    def uses_do_not_exceed_the_grant(self):
        for token, granted in self.grants.items():
            assert not granted or self.answered[token] <= granted

    @invariant()
    def the_disk_holds_the_tokens_that_are(self):
        assert set(self.files.files) == {self.house.accessor(each) for each in self.model.tokens}


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=100, stateful_step_count=40)
