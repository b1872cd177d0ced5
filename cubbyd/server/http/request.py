"""One HTTP request as our one request. The order of the refusals is OpenBao's.

What OpenBao's HTTP layer answers by itself, before a token is looked at, is answered here: a path
to be cleaned, a method it does not know, a body that is no JSON. All else is the router's.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from posixpath import normpath
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from cubbyd.errors import (
    InvalidRequestError,
    MalformedHttpError,
    RefusedError,
    UnsupportedOperationError,
    UnsupportedPathError,
    multierror,
)
from cubbyd.messages import Operation, Peer, Request
from cubbyd.secret import Secret
from cubbyd.server.http.body import BAD_ESCAPE, pairs, parse_body
from cubbyd.unchanging import unchanging
from cubbyd.value import Map

API: Final = "/v1/"
PATCH_TYPE: Final = "application/merge-patch+json"

_OPERATIONS: Final = {
    "GET": Operation.READ,
    "LIST": Operation.LIST,
    "SCAN": Operation.SCAN,
    "POST": Operation.WRITE,
    "PUT": Operation.WRITE,
    "PATCH": Operation.PATCH,
    "DELETE": Operation.DELETE,
}
_WITH_BODY: Final = (Operation.WRITE, Operation.PATCH)
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("0", "f", "F", "FALSE", "false", "False")
_OWN_NAMESPACE: Final = ("", "root")


class Shape(Enum):
    """How OpenBao writes an answer's JSON down."""

    ENVELOPE = "data within the envelope"
    SPREAD = "data within the envelope, and once more beside it"
    BARE = "data alone"


SHAPES: Final = {
    "sys/health": Shape.BARE,
    "sys/seal-status": Shape.BARE,
    "sys/leader": Shape.BARE,
    "sys/init": Shape.BARE,
    "sys/capabilities": Shape.SPREAD,
    "sys/capabilities-accessor": Shape.SPREAD,
    "sys/capabilities-self": Shape.SPREAD,
    "sys/policy": Shape.SPREAD,
    "sys/key-status": Shape.SPREAD,
}
_SPREAD_FOLDER: Final = "sys/policy/"


class RedirectError(RefusedError):
    """The same thing has a plainer path."""

    status = 307

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__()


class WordlessError(RefusedError):
    """A bare status, where OpenBao gives one."""


@unchanging
class HttpRequest:
    """What was received: a method, a target that begins with a slash, headers, and the body."""

    method: str
    # Unlike a Request's parts these are not Secrets yet.
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case."""
    body: bytes = field(repr=False)

    @property
    def is_head(self) -> bool:
        """Whether the answer's body is to be left out."""
        return self.method == "HEAD"

    @property
    def shape(self) -> Shape:
        """How to write the answer."""
        path = unquote(self.target.partition("?")[0]).removeprefix(API)
        by_folder = Shape.SPREAD if path.startswith(_SPREAD_FOLDER) else Shape.ENVELOPE
        return SHAPES.get(path, by_folder)


def to_request(http: HttpRequest, peer: Peer) -> Request:
    """The request that this is.

    Raises:
        RefusedError: It is none, or one that only HTTP has.
        MalformedHttpError: The target has a wrong escape: nobody knows what it names.
    """
    target, _, query = http.target.partition("?")
    if BAD_ESCAPE.search(http.target.encode()):
        raise MalformedHttpError("the target has a % without two hexadecimal digits")
    path = _path(target, query)
    named = pairs(query.encode()) if query else {}
    if any(named.get("help", ())):
        # OpenBao explains and does nothing, whatever the method: nothing may be done here either.
        raise UnsupportedPathError("there is no help at this door; see cubbyd's docs/api.md")
    operation, data = _operation(http, named)
    if http.headers.get("x-vault-namespace", "").strip("/") not in _OWN_NAMESPACE:
        raise UnsupportedPathError("namespace not found")
    if operation in _WITH_BODY:
        data = parse_body(http.body, http.headers.get("content-type", ""))
    return Request(
        operation=operation,
        path=path,
        peer=peer,
        token=_token(http.headers),
        data=data,
        wrap_ttl=http.headers.get("x-vault-wrap-ttl") or None,
    )


def _path(target: str, query: str) -> str:
    """The path below ``/v1/``, decoded."""
    cleaned = "/" + normpath(target).lstrip("/")
    if target.endswith("/") and cleaned != "/":
        cleaned += "/"
    if cleaned != target:
        cleaned += "/" if cleaned + "/" == API else ""
        raise RedirectError(f"{cleaned}?{query}" if query else cleaned)
    if not target.startswith(API):
        raise UnsupportedPathError
    try:
        return unquote_to_bytes(target.removeprefix(API)).decode()
    except UnicodeDecodeError:
        problem = "the path is not UTF-8"
    raise InvalidRequestError(problem)


def _operation(http: HttpRequest, query: dict[str, list[str]]) -> tuple[Operation, Map | None]:
    """What is asked, and the data that the query is where there is no body."""
    method = http.method
    is_bare = http.shape is Shape.BARE
    if method in ("GET", "HEAD") and is_bare:
        return Operation.READ, None
    if method == "HEAD":
        raise UnsupportedOperationError(multierror("unsupported operation"))
    if method == "OPTIONS":
        raise InvalidRequestError("cannot handle internal-only request operation")
    operation = _OPERATIONS.get(method)
    if operation is None or is_bare:
        raise WordlessError(status=405)
    if operation is Operation.PATCH:
        _check_patch(http.headers.get("content-type", ""))
    if not query:
        return operation, None
    if operation is Operation.READ:
        operation = _wanted(query)
    data: Map = {
        name: values[0] if len(values) == 1 else [*values] for name, values in query.items()
    }
    return operation, data or None


def _wanted(query: dict[str, list[str]]) -> Operation:
    """What a GET asks for: ``?list=true`` and ``?scan=true`` say so, and are no data then."""
    asked = []
    for each in (Operation.LIST, Operation.SCAN):
        value = query.get(each.value, [""])[0]
        if value in _TRUE:
            asked.append(each)
            del query[each.value]
        elif value and value not in _FALSE:
            raise WordlessError(status=400)
    if len(asked) > 1:
        raise WordlessError(status=400)
    return asked[0] if asked else Operation.READ


def _check_patch(content_type: str) -> None:
    if not content_type:
        raise InvalidRequestError("mime: no media type")
    if content_type.partition(";")[0].strip().lower() != PATCH_TYPE:
        raise RefusedError(
            f"PATCH requires Content-Type of {PATCH_TYPE}, provided {content_type}", status=415
        )


def _token(headers: Mapping[str, str]) -> Secret | None:
    token = headers.get("x-vault-token", "")
    bearer = headers.get("authorization", "")
    if not token and bearer.startswith("Bearer "):
        token = bearer.removeprefix("Bearer ").strip()
    return Secret(token.encode(errors="surrogateescape")) if token else None
