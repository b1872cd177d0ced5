"""What tokens, cubbyholes and wrapping do, as plain dictionaries: the rules without the daemon.

A token is known here by its text. Whatever a request needs is looked up as OpenBao does: a token
lives until its deadline and while its parents live; one that is met dead is gone for good.
"""

from dataclasses import dataclass, field

MAX_DEPTH = 32


class Refused(Exception):  # noqa: N818 - it is the model's word, not an error of the test
    """The code of the refusal that a request meets."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Token:
    """A token's file."""

    parent: str | None = None
    is_root: bool = False
    uses: int = 0
    ttl: int = 0
    expires_at: float | None = None
    cubbyhole: dict[str, dict] = field(default_factory=dict)
    wrapped: dict | None = None


class Model:
    """Every method is a request: it returns what is answered, or raises what refuses it."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.tokens: dict[str, Token] = {}

    # Tokens

    def create(self, caller: str | None, *, is_root: bool, ttl: int, uses: int) -> Token:
        """The new token; only the daemon knows its text."""
        parent = None if caller is None else self._use(caller)
        if parent is not None and not parent.is_root:
            raise Refused("permission_denied")
        if parent is not None and (parent.uses or caller not in self.tokens):
            raise Refused("invalid_request")  # a limited token makes none
        if parent is not None and self._depth(caller) >= MAX_DEPTH:
            raise Refused("invalid_request")
        is_for_ever = is_root and not ttl
        if is_for_ever and parent is not None and parent.expires_at is not None:
            raise Refused("invalid_request")
        life = ttl or (0 if is_for_ever else 768 * 3600)
        return Token(
            parent=caller,
            is_root=is_root,
            uses=uses,
            ttl=life,
            expires_at=self.now + life if life else None,
        )

    def revoke(self, name: str) -> None:
        """By an owner; what is dead already is no error."""
        if self._living(name):
            del self.tokens[name]

    # Cubbyholes

    def write(self, caller: str | None, path: str, data: dict) -> None:
        self._cubbyhole(caller)[path] = data

    def read(self, caller: str | None, path: str) -> dict:
        contents = self._cubbyhole(caller)
        if path not in contents:
            raise Refused("not_found")
        return contents[path]

    def delete(self, caller: str | None, path: str) -> None:
        self._cubbyhole(caller).pop(path, None)

    def _cubbyhole(self, caller: str | None) -> dict[str, dict]:
        token = None if caller is None else self._use(caller)
        if token is None or token.wrapped is not None:
            raise Refused("permission_denied")
        return token.cubbyhole

    # Wrapping

    def wrap(self, caller: str | None, data: dict, ttl: int) -> Token:
        """The new wrapping token."""
        if caller is not None and self._use(caller).wrapped is not None:
            raise Refused("permission_denied")
        return self._wrapping(data, ttl)

    def lookup(self, name: str) -> int:
        """The TTL that it was made with."""
        return self._valid(name).ttl

    def unwrap(self, caller: str | None, name: str) -> dict:
        data = self._valid(name).wrapped
        if caller is not None and self._use(caller).wrapped is not None:
            del self.tokens[caller]
        self.tokens.pop(name, None)
        return data

    def rewrap(self, caller: str | None, name: str) -> Token:
        """The new wrapping token."""
        old = self._valid(name)
        if caller is not None and self._use(caller).wrapped is not None:
            raise Refused("permission_denied")
        del self.tokens[name]
        return self._wrapping(old.wrapped, old.ttl)

    def read_response(self, name: str) -> dict:
        """The old way, for a wrapping token."""
        token = self._living(name)
        if token is None:
            raise Refused("permission_denied")
        del self.tokens[name]
        return token.wrapped

    def _wrapping(self, data: dict, ttl: int) -> Token:
        return Token(wrapped=data, ttl=ttl, expires_at=self.now + ttl)

    def _valid(self, name: str) -> Token:
        token = self._living(name)
        if token is None or token.wrapped is None:
            raise Refused("wrapping_token_invalid")
        return token

    # Life and death

    def is_alive(self, name: str) -> bool:
        """As a lookup by an owner finds it."""
        return self._living(name) is not None

    def _living(self, name: str) -> Token | None:
        line = [name]
        while line[-1] in self.tokens and (parent := self.tokens[line[-1]].parent) is not None:
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
        return 1 if parent is None else 1 + self._depth(parent)
