"""One request and one answer, told so that two servers can be asked the same.

What a server draws (tokens, accessors) is in a step only by reference: ``Saved("token", 0)`` is the
token that this server gave last, ``Saved("token", 1)`` the one before. So a step means the same to
both servers, and still means something when a shrinker takes away the steps before it.
"""

import json
import socket
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

PATIENCE = 20.0
"""Seconds to wait for an answer: a busy machine is no difference."""

NONCE = "§"
"""Stands in a step for what is another text in each sequence, so that policies do not meet."""


@dataclass(frozen=True)
class Saved:
    """What a server gave: a ``token``, a ``wrapping`` token or an ``accessor``, so many ago."""

    kind: str
    back: int = 0


ROOT = Saved("root")
"""The token with policy root that every sequence has to itself."""


@dataclass(frozen=True)
class Step:
    """One request. The path is what the server should understand unless it is ``raw``."""

    method: str
    path: str
    token: Saved | str | None = None
    body: object = None
    wrap_ttl: str | None = None
    query: str = ""
    text: str | None = None
    """The body as it goes over the wire, in place of a JSON body."""
    headers: tuple[tuple[str, str], ...] = ()
    is_raw: bool = False
    inner: Saved | str | None = None
    """Ends the path: an accessor or a token."""
    wait: float = 0
    """Seconds until it is sent."""

    @property
    def target(self) -> str:
        path = self.path if self.is_raw else quote(self.path)
        return f"/v1/{path}" + (f"?{self.query}" if self.query else "")

    @property
    def payload(self) -> bytes:
        if self.text is not None:
            return self.text.encode()
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Answer:
    """What came back. Of the headers those are kept that clients act on."""

    status: int
    content_type: str | None
    cache_control: str | None
    location: str | None
    body: object


class Memory:
    """What one server gave during one sequence."""

    def __init__(self, root: str, nonce: str) -> None:
        self._nonce = nonce
        self._saved: dict[str, list[str]] = {
            "root": [root],
            "token": [],
            "wrapping": [],
            "accessor": [],
        }

    def resolve(self, step: Step) -> Step:
        """The step with everything in it that was only referred to."""
        inner = "" if step.inner is None else "/" + self.value(step.inner)
        return replace(
            step,
            path=step.path.replace(NONCE, self._nonce) + inner,
            token=self.value(step.token),
            body=self.value(step.body),
            text=step.text and step.text.replace(NONCE, self._nonce),
            inner=None,
        )

    def value(self, value):
        """A value of a request, with what its references stand for."""
        match value:
            case Saved(kind=kind, back=back):
                found = self._saved[kind]
                return found[-1 - back % len(found)] if found else "s.none"
            case str():
                return value.replace(NONCE, self._nonce)
            case list() | tuple():
                return [self.value(item) for item in value]
            case dict():
                return {self.value(key): self.value(item) for key, item in value.items()}
        return value

    def kind_of(self, token: str | None) -> str | None:
        """What was saved under that token, if it was."""
        for kind, values in self._saved.items():
            if token in values:
                return kind
        return None

    def save(self, body: object) -> None:
        """Remember the tokens and accessors of an answer."""
        if not isinstance(body, dict):
            return
        auth, info, data = (body.get(name) for name in ("auth", "wrap_info", "data"))
        if isinstance(auth, dict):
            self._add("token", auth.get("client_token"))
            self._add("accessor", auth.get("accessor"))
        if isinstance(info, dict):
            self._add("wrapping", info.get("token"))
            self._add("accessor", info.get("accessor"))
        if isinstance(data, dict) and isinstance(data.get("response"), str):
            try:
                self.save(json.loads(data["response"]))
            except ValueError:
                return

    def _add(self, kind: str, value: object) -> None:
        if isinstance(value, str) and value and value not in self._saved[kind]:
            self._saved[kind].append(value)


class Server:
    """A server that is asked over one connection, which stays open."""

    def __init__(self, connection: HTTPConnection, root: str) -> None:
        self._connection = connection
        self.root = root

    def ask(self, step: Step) -> Answer:
        """Send a step that has no references any more."""
        headers = {name: value.encode() for name, value in step.headers}
        if step.token is not None:
            headers["X-Vault-Token"] = str(step.token).encode()
        if step.wrap_ttl is not None:
            headers["X-Vault-Wrap-TTL"] = step.wrap_ttl.encode()
        connection = self._connection
        try:
            connection.request(step.method, step.target, step.payload or None, headers)
            response = connection.getresponse()
            body = response.read()
        except (HTTPException, OSError) as error:
            connection.close()
            return Answer(0, None, None, None, repr(error))
        return Answer(
            response.status,
            response.getheader("Content-Type"),
            response.getheader("Cache-Control"),
            response.getheader("Location"),
            _parsed(body),
        )

    def close(self) -> None:
        self._connection.close()


def _parsed(body: bytes) -> object:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
