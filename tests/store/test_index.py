"""The index against a plain model: all files in a list, and every question answered by looking.

It is a memory of the directory: deadlines, families and counts. What is due is named until it has
been destroyed, and what is destroyed takes its children with it.
"""

from fakes import EPOCH
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from token_entries import accessor, an_entry

from cubbyd.core.token import Creator, TokenType
from cubbyd.store.index import Index

NEVER = float("inf")

numbers = st.integers(0, 5)
deadlines = st.none() | st.integers(0, 20).map(EPOCH.__add__)


class IndexMachine(RuleBasedStateMachine):
    """Tokens come, change and go, while a clock moves on."""

    @initialize()
    def begin(self):
        self.index = Index()
        self.entries = {}
        self.lost = set()
        self.is_whole = False
        self.now = EPOCH
        self.told = NEVER
        """When whoever asked for the next deadline wakes up, if nothing came nearer since."""

    @rule(
        name=numbers,
        parent=st.none() | numbers,
        expires_at=deadlines,
        uid=st.integers(1, 3),
        kind=st.sampled_from(TokenType),
    )
    def put(self, name, parent, expires_at, uid, kind):
        entry = an_entry(
            name,
            parent=None if parent is None or kind is TokenType.STUB else accessor(parent),
            expires_at=expires_at,
            creator=Creator(uid=uid, gid=1, pid=1),
            type=kind,
        )

        before = set(self.lost)
        nearer = self.index.put(entry)

        self.entries[entry.accessor] = entry
        if kind is TokenType.STUB:
            self.lost.discard(entry.accessor)
        self.lose_lonely_stubs()
        # While something is lost already, nobody needs to be woken for more.
        assert nearer or before or (self.next_expiry() >= self.told and not self.lost)
        if nearer:
            self.told = self.next_due()

    @rule(name=numbers)
    def remove(self, name):
        gone = accessor(name)
        children = {key for key, each in self.entries.items() if each.parent == gone}

        before = self.lost - {gone}
        makes_others_due = self.index.remove(gone)

        self.entries.pop(gone, None)
        self.lost = (self.lost | children) - {gone}
        self.lose_lonely_stubs()
        assert makes_others_due == (self.lost > before)

    @rule()
    def finish(self):
        self.index.finish()

        self.is_whole = True
        self.lose_lonely_stubs()

    @rule(name=numbers)
    def lose(self, name):
        if accessor(name) in self.entries:
            self.index.lose(accessor(name))
            self.lost.add(accessor(name))

    @rule(seconds=st.integers(0, 8))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def ask_for_the_next_deadline(self):
        deadline = self.index.next_deadline()

        self.told = NEVER if deadline is None else deadline
        # What was named once, and is there still, is due at any time.
        was_named = deadline == -NEVER and self.next_expiry() <= self.now
        assert was_named or self.told == self.next_due()

    @rule(at_most=st.integers(1, 8))
    def ask_what_is_due(self, at_most):
        due = self.index.due(self.now, at_most=at_most)

        assert len(due) == len(set(due)) == min(at_most, len(self.all_due()))
        assert set(due) <= self.all_due()

    @rule(at_most=st.integers(1, 3))
    def ask_until_all_have_been_named(self, at_most):
        """What is not destroyed is named again, and holds nothing else back."""
        turns = 2 * len(self.all_due()) // at_most + 2
        named = {each for _ in range(turns) for each in self.index.due(self.now, at_most=at_most)}

        assert named == self.all_due()

    @invariant()
    def it_knows_every_file(self):
        assert len(self.index) == len(self.entries)
        assert {each for each in map(accessor, range(6)) if each in self.index} == set(self.entries)

    @invariant()
    def it_lists_every_token_and_no_stub(self):
        tokens = {each for each, entry in self.entries.items() if entry.type is TokenType.SERVICE}
        assert set(self.index) == tokens

    @invariant()
    def it_counts_by_uid(self):
        for uid in range(4):
            made = [
                each
                for each in self.entries.values()
                if each.creator.uid == uid and each.type is TokenType.SERVICE
            ]
            assert self.index.tokens_of(uid) == len(made)

    @invariant()
    def it_knows_the_families(self):
        parents = {each.parent for each in self.entries.values() if each.parent is not None}
        assert set(self.index.parents()) == parents

    def lose_lonely_stubs(self):
        parents = {each.parent for each in self.entries.values()}
        for each, entry in self.entries.items():
            if self.is_whole and entry.type is TokenType.STUB and each not in parents:
                self.lost.add(each)

    def next_due(self):
        return -NEVER if self.lost else self.next_expiry()

    def all_due(self):
        expired = {each for each, entry in self.entries.items() if entry.has_expired(self.now)}
        return expired | self.lost

    def next_expiry(self):
        deadlines = [each.expires_at for each in self.entries.values()]
        return min((each for each in deadlines if each is not None), default=NEVER)


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=60, stateful_step_count=30)


def test_a_stub_outlives_the_parent_that_the_token_had():
    """Both were revoked at once, the token for its children's sake; whichever is noted first."""
    index = Index()
    index.put(an_entry(1))
    index.put(an_entry(2, parent=accessor(1)))
    index.put(an_entry(3, parent=accessor(2)))
    index.finish()

    index.remove(accessor(1))
    index.put(an_entry(2, type=TokenType.STUB))

    assert index.due(EPOCH, at_most=9) == []
