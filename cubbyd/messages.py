"""What every door speaks: one request, one response, and who asks.

A door (CBOR socket, HTTP socket, a test) turns its bytes into a ``Request`` and a ``Response`` into
its bytes, and knows nothing else. ``to_map`` and ``from_map`` are a response's one typed form: on
the wire, in a wrapping token's cubbyhole, and in a client.

Every command loads this, and to make a dataclass takes ten times as long as a named tuple.
"""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import NamedTuple, Self, TypeVar

from cubbyd.errors import MalformedFrameError
from cubbyd.secret import Secret
from cubbyd.unchanging import unchanging
from cubbyd.value import Map, Value, to_json

T = TypeVar("T")


class Operation(Enum):
    """What a request wants with its path. OpenBao's ``update`` is ``write`` here."""

    READ = "read"
    WRITE = "write"
    LIST = "list"
    DELETE = "delete"
    PATCH = "patch"
    """Known, and done nowhere: a policy may grant it, and no path has it."""
    SCAN = "scan"
    """Likewise."""

    __hash__ = object.__hash__  # each is there once; Enum's own is Python, and asked per request


class Role(Enum):
    """What the kernel's word about a peer's uid is worth, by configuration."""

    OWNER = "owner"
    """Runs the place: acts as policy ``root`` when it sends no token."""
    GUEST = "guest"
    """Admitted: may log in and unwrap without a token."""
    BEARER = "bearer"
    """Whoever it is, may do what its token allows, and without one nothing: the HTTP door's, since
    programs that forward HTTP requests do so with their own uid."""


class Peer(NamedTuple):
    """The process at the other end of the socket, as the kernel names it."""

    uid: int
    gid: int
    pid: int
    role: Role
    groups: tuple[int, ...] = ()
    exe: str | None = None
    """Observed, not proven: the path of its executable, where we may look."""
    unit: str | None = None
    """Observed, not proven: its systemd unit; a user names user units at will."""


@unchanging
class Request:
    """One request, whichever door it came through."""

    operation: Operation
    path: str
    peer: Peer
    token: Secret | None = None
    data: Map | None = field(default=None, repr=False)
    wrap_ttl: int | str | None = None


class WrapInfo(NamedTuple):
    """Where a wrapped response waits: everything but the secret."""

    token: Secret
    accessor: str
    ttl: int
    """Seconds from creation."""
    creation_time: str
    """RFC 3339."""
    creation_path: str
    wrapped_accessor: str | None = None
    """The accessor of the token inside, when what is wrapped is a token."""

    def to_map(self) -> Map:
        """As on the wire; what is absent has no key."""
        fields: Map = {
            "token": self.token.reveal_text(),
            "accessor": self.accessor,
            "ttl": self.ttl,
            "creation_time": self.creation_time,
            "creation_path": self.creation_path,
        }
        if self.wrapped_accessor is not None:
            fields["wrapped_accessor"] = self.wrapped_accessor
        return fields

    @classmethod
    def from_map(cls, fields: Mapping[str, Value]) -> Self:
        """The inverse of ``to_map``. Raises MalformedFrameError."""
        return cls(
            token=Secret.from_text(_required(fields, "token", str)),
            accessor=_required(fields, "accessor", str),
            ttl=_required(fields, "ttl", int),
            creation_time=_required(fields, "creation_time", str),
            creation_path=_required(fields, "creation_path", str),
            wrapped_accessor=_optional(fields, "wrapped_accessor", str),
        )


class Auth(NamedTuple):
    """A token that was created, renewed or logged in: OpenBao's ``auth``."""

    client_token: Secret
    accessor: str
    policies: tuple[str, ...]
    lease_duration: int
    """Seconds; 0 for a token that never expires."""
    renewable: bool
    orphan: bool
    num_uses: int
    """0: as many as it likes."""
    metadata: Mapping[str, str] | None = None
    token_type: str = "service"  # noqa: S105 - a kind of token, not one

    def to_map(self) -> Map:
        """As on the wire; what is absent has no key."""
        fields: Map = {
            "client_token": self.client_token.reveal_text(),
            "accessor": self.accessor,
            "policies": [*self.policies],
            "lease_duration": self.lease_duration,
            "renewable": self.renewable,
            "entity_id": "",
            "token_type": self.token_type,
            "orphan": self.orphan,
            "num_uses": self.num_uses,
        }
        if self.policies:
            fields["token_policies"] = [*self.policies]
        if self.metadata is not None:
            fields["metadata"] = {**self.metadata}
        return fields

    @classmethod
    def from_map(cls, fields: Mapping[str, Value]) -> Self:
        """The inverse of ``to_map``. Raises MalformedFrameError."""
        metadata = _optional(fields, "metadata", dict)
        return cls(
            client_token=Secret.from_text(_required(fields, "client_token", str)),
            accessor=_required(fields, "accessor", str),
            policies=_texts(_required(fields, "policies", list), "policies"),
            lease_duration=_required(fields, "lease_duration", int),
            renewable=_required(fields, "renewable", bool),
            orphan=_required(fields, "orphan", bool),
            num_uses=_required(fields, "num_uses", int),
            metadata=None if metadata is None else {k: str(v) for k, v in metadata.items()},
            token_type=_required(fields, "token_type", str),
        )


