"""The promises, driven at random against a plain model.

Each wrapped secret leaves at most once, also a wrapped token, and however often it was wrapped
again. No token sees another's cubbyhole, and none does what its policies do not say. A dead token
never answers, also after the clock was set back. Uses never exceed the grant. After a restart, and
after a rotation of keys, all is as before. And at every moment the disk holds the files of the
tokens and policies that are, and no other.
"""

import json

import trio
from at_once import finished
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, multiple, rule
from promises_daemon import AskedBoth
from rotated_house import keys_on_disk

from cubbyd.core.outcome import Remove
from cubbyd.messages import Response
from cubbyd.resealer import reseal_all

PATHS = st.sampled_from(["x", "dir/x", "response"])
TTLS = st.sampled_from([10, 20, 100])
WISHES = st.sampled_from([0, 0, 5, 15, 1000])
SPANS = st.sampled_from([1, 10, 10, 20, 90])
WORDS = st.sets(st.sampled_from(["create", "read", "update", "delete"]), max_size=3)
RULES = st.dictionaries(
    st.sampled_from(["cubbyhole/*", "cubbyhole/x", "auth/token/create"]),
    WORDS | st.just({"deny"}),
    max_size=2,
)


REVOKE_SELF = "auth/token/revoke-self"
CREATING = {
    "policies": st.sampled_from(
        ["root", "root", "default", "default", "p", "q", "default p", "p q"]
    ),
    "ttl": st.one_of(st.just(0), TTLS),
    "limit": st.sampled_from([0, 0, 0, 50]),
    "period": st.sampled_from([0, 0, 0, 15]),
    "is_renewable": st.sampled_from([True, True, True, False]),
    "is_orphan": st.sampled_from([False, False, True]),
    "uses": st.sampled_from([0, 0, 1, 2, 3]),
}


PLAIN = {"limit": 0, "uses": 0, "period": 0, "is_renewable": True, "is_orphan": False}


