"""What tokens, policies, cubbyholes and wrapping do, as plain dictionaries: the rules alone.

A token is known here by its text, or as long as only its accessor is known by ``accessor:…``.
Whatever a request needs is looked up as OpenBao does: a token lives until its deadline and while
its parents live; one that is met dead is gone for good.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_DEPTH = 32
MAX_TTL = 768 * 3600

ALL = {"create", "read", "update", "delete", "list"}
BUILT_IN = {
    "default": {
        "cubbyhole/*": ALL,
        "auth/token/lookup-self": {"read"},
        "auth/token/renew-self": {"update"},
        "auth/token/revoke-self": {"update"},
        "sys/wrapping/wrap": {"update"},
        "sys/wrapping/unwrap": {"update"},
        "sys/wrapping/rewrap": {"update"},
    },
    "response-wrapping": {
        "cubbyhole/response": {"create", "read"},
        "sys/wrapping/unwrap": {"update"},
        "auth/token/revoke-self": {"update"},
    },
}


class Refused(Exception):  # noqa: N818 - it is the model's word, not an error of the test
    """The code of the refusal that a request meets."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Token:
    """A token's file."""

    policies: tuple[str, ...] = ()
    parent: str | None = None
    uses: int = 0
    ttl: int = 0
    granted: float = 0
    """Seconds at the last renewal, or at first."""
    limit: int = 0
    """explicit_max_ttl."""
    period: int = 0
    is_renewable: bool = True
    created_at: float = 0
    expires_at: float | None = None
    cubbyhole: dict[str, dict] = field(default_factory=dict)
    wrapped: dict | None = None
    is_stub: bool = False

    @property
    def is_root(self) -> bool:
        return "root" in self.policies