@unchanging
class Response:
    """One answer. Without data, auth, wrap_info and warnings it is HTTP's 204."""

    request_id: str = ""
    data: Map | None = field(default=None, repr=False)
    auth: Auth | None = None
    wrap_info: WrapInfo | None = None
    warnings: tuple[str, ...] = ()
    status: int | None = None
    """An HTTP status other than 200 and 204, where OpenBao gives one."""
    lease_id: str | None = None
    lease_duration: int | None = None
    renewable: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show, and so nothing to wrap."""
        return not (self.auth or self.wrap_info or self.warnings) and self.data is None

    def to_map(self) -> Map:
        """As on the wire, without the frame's id; what is absent has no key."""
        fields: Map = {"request_id": self.request_id}
        if self.status is not None:
            fields["status"] = self.status
        if self.data is not None:
            fields["data"] = self.data
        if self.auth is not None:
            fields["auth"] = self.auth.to_map()
        if self.wrap_info is not None:
            fields["wrap_info"] = self.wrap_info.to_map()
        if self.warnings:
            fields["warnings"] = [*self.warnings]
        if self.lease_id is not None:
            fields["lease_id"] = self.lease_id
        if self.lease_duration is not None:
            fields["lease_duration"] = self.lease_duration
        if self.renewable is not None:
            fields["renewable"] = self.renewable
        return fields

    def to_envelope(self) -> Map:
        """As OpenBao's JSON has it: every key is there, and byte strings are base64url text."""
        auth = None if self.auth is None else self.auth.to_map()
        if auth is not None:
            auth = {"metadata": None, "mfa_requirement": None, **auth}
        data = None if self.data is None else {k: to_json(v) for k, v in self.data.items()}
        return {
            "request_id": self.request_id,
            "lease_id": self.lease_id or "",
            "lease_duration": self.lease_duration or 0,
            "renewable": bool(self.renewable),
            "data": data,
            "warnings": [*self.warnings] or None,
            "auth": auth,
            "wrap_info": None if self.wrap_info is None else self.wrap_info.to_map(),
        }

    @classmethod
    def from_map(cls, fields: Mapping[str, Value]) -> Self:
        """The inverse of ``to_map``; unknown keys are for a newer reader, and ignored.

        Raises:
            MalformedFrameError: A known key has the wrong type.
        """
        auth = _optional(fields, "auth", dict)
        wrap_info = _optional(fields, "wrap_info", dict)
        return cls(
            request_id=_required(fields, "request_id", str),
            status=_optional(fields, "status", int),
            data=_optional(fields, "data", dict),
            auth=None if auth is None else Auth.from_map(auth),
            wrap_info=None if wrap_info is None else WrapInfo.from_map(wrap_info),
            warnings=_texts(_optional(fields, "warnings", list) or [], "warnings"),
            lease_id=_optional(fields, "lease_id", str),
            lease_duration=_optional(fields, "lease_duration", int),
            renewable=_optional(fields, "renewable", bool),
        )


def _required(fields: Mapping[str, Value], key: str, kind: type[T]) -> T:
    value = _optional(fields, key, kind)
    if value is None:
        raise MalformedFrameError(f"{key!r} is missing")
    return value


def _optional(fields: Mapping[str, Value], key: str, kind: type[T]) -> T | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise MalformedFrameError(f"{key!r} is not of type {kind.__name__}")
    return value


def _texts(values: list[Value], key: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise MalformedFrameError(f"{key!r} holds something that is not text")
    return tuple(str(value) for value in values)
