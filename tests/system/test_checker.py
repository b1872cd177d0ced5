"""The checker finds what is wrong with a history, and nothing wrong with a right one."""

import json

import pytest
from checker import problems
from journal import NEVER, Journal, Op, history, newest_tokens


class Story:
    """A history as it is told: each request after the one before, unless it says otherwise."""

    def __init__(self):
        self.now = 0
        self.ops = []

    def tell(self, kind, *, asked=None, told=None, **more):
        self.now += 2
        begin = self.now if asked is None else asked
        end = self.now + 1 if told is None else told
        self.ops.append(Op(kind=kind, asked=begin, told=end, **more))

    # What was answered

    def create(self, token, *, parent=None, uses=0):
        answer = {"token": token}
        self.tell("create", by=parent, value={"ttl": 60, "uses": uses}, answer=answer)

    def write(self, value, *, by="t", **more):
        self.tell("write", by=by, on="x", value=value, **{"answer": {}, **more})

    def read(self, value, *, by="t", **more):
        if value is None:
            self.tell("read", by=by, on="x", refusal="not_found", **more)
        else:
            self.tell("read", by=by, on="x", answer={"value": value}, **more)

    def lookup(self, token="t", *, uses=0, life=60, is_orphan=True):
        answer = {"value": life, "uses": uses, "is_orphan": is_orphan}
        self.tell("lookup", on=token, answer=answer)

    def is_dead(self, token="t"):
        self.tell("lookup", on=token, refusal="permission_denied")

    def end(self, kind, token="t", **more):
        self.tell(kind, on=token, **{"answer": {}, **more})

    def wrap(self, token, secret):
        self.tell("wrap", value=secret, answer={"token": token})

    def rewrap(self, token, new):
        self.tell("rewrap", on=token, answer={"token": new})

    def unwrap(self, token, secret, **more):
        self.tell("unwrap", on=token, answer={"value": secret}, **more)

    def rotate(self, **more):
        self.tell("rotate", **{"answer": {}, **more})

    def term_is(self, term):
        self.tell("key_status", answer={"value": term})

    @property
    def problems(self):
        return problems(self.ops)


@pytest.fixture
def story():
    return Story()


UNKNOWN = {"answer": None}


# What is right


def test_nothing_is_wrong_with_nothing(story):
    assert story.problems == []


def test_nothing_is_wrong_with_a_day_of_everything(story):
    story.create("t")
    story.create("child", parent="t")
    story.create("limited", uses=3)
    story.write(1)
    story.write(2, **UNKNOWN)
    story.read(2)
    story.tell("delete", by="t", on="x", answer={})
    story.read(None)
    story.tell("renew", on="t", value=90, answer={})
    story.lookup(life=90)
    story.write(1, by="limited")
    story.lookup("limited", uses=2)
    story.wrap("w", "secret")
    story.tell("peek", on="w", answer={})
    story.rewrap("w", "w2")
    story.unwrap("w2", "secret", by="limited")
    story.tell("unwrap", on="w", refusal="wrapping_token_invalid")
    story.end("revoke_orphan")
    story.lookup("child", is_orphan=True)
    story.is_dead()
    story.end("revoke", "child")
    story.is_dead("child")
    story.lookup("limited", uses=1)

    assert story.problems == []


@pytest.mark.parametrize("term", [4, 5])
def test_a_rotation_without_an_answer_may_have_been_one(story, term):
    story.term_is(3)
    story.rotate()
    story.rotate(**UNKNOWN)
    story.rotate(is_undone=True, **UNKNOWN)
    story.term_is(term)

    assert story.problems == []


@pytest.mark.parametrize("term", [2, 3, 5])
def test_a_rotation_that_was_lost_or_came_from_nowhere_is_found(story, term):
    story.rotate()
    story.term_is(3)
    story.rotate()
    story.term_is(term)

    assert "the term was 3" in story.problems[0]


@pytest.mark.parametrize("value", [1, 2])
def test_a_write_without_an_answer_may_have_been_done(story, value):
    story.create("t")
    story.write(1)
    story.write(2, **UNKNOWN)
    story.read(value)

    assert story.problems == []


@pytest.mark.parametrize("value", [1, 2])
def test_of_two_at_the_same_time_either_was_first(story, value):
    story.create("t")
    story.write(1, asked=10, told=20)
    story.write(2, asked=15, told=25)
    story.read(value, asked=30, told=31)

    assert story.problems == []


def test_an_end_without_an_answer_may_have_come_or_not(story):
    for token in ("alive", "dead"):
        story.create(token)
        story.end("revoke", token, **UNKNOWN)
    story.lookup("alive")
    story.is_dead("dead")

    assert story.problems == []


@pytest.mark.parametrize("uses", [1, 2])
def test_a_use_without_an_answer_may_have_been_counted(story, uses):
    story.create("t", uses=2)
    story.write(1, **UNKNOWN)
    story.lookup(uses=uses)

    assert story.problems == []


# What is wrong


def test_a_write_that_is_lost(story):
    story.create("t")
    story.write(1)
    story.read(None)

    assert "something else had been written" in story.problems[0]


def test_a_write_that_is_taken_back(story):
    story.create("t")
    story.write(1)
    story.write(2)
    story.read(1)

    assert "something else had been written" in story.problems[0]


def test_a_write_without_an_answer_that_was_seen_and_is_taken_back(story):
    story.create("t")
    story.write(1)
    story.write(2, **UNKNOWN)
    story.read(2)
    story.read(1)

    assert "something else had been written" in story.problems[0]


