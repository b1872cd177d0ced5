"""How answers are read: each takes a response, and says what it lacks.

All raise MalformedFrameError for an answer that does not have what was asked for.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple, TypeAlias

from cubbyd.errors import MalformedFrameError
from cubbyd.messages import Auth, Response, WrapInfo
from cubbyd.value import Map

Keys: TypeAlias = list[str]
Capabilities: TypeAlias = dict[str, list[str]]
"""By path, what may be done there: sorted, ``["deny"]`` for nothing, ``["root"]`` for all."""


class WrappingLookup(NamedTuple):
    """What anybody who holds a wrapping token may know of it without spending it."""

    creation_path: str
    """The path whose answer was wrapped; another than expected is a sign of tampering."""
    creation_time: str
    """RFC 3339."""
    creation_ttl: float
    """Seconds, from creation; not what is left of them."""


def whole(response: Response) -> Response:
    """The answer as it is."""
    return response


def nothing(response: Response) -> None:
    """The daemon's word that it is done is all there is to say."""


def data(response: Response) -> Map:
    """What it holds; an answer may hold nothing."""
    return response.data or {}


def keys(response: Response) -> Keys:
    """What a list names."""
    match response.data:
        case {"keys": list(keys)}:
            return [str(key) for key in keys]
        case _:
            raise MalformedFrameError("the answer to a list has no keys")


def auth(response: Response) -> Auth:
    """A token."""
    if response.auth is None:
        raise MalformedFrameError("the answer has no token")
    return response.auth


def wrap_info(response: Response) -> WrapInfo:
    """Where the answer waits."""
    if response.wrap_info is None:
        raise MalformedFrameError("the answer is not wrapped; perhaps there was nothing to wrap")
    return response.wrap_info


def wrapping_lookup(response: Response) -> WrappingLookup:
    """What is known of a wrapping token."""
    match response.data:
        case {
            "creation_path": str(path),
            "creation_time": str(time),
            "creation_ttl": int(ttl) | float(ttl),
        }:
            return WrappingLookup(creation_path=path, creation_time=time, creation_ttl=ttl)
        case _:
            raise MalformedFrameError("the answer lacks what is known of a wrapping token")


def text(name: str) -> Callable[[Response], str]:
    """One member of the data, which is text."""

    def decode(response: Response) -> str:
        match data(response).get(name):
            case str(found):
                return found
            case _:
                raise MalformedFrameError(f"the answer has no {name!r}")

    return decode


def capabilities(paths: Collection[str]) -> Callable[[Response], Capabilities]:
    """The capabilities at each of the paths that were asked for.

    Asked for one path, the daemon repeats its answer as ``capabilities``; that is a path only where
    it was asked for.
    """

    def decode(response: Response) -> Capabilities:
        found: Capabilities = {}
        for path, names in data(response).items():
            if path == "capabilities" and path not in paths:
                continue
            if not isinstance(names, list):
                raise MalformedFrameError("the answer has something else than capabilities")
            found[path] = [str(name) for name in names]
        return found

    return decode
