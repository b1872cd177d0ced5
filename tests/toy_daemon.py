"""A daemon's behaviour, good enough for a command line to be tried on it."""

from base64 import b64encode
from itertools import count

from cubbyd.core.token_text import Prefix, token_text
from cubbyd.errors import (
    BusyError,
    IntegrityError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    SealedError,
    UnsupportedPathError,
    WrappingTokenInvalidError,
    WrongPassphraseError,
    multierror,
)
from cubbyd.messages import Auth, Operation, Request, Response, WrapInfo
from cubbyd.secret import Secret
from cubbyd.value import Map

OWN = token_text(Prefix.SERVICE, bytes(32)).reveal_text()
PASSPHRASE = b"correct horse"
FILES = {
    "key.bin": b"\x00\xffkey",
    "web.json": b'{"ports": [80, 443], "ratio": 1e3, "on": true, "none": null}',
    "escape.json": b'{"text": "\\u001b[31mred\\n", "\\u0007": "bell", "ttl": 90}',
    "list.json": b"[1]",
    "bad.json": b'{"a": s3cret}',
    "nan.json": b'{"a": NaN}',
    "own": OWN.encode() + b"\n",
    "typo": OWN.replace("0", "1", 1).encode(),
    "text": b"not a token\n",
    "right": PASSPHRASE + b"\n",
    "wrong": b"incorrect horse\r\n",
    "two-lines": b"one\ntwo\n",
    "latin-1": b"caf\xe9 horse\n",
    "long": b"x" * 1025 + b"\n",
    "nothing": b"",
    "deploy.json": b'{"path": {"cubbyhole/*": {"capabilities": ["read"]}}}',
    "indented.json": b'{\n\t"path": {}\n}\x1b[2J\n',
}
"""What lies where commands run."""

ANSWERED_SEALED = [f"sys/{name}" for name in ("health", "seal-status", "hardening", "unseal")]

AUTH = Auth(
    client_token=token_text(Prefix.SERVICE, bytes(32)),
    accessor="cd" * 16,
    policies=("default",),
    lease_duration=5400,
    renewable=True,
    orphan=False,
    num_uses=0,
    metadata={"job": "backup"},
)
RENEWED = AUTH._replace(lease_duration=7200)

TROUBLES = {
    "trouble/busy": BusyError(),
    "trouble/denied": PermissionDeniedError(multierror("permission denied")),
    "trouble/integrity": IntegrityError("\x1b[31mdamaged", detail={"file": b"\xff"}),
    "trouble/quota": QuotaExceededError(),
    "trouble/sealed": SealedError(),
    "trouble/two": InvalidRequestError("2 errors occurred:\n\t* one\n\t* two\n\n"),
}


def wrapping_token(number: int) -> Secret:
    """The toy's wrapping tokens, from 1."""
    return token_text(Prefix.WRAPPING, number.to_bytes(32, "big"))