class Promises(AskedBoth):
    """The daemon and the model are asked the same; what one says, the other must have said."""

    tokens = Bundle("tokens")
    wrapping_tokens = Bundle("wrapping tokens")
    callers = st.one_of(st.none(), tokens)
    everybody = st.one_of(st.none(), tokens, wrapping_tokens)
    anything = st.one_of(wrapping_tokens, tokens)

    # -- tokens

    @rule(target=tokens, caller=callers, **CREATING)
    def create(self, caller, **options):
        answer, predicted = self.ask_for_a_token(caller, **options)
        if answer is None:
            return multiple()
        return self.new_token(answer.auth.client_token.reveal_text(), predicted)

    @rule(target=wrapping_tokens, caller=callers, wrap_ttl=TTLS, **CREATING)
    def create_wrapped(self, caller, wrap_ttl, **options):
        """Nobody has seen the new token; its accessor is known."""
        answer, predicted = self.ask_for_a_token(caller, wrap_ttl=wrap_ttl, **options)
        if answer is None:
            return multiple()
        info, number = answer.wrap_info, next(self.numbers)
        self.model.tokens[f"accessor:{info.wrapped_accessor}"] = predicted
        secret = {"secret": number, "accessor": info.wrapped_accessor, "uses": predicted.uses}
        return self.new_token(info.token.reveal_text(), self.model.wrapping(secret, wrap_ttl))

    def ask_for_a_token(self, caller, *, policies, wrap_ttl=None, **options):
        given = tuple(policies.split())
        # The subset rule is not what this is about: who has no sudo gives what it has.
        if caller in self.model.tokens and not self.model.tokens[caller].is_root:
            given = self.model.tokens[caller].policies
        data = {
            "policies": [*given],
            "no_default_policy": "default" not in given,
            "ttl": options["ttl"],
            "explicit_max_ttl": options["limit"],
            "period": options["period"],
            "renewable": options["is_renewable"],
            "no_parent": options["is_orphan"],
            "num_uses": options["uses"],
        }
        return self.ask(
            lambda: self.model.create(caller, policies=given, **options),
            *("write", "auth/token/create", data),
            token=caller,
            wrap_ttl=wrap_ttl,
        )

    @rule(target=tokens, ttls=st.lists(TTLS, min_size=2, max_size=3))
    def found_a_family(self, ttls):
        """A token, its child, and maybe its grandchild; the youngest is one of the tokens."""
        caller = None
        for ttl in ttls:
            caller = self.create(caller=caller, policies="root", ttl=ttl, **PLAIN)
            self.families.append(caller)
        return caller

    @rule(data=st.data(), is_alone=st.booleans())
    def end_a_member_of_a_family(self, data, is_alone):
        if self.families:
            member = data.draw(st.sampled_from(self.families))
            (self.revoke_orphan if is_alone else self.revoke)(member)

    @rule(token=anything)
    def revoke_one(self, token):
        self.revoke(token)

    def revoke(self, token):
        data = {"token": token}
        self.ask(lambda: self.model.revoke(token), "write", "auth/token/revoke", data)
        self.seen_dead.add(token)

    @rule(caller=everybody)
    def revoke_self(self, caller):
        self.ask(lambda: self.model.revoke_self(caller), "write", REVOKE_SELF, token=caller)
        if caller is not None:
            self.seen_dead.add(caller)

    @rule(token=anything)
    def revoke_by_accessor(self, token):
        data = {"accessor": self.house.accessor(token)}
        self.ask(lambda: self.model.revoke(token), "write", "auth/token/revoke-accessor", data)
        self.seen_dead.add(token)

    @rule(token=anything)
    def revoke_one_alone(self, token):
        self.revoke_orphan(token)

    def revoke_orphan(self, token):
        data = {"token": token}
        self.ask(lambda: self.model.revoke_orphan(token), "write", "auth/token/revoke-orphan", data)
        self.seen_dead.add(token)

    @rule(token=anything, increment=WISHES)
    def renew(self, token, increment):
        data = {"token": token, "increment": increment}
        self.compare_renewal(
            lambda: self.model.renew(token, increment), *("write", "auth/token/renew", data)
        )

    @rule(token=anything, increment=WISHES)
    def renew_self(self, token, increment):
        self.compare_renewal(
            lambda: self.model.renew_self(token, increment),
            *("write", "auth/token/renew-self", {"increment": increment}),
            token=token,
        )

    def compare_renewal(self, expected, *request, **more):
        answer, granted = self.ask(expected, *request, **more)
        if answer is not None:
            assert answer.auth.lease_duration == int(granted)

    @rule()
    def list_accessors(self):
        """The living, and whoever they are, no dead one and no stub."""
        answer = self.answer("list", "auth/token/accessors")
        listed = answer.data["keys"] if isinstance(answer, Response) else []
        alive = [name for name in [*self.model.tokens] if self.model.would_answer(name)]
        assert sorted(listed) == sorted(map(self.file_of, alive))

    # -- policies

    @rule(name=st.sampled_from(["p", "q"]), rules=RULES)
    def define(self, name, rules):
        self.model.policies[name] = rules
        paths = {path: {"capabilities": sorted(words)} for path, words in rules.items()}
        data = {"policy": json.dumps({"path": paths})}
        assert isinstance(self.answer("write", f"sys/policies/acl/{name}", data), Response)

    @rule(name=st.sampled_from(["p", "q"]))
    def undefine(self, name):
        self.model.policies.pop(name, None)
        assert isinstance(self.answer("delete", f"sys/policies/acl/{name}"), Response)

    @rule(token=anything, path=PATHS)
    def ask_what_it_may(self, token, path):
        path = f"cubbyhole/{path}"
        answer, predicted = self.ask(
            lambda: self.model.capabilities(token, path),
            *("write", "sys/capabilities", {"token": token, "path": path}),
        )
        if answer is not None:
            assert answer.data == {path: predicted, "capabilities": predicted}

    # -- cubbyholes

    @rule(caller=everybody, path=PATHS)
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

    @rule(caller=everybody, path=PATHS)
    def delete(self, caller, path):
        self.ask(
            lambda: self.model.delete(caller, path), "delete", f"cubbyhole/{path}", token=caller
        )

    # -- wrapping

    @rule(target=wrapping_tokens, caller=everybody, ttl=TTLS)
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

    @rule(token=anything)
    def lookup(self, token):
        answer, predicted = self.ask(
            lambda: self.model.lookup(token), "write", "sys/wrapping/lookup", {"token": token}
        )
        if answer is not None:
            assert answer.data["creation_ttl"] == predicted

    @rule(target=tokens, caller=everybody, token=anything)
    def unwrap(self, caller, token):
        answer, predicted = self.ask(
            lambda: self.model.unwrap(caller, token),
            *("write", "sys/wrapping/unwrap", {"token": token}),
            token=caller,
        )
        if answer is None:
            return multiple()
        text = answer.auth.client_token.reveal_text() if answer.auth else None
        return self.take(predicted, data=answer.data, token=text)

    @rule(target=wrapping_tokens, caller=everybody, token=anything, ttl=TTLS)
    def unwrap_and_wrap_again(self, caller, token, ttl):
        answer, predicted = self.ask(
            lambda: self.model.unwrap(caller, token),
            *("write", "sys/wrapping/unwrap", {"token": token}),
            token=caller,
            wrap_ttl=ttl,
        )
        if answer is None:
            return multiple()
        assert answer.wrap_info.wrapped_accessor == predicted.get("accessor")
        again = self.model.wrapping(predicted, ttl)
        return self.new_token(answer.wrap_info.token.reveal_text(), again)

    @rule(target=tokens, token=wrapping_tokens)
    def read_response(self, token):
        answer, predicted = self.ask(
            lambda: self.model.read_response(token), "read", "cubbyhole/response", token=token
        )
        if answer is None:
            return multiple()
        inside = json.loads(answer.data["response"])
        auth = inside["auth"]
        return self.take(predicted, data=inside["data"], token=auth and auth["client_token"])

    def take(self, secret, *, data, token):
        """A secret leaves: data, or a token that nobody had seen."""
        self.left[secret["secret"]] += 1
        if "accessor" not in secret:
            assert (data, token) == (secret, None)
            return multiple()
        assert self.house.accessor(token) == secret["accessor"]
        self.model.learn(secret["accessor"], token)
        self.grants[token] = secret["uses"]
        return token

    @rule(target=wrapping_tokens, caller=everybody, token=anything, ttl=WISHES)
    def rewrap(self, caller, token, ttl):
        answer, predicted = self.ask(
            lambda: self.model.rewrap(caller, token, ttl),
            *("write", "sys/wrapping/rewrap", {"token": token}),
            token=caller,
            wrap_ttl=ttl,
        )
        if answer is None:
            return multiple()
        assert answer.wrap_info.ttl == predicted.ttl
        assert answer.wrap_info.wrapped_accessor == predicted.wrapped.get("accessor")
        return self.new_token(answer.wrap_info.token.reveal_text(), predicted)

    # -- time and accidents

    @rule(span=SPANS, sign=st.sampled_from([1, 1, -1]))
    def let_time_pass_or_set_the_clock_back(self, span, sign):
        self.model.now += sign * span

    @rule(token=anything)
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

    @rule()
    def reap(self):
        self.model.reap()
        while due := self.house.store.due(self.model.now, at_most=64):
            for accessor in due:
                finished(self.house.store.commit([[Remove(accessor=accessor)]]))

    @rule()
    def rotate(self):
        """No fact changes."""
        finished(self.house.owner.ask("write", "sys/rotate"))

    @rule()
    def move(self):
        assert trio.run(reseal_all, self.house.store.terms)
        assert len(keys_on_disk(self.files).terms) == 1

    # -- what holds at every moment

    @invariant()
    def each_secret_left_at_most_once(self):
        assert all(times == 1 for times in self.left.values())

    @invariant()
    def uses_do_not_exceed_the_grant(self):
        for token, granted in self.grants.items():
            assert not granted or self.answered[token] <= granted

    @invariant()
    def the_disk_holds_the_tokens_and_policies_that_are(self):
        assert set(self.files.files) - {"keyring"} == self.expected_files()


TestPromises = Promises.TestCase
TestPromises.settings = settings(stateful_step_count=40)