class Model:
    """Every method is a request: it returns what is answered, or raises what refuses it."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.tokens: dict[str, Token] = {}
        self.policies: dict[str, dict[str, set[str]]] = {}
        self.key_term = 1

    # Tokens

    def create(  # noqa: PLR0913 - one for each of the request's members
        self,
        caller: str | None,
        *,
        policies: tuple[str, ...],
        ttl: int,
        limit: int,
        uses: int,
        period: int,
        is_renewable: bool,
        is_orphan: bool,
    ) -> Token:
        """The new token; only the daemon knows its text."""
        parent = None if caller is None else self._use(caller)
        if parent is not None:
            self._permit(parent, "auth/token/create", "update")
            if parent.uses or caller not in self.tokens:
                raise Refused("invalid_request")  # a limited token makes none
            if not parent.is_root and (is_orphan or period):
                raise Refused("invalid_request")
            if not is_orphan and self._depth(caller) >= MAX_DEPTH:
                raise Refused("invalid_request")
        is_for_ever = "root" in policies and not (ttl or limit or period)
        if is_for_ever and parent is not None and parent.expires_at is not None:
            raise Refused("invalid_request")
        wanted = period or ttl or (limit if "root" in policies else MAX_TTL)
        life = 0 if is_for_ever else min(wanted, limit or MAX_TTL)
        return Token(
            policies=policies,
            parent=None if is_orphan else caller,
            uses=uses,
            period=period,
            is_renewable=is_renewable,
            ttl=life,
            granted=life,
            limit=limit,
            created_at=self.now,
            expires_at=self.now + life if life else None,
        )

    def renew(self, name: str, increment: int) -> float:
        """By an owner: the seconds that it has from now on."""
        token = self._living(name)
        if token is None:
            raise Refused("invalid_request")
        return self._renewed(token, increment)

    def renew_self(self, caller: str, increment: int) -> float:
        token = self._use(caller)
        self._permit(token, "auth/token/renew-self", "update")
        return self._renewed(token, increment)

    def _renewed(self, token: Token, increment: int) -> float:
        if token.wrapped is not None or token.expires_at is None or not token.is_renewable:
            raise Refused("invalid_request")
        longest = token.created_at + min(MAX_TTL, token.limit or MAX_TTL) - self.now
        token.granted = min(token.period or increment or token.granted, longest)
        token.expires_at = self.now + token.granted
        return token.granted

    def lookup_self(self, caller: str) -> int:
        """The uses that are left after this one."""
        token = self._use(caller)
        self._permit(token, "auth/token/lookup-self", "read")
        return token.uses if caller in self.tokens else -1

    def revoke(self, name: str) -> None:
        """By an owner; what is dead already is no error."""
        if self._living(name):
            del self.tokens[name]

    def revoke_self(self, caller: str | None) -> None:
        if caller is None:
            raise Refused("permission_denied")
        token = self._use(caller)
        self._permit(token, "auth/token/revoke-self", "update")
        self.tokens.pop(caller, None)

    def revoke_orphan(self, name: str) -> None:
        """By an owner: its file stays, with nothing in it, for its children."""
        if not self._living(name):
            raise Refused("invalid_request")
        self.tokens[name] = Token(is_stub=True)

    # Policies

    def capabilities(self, name: str, path: str) -> list[str]:
        """Asked by an owner."""
        token = self._living(name)
        if token is None:
            raise Refused("invalid_request")
        return ["root"] if token.is_root else sorted(self._granted(token, path) or {"deny"})

    def _permit(self, token: Token, path: str, word: str) -> None:
        if not token.is_root and word not in self._granted(token, path):
            raise Refused("permission_denied")

    def _granted(self, token: Token, path: str) -> set[str]:
        """An exact rule replaces the pattern; the same path in several policies adds up."""
        known = {**self.policies, **BUILT_IN}
        policies = [known[name] for name in token.policies if name in known]
        for decides in (path, "cubbyhole/*"):
            found = [rules[decides] for rules in policies if decides in rules]
            if found and path.startswith(decides.removesuffix("*")):
                words = set().union(*found)
                return {"deny"} if "deny" in words else words
        return set()

    # Cubbyholes

    def write(self, caller: str | None, path: str, data: dict) -> None:
        token = self._owner_of_a_cubbyhole(caller)
        word = "update" if path in token.cubbyhole or token.wrapped else "create"
        self._permit(token, f"cubbyhole/{path}", word)
        token.cubbyhole[path] = data

    def read(self, caller: str | None, path: str) -> dict:
        token = self._owner_of_a_cubbyhole(caller)
        self._permit(token, f"cubbyhole/{path}", "read")
        if path not in token.cubbyhole:
            raise Refused("not_found")
        return token.cubbyhole[path]

    def list(self, caller: str | None) -> list[str]:
        """All that is there."""
        token = self._owner_of_a_cubbyhole(caller)
        self._permit(token, "cubbyhole/", "list")
        if not token.cubbyhole:
            raise Refused("not_found")
        return sorted(token.cubbyhole)

    def delete(self, caller: str | None, path: str) -> None:
        token = self._owner_of_a_cubbyhole(caller)
        self._permit(token, f"cubbyhole/{path}", "delete")
        token.cubbyhole.pop(path, None)

    def _owner_of_a_cubbyhole(self, caller: str | None) -> Token:
        if caller is None:
            raise Refused("permission_denied")
        return self._use(caller)

    # Wrapping

    def wrap(self, caller: str | None, data: dict, ttl: int) -> Token:
        """The new wrapping token."""
        if caller is not None:
            self._permit(self._use(caller), "sys/wrapping/wrap", "update")
        return self.wrapping(data, ttl)

    def wrapping(self, data: dict, ttl: int) -> Token:
        """A wrapping token, as any answer can become one."""
        return Token(
            policies=("response-wrapping",), wrapped=data, ttl=ttl, expires_at=self.now + ttl
        )

    def lookup(self, name: str) -> int:
        """The TTL that it was made with."""
        return self._valid(name).ttl

    def unwrap(self, caller: str | None, name: str) -> dict:
        data = self._valid(name).wrapped
        if caller is not None:
            token = self._use(caller)
            self._permit(token, "sys/wrapping/unwrap", "update")
            if token.wrapped is not None:
                del self.tokens[caller]
        self.tokens.pop(name, None)
        return data

    def rewrap(self, caller: str | None, name: str, ttl: int) -> Token:
        """The new wrapping token."""
        old = self._valid(name)
        if caller is not None:
            self._permit(self._use(caller), "sys/wrapping/rewrap", "update")
        del self.tokens[name]
        return self.wrapping(old.wrapped, min(ttl or old.ttl, old.ttl))

    def read_response(self, name: str) -> dict:
        """The old way, for a wrapping token."""
        token = self._living(name)
        if token is None:
            raise Refused("permission_denied")
        del self.tokens[name]
        return token.wrapped

    def _valid(self, name: str) -> Token:
        token = self._living(name)
        if token is None or token.wrapped is None:
            raise Refused("wrapping_token_invalid")
        return token

    # Life and death

    def is_alive(self, name: str) -> bool:
        """As a lookup by an owner finds it."""
        return self._living(name) is not None

    def would_answer(self, name: str) -> bool:
        """The same, without looking: nothing that is found dead is destroyed for it."""
        token = self.tokens.get(name)
        if token is None or token.is_stub or self._is_dead(name):
            return False
        parent = token.parent
        is_top = parent is None or (parent in self.tokens and self.tokens[parent].is_stub)
        return is_top or self.would_answer(parent)

    def learn(self, accessor: str, name: str) -> None:
        """Somebody has unwrapped a token of which only the accessor was known."""
        known = f"accessor:{accessor}"
        self.tokens = {name if each == known else each: it for each, it in self.tokens.items()}
        for token in self.tokens.values():
            if token.parent == known:
                token.parent = name

    def reap(self) -> None:
        """Destroy all that is dead, and the stubs that no child names."""
        while gone := [*self._due()]:
            for name in gone:
                del self.tokens[name]

    def _due(self) -> Iterator[str]:
        parents = {token.parent for token in self.tokens.values()}
        for name, token in self.tokens.items():
            is_lonely = token.is_stub and name not in parents
            is_lost = token.parent is not None and token.parent not in self.tokens
            if is_lonely or is_lost or self._is_dead(name):
                yield name

    def _living(self, name: str) -> Token | None:
        if name in self.tokens and self.tokens[name].is_stub:
            return None
        line = [name]
        while line[-1] in self.tokens and (parent := self.tokens[line[-1]].parent) is not None:
            if parent in self.tokens and self.tokens[parent].is_stub:
                break
            line.append(parent)
        dead = [each for each in line if self._is_dead(each)]
        if not dead:
            return self.tokens[name]
        for each in (name, *dead):
            self.tokens.pop(each, None)
        return None

    def _is_dead(self, name: str) -> bool:
        token = self.tokens.get(name)
        return token is None or (token.expires_at is not None and self.now >= token.expires_at)

    def _use(self, name: str) -> Token:
        """A living caller; what a request may cost, it has cost now."""
        token = self._living(name)
        if token is None:
            raise Refused("permission_denied")
        if token.uses == 1:
            del self.tokens[name]  # the request at hand still has it
        elif token.uses:
            token.uses -= 1
        return token

    def _depth(self, name: str) -> int:
        parent = self.tokens[name].parent
        is_top = parent is None or self.tokens[parent].is_stub
        return 1 if is_top else 1 + self._depth(parent)