class Toy:
    """One cubbyhole for everybody, wrapping tokens that are numbered, and troubles on demand."""

    def __init__(self) -> None:
        self.cubbyhole = {}
        self.wrapped = {}
        self.policies = {"default": "{}"}
        self._numbers = count(1)
        self.is_sealed = False
        self.source = "key-file"
        self.terms = 1

    def handle(self, request: Request) -> Response:
        if self.is_sealed and request.path not in ANSWERED_SEALED:
            raise SealedError
        if request.path.startswith("sys/wrapping/"):
            return self._wrapping(request)
        response = self._answer(request)
        if request.wrap_ttl is not None and not response.is_empty:
            return self._wrap(response, request)
        return response

    def _answer(self, request: Request) -> Response:
        if request.path in TROUBLES:
            trouble = TROUBLES[request.path]
            raise trouble
        rooms = {"auth": self._auth, "sys": self._sys, "cubbyhole": self._in_cubbyhole}
        room = rooms.get(request.path.partition("/")[0])
        if room is None:
            raise UnsupportedPathError
        return room(request)

    def _auth(self, request: Request) -> Response:
        match request.path.removeprefix("auth/token/"):
            case "create" | "auth/peer/login":
                return Response(request_id="r", auth=AUTH, warnings=("not really",))
            case "accessors":
                return Response(request_id="r", data={"keys": ["ab" * 16, "cd" * 16]})
            case "tidy":
                return Response(request_id="r", status=202, warnings=("Tidy operation started",))
            case name if name.startswith("revoke"):
                return Response(request_id="r")
            case name if name.startswith("renew"):
                return self._renew(request)
        return Response(request_id="r", data={"path": request.path, **(request.data or {})})

    def _sys(self, request: Request) -> Response:
        match request.path.split("/")[1:]:
            case ["policies", "acl", *_]:
                return self._in_policies(request)
            case ["tools", "random"]:
                return self._random(request.data or {})
            case [name] if name.startswith("capabilities"):
                return self._capabilities(request)
            case ["seal" | "unseal" | "rekey" | "rotate"]:
                return self._change_keys(request)
            case ["key-status"]:
                files = {str(term): 0 for term in range(1, self.terms)}
                files[str(self.terms)] = 3
                data = {
                    "term": self.terms,
                    "install_time": "2026-11-22T01:17:41.500000Z",
                    "encryptions": 3,
                    "files": files,
                }
                return Response(request_id="r", data=data)
        return self._status()

    def _status(self) -> Response:
        data = {"type": self.source, "sealed": self.is_sealed, "version": "1.0", "t": 1}
        return Response(request_id="r", data=data)

    def _change_keys(self, request: Request) -> Response:
        """A passphrase is wrong if it is not the one that is right, whatever was made of it."""
        data = request.data or {}
        name = {"sys/unseal": "passphrase", "sys/rekey": "current_passphrase"}.get(request.path)
        if data.get(name, PASSPHRASE.decode()) != PASSPHRASE.decode():
            raise WrongPassphraseError
        if request.path == "sys/seal" and self.source != "passphrase":
            raise InvalidRequestError("sealing needs a passphrase as the source of the keys")
        self.source = data.get("to", self.source)
        self.is_sealed = request.path == "sys/seal"
        self.terms += request.path == "sys/rotate"
        return self._status() if request.path == "sys/unseal" else Response(request_id="r")

    def _random(self, data: Map) -> Response:
        """As many bytes as were asked for, by no chance at all."""
        content = bytes(range(data.get("bytes", 32)))
        text = content.hex() if data.get("format") == "hex" else b64encode(content).decode()
        return Response(request_id="r", data={"random_bytes": text})

    def _renew(self, request: Request) -> Response:
        auth = AUTH if request.data is None or "increment" not in request.data else RENEWED
        if request.path.endswith("accessor"):
            auth = auth._replace(client_token=Secret(b""), accessor=request.data["accessor"])
        return Response(request_id="r", auth=auth)

    def _capabilities(self, request: Request) -> Response:
        """Those of a token are ``read``, those of an accessor ``deny``, and one's own are many."""
        match request.data:
            case {"token": _}:
                found = ["read"]
            case {"accessor": _}:
                found = ["deny"]
            case _:
                found = ["create", "delete", "list", "read", "update"]
        data = dict.fromkeys(request.data["paths"], found)
        if len(data) == 1:
            data["capabilities"] = found
        return Response(request_id="r", data=data)

    def _in_policies(self, request: Request) -> Response:
        name = request.path.removeprefix("sys/policies/acl").removeprefix("/")
        match request.operation:
            case Operation.LIST:
                return Response(request_id="r", data={"keys": sorted(self.policies)})
            case Operation.WRITE:
                self.policies[name] = request.data["policy"]
            case Operation.DELETE:
                self.policies.pop(name, None)
            case Operation.READ if name not in self.policies:
                raise NotFoundError
            case Operation.READ:
                data = {"name": name, "policy": self.policies[name], "version": 1}
                return Response(request_id="r", data=data)
        return Response(request_id="r")

    def _in_cubbyhole(self, request: Request) -> Response:
        match request.operation:
            case Operation.WRITE:
                self.cubbyhole[request.path] = request.data
            case Operation.DELETE:
                self.cubbyhole.pop(request.path, None)
            case Operation.LIST:
                folder = request.path
                paths = [path for path in sorted(self.cubbyhole) if path.startswith(folder)]
                keys = [path.removeprefix(folder) for path in paths]
                return Response(request_id="r", data={"keys": keys})
            case Operation.READ:
                if request.path not in self.cubbyhole:
                    raise NotFoundError
                return Response(request_id="r", data=self.cubbyhole[request.path])
        return Response(request_id="r")

    def _wrapping(self, request: Request) -> Response:
        if request.path.endswith("/wrap"):
            return self._wrap(Response(request_id="r", data=request.data), request)
        named = (request.data or {}).get("token") or request.token.reveal_text()
        if named not in self.wrapped:
            raise WrappingTokenInvalidError
        if request.path.endswith("/lookup"):
            return Response(
                request_id="r",
                data={
                    "creation_path": "sys/wrapping/wrap",
                    "creation_time": "2026-11-22T01:17:41.500000Z",
                    "creation_ttl": 300,
                },
            )
        response = self.wrapped.pop(named)
        return response if request.path.endswith("/unwrap") else self._wrap(response, request)

    def _wrap(self, response: Response, request: Request) -> Response:
        token = wrapping_token(next(self._numbers))
        self.wrapped[token.reveal_text()] = response
        return Response(
            wrap_info=WrapInfo(
                token=token,
                accessor="ab" * 16,
                ttl={"5m": 300}.get(request.wrap_ttl, 60),
                creation_time="2026-11-22T01:17:41.500000Z",
                creation_path=request.path,
                wrapped_accessor=response.auth and response.auth.accessor,
            )
        )