def test_a_write_that_was_refused_and_done(story):
    story.create("t")
    story.write(2, answer=None, is_undone=True)
    story.read(2)

    assert "never written" in story.problems[0]


def test_a_value_from_the_future(story):
    story.create("t")
    story.read(1)
    story.write(1)

    assert "never written" in story.problems[0]


def test_a_renewal_that_is_lost(story):
    story.create("t")
    story.tell("renew", on="t", value=90, answer={})
    story.lookup(life=60)

    assert "something else had been written" in story.problems[0]


def test_a_policy_that_came_back(story):
    story.tell("write_policy", on="p", value="{}", answer={})
    story.tell("delete_policy", on="p", answer={})
    story.tell("read_policy", on="p", answer={"value": "{}"})

    assert "something else had been written" in story.problems[0]


def test_a_secret_that_left_twice(story):
    story.wrap("w", "secret")
    story.unwrap("w", "secret", asked=10, told=20)
    story.unwrap("w", "secret", asked=15, told=25)

    assert "left 2 times" in story.problems[0]
    assert "spent 2 times" in story.problems[1]


def test_a_secret_that_left_and_stayed(story):
    story.wrap("w", "secret")
    story.rewrap("w", "w2")
    story.unwrap("w", "secret")

    assert "spent 2 times" in story.problems[0]


def test_a_secret_that_is_another(story):
    story.wrap("w", "secret")
    story.rewrap("w", "w2")
    story.unwrap("w2", "another")

    assert "not what had been wrapped" in story.problems[0]


def test_a_secret_that_is_lost(story):
    story.wrap("w", "secret")
    story.tell("unwrap", on="w", refusal="wrapping_token_invalid")

    assert "nothing had ended" in story.problems[0]


@pytest.mark.parametrize("left", [0, 2])
def test_uses_that_are_counted_wrong(story, left):
    story.create("t", uses=2)
    story.write(1)
    story.lookup(uses=left)

    assert "uses are left" in story.problems[0]


def test_uses_beyond_the_grant(story):
    story.create("t", uses=2)
    for number in range(3):
        story.write(number)

    assert "was answered 3 times" in story.problems[0]


def test_a_use_that_found_nothing_is_one(story):
    story.create("t", uses=2)
    story.read(None)
    story.lookup(uses=2)

    assert "uses are left" in story.problems[0]


def test_a_token_that_ended_before_its_uses_did(story):
    story.create("t", uses=2)
    story.write(1)
    story.tell("read", by="t", on="x", refusal="permission_denied")

    assert "nothing had ended" in story.problems[0]


@pytest.mark.parametrize("kind", ["revoke", "revoke_orphan"])
def test_a_token_that_was_revoked_and_works(story, kind):
    story.create("t")
    story.end(kind)
    story.lookup()

    assert "had ended before" in story.problems[0]


def test_a_token_that_was_seen_dead_and_works(story):
    story.create("t")
    story.end("revoke", **UNKNOWN)
    story.is_dead()
    story.lookup()

    assert "had ended before" in story.problems[0]


def test_a_token_whose_parent_was_revoked_and_that_works(story):
    story.create("t")
    story.create("child", parent="t")
    story.create("grandchild", parent="child")
    story.end("revoke")
    story.lookup("grandchild", is_orphan=False)

    assert "had ended before" in story.problems[0]


def test_an_orphan_that_died_with_its_parents_parent(story):
    story.create("t")
    story.create("child", parent="t")
    story.create("grandchild", parent="child")
    story.end("revoke_orphan", "child")
    story.end("revoke")
    story.lookup("grandchild")
    story.is_dead("grandchild")

    assert "nothing had ended" in story.problems[0]


@pytest.mark.parametrize("kind", ["revoke", "revoke_orphan"])
def test_a_token_of_which_it_is_said_wrongly_whether_it_is_an_orphan(story, kind):
    story.create("t")
    story.create("child", parent="t")
    if kind == "revoke_orphan":
        story.end(kind)
    story.lookup("child", is_orphan=kind == "revoke")

    assert "wrongly" in story.problems[0]


def test_a_refusal_that_has_no_reason(story):
    story.create("t")
    story.write(1, answer=None, refusal="integrity")

    assert "without a reason" in story.problems[0]


# Journals


def test_a_journal_is_read_up_to_a_moment(tmp_path):
    path = tmp_path / "journal"
    lines = [
        {"asked": 1, "kind": "lookup", "on": "t"},
        {"told": 2, "answer": {"uses": 0}},
        {"asked": 3, "kind": "revoke", "on": "t"},
        {"told": 5, "answer": {}},
        {"asked": 6, "kind": "lookup", "on": "t"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"told": 7, "ref')

    looked_up = Op(kind="lookup", asked=1, told=2, on="t", answer={"uses": 0})
    assert history([path], until=4) == [looked_up, Op(kind="revoke", asked=3, on="t")]
    assert history([path])[-1] == Op(kind="lookup", asked=6, told=NEVER, on="t")


def test_what_is_noted_is_what_is_read(tmp_path):
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.ask(kind="wrap", by=None, on=None, value="s")
    journal.tell(answer={"token": "w"})
    journal.ask(kind="unwrap", by=None, on="w", value=None)
    journal.tell(is_undone=True)
    journal.ask(kind="unwrap", by=None, on="w", value=None)
    journal.close()

    wrap, undone, pending = history([path])
    assert wrap.is_answered
    assert wrap.asked <= wrap.told == wrap.done
    assert (undone.may_have_happened, pending.may_have_happened) == (False, True)
    assert newest_tokens(path) == [{"token": "w"}]
