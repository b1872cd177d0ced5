"""A marked secret, and a trail of everything that was left behind, which is searched for it."""

import traceback
from base64 import b64encode, urlsafe_b64encode

from fakes import OWNER

from cubbyd.crypto.keys import RootKeys
from cubbyd.errors import RefusedError, StoreError
from cubbyd.messages import Operation, Request
from cubbyd.secret import Secret
from cubbyd.server.logs import report_bug

# In pieces, for tracebacks show the lines of this file.
MARK = "canary" + "-5f0e"
KEYS = RootKeys(
    accessor_key=Secret(b"accessor" + b"-canary".ljust(24, b"+")),
    terms={
        1: Secret(b"root-key-1" + b"-canary".ljust(22, b"+")),
        2: Secret(b"root-key-2" + b"-canary".ljust(22, b"+")),
    },
)
SECRET = {"value": MARK, "bytes": MARK.encode(), "deep": [{"er": MARK}]}


def spellings(secret: bytes):
    """The ways in which bytes slip out: as they are, escaped, in hex, in base64 at any offset."""
    yield secret
    yield repr(secret)[2:-1].encode()
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for offset in range(3):
        padded = bytes(offset) + secret
        whole = len(padded) // 3 * 3
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(padded[:whole])[4 if offset else 0 :]


class Trail:
    """Everything that was left behind, and the secrets that must not be in it."""

    def __init__(self) -> None:
        self.secrets = {MARK.encode(), KEYS.accessor_key.reveal()}
        self.secrets |= {key.reveal() for key in KEYS.terms.values()}
        self.told: list[str] = []
        self.refusals = 0
        self._drawn = 0

    def random(self, size: int) -> bytes:
        """Random bytes; those of a key's or a token's size are secrets."""
        self._drawn += 1
        drawn = bytes((self._drawn * 7 + n * 13 + self._drawn // 256) % 256 for n in range(size))
        if size == 32:
            self.secrets.add(drawn)
        return drawn

    async def ask(self, house, *request, peer=OWNER, token=None, wrap_ttl=None, encode=None):
        """Ask, and keep all that is said about it. Returns the answer, or None."""
        operation, path, data = (*request, None)[:3]
        asked = Request(
            operation=Operation(operation),
            path=path,
            peer=peer,
            token=None if token is None else Secret.from_text(token),
            data=data,
            wrap_ttl=wrap_ttl,
        )
        self.told.append(repr(asked))
        try:
            answer = await house.router.answer(asked, encode or (lambda response: response))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not tell
            self.note_error(error)
            if not isinstance(error, RefusedError | StoreError):
                report_bug(error)
            return None
        self.told += [repr(answer), str(answer), repr(answer.auth), repr(answer.wrap_info)]
        if answer.auth:
            self.secrets.add(answer.auth.client_token.reveal())
        if answer.wrap_info:
            self.secrets.add(answer.wrap_info.token.reveal())
        return answer

    def note_error(self, error: Exception) -> None:
        """All that a crash reporter could show of an exception."""
        self.refusals += isinstance(error, RefusedError)
        self.told.append("".join(traceback.format_exception(error)))
        chain = [error]
        for each in chain:
            chain += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
            chain += getattr(each, "exceptions", ())
            self.told += [str(each), repr(each), repr(each.args), repr(vars(each))]
            self.told.append(repr(getattr(each, "object", "")))  # where UnicodeError keeps it

    async def token(self, house, *policies, **options):
        data = {"policies": [*policies] or ["default"], **options}
        answer = await self.ask(house, "write", "auth/token/create", data)
        return answer.auth.client_token.reveal_text()

    async def wrap(self, house):
        answer = await self.ask(house, "write", "sys/wrapping/wrap", SECRET, wrap_ttl=60)
        return answer.wrap_info.token.reveal_text()

    def check(self, *places: str | bytes) -> None:
        """Find none of the secrets, in any spelling, in what was told or in these places."""
        haystack = "\n".join(self.told).encode()
        for place in places:
            haystack += b"\n" + (place.encode() if isinstance(place, str) else place)
        for secret in self.secrets:
            for spelling in spellings(secret):
                assert spelling not in haystack
