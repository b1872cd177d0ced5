"""Requests in the two tongues, as bytes that a light client only has to send."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clients import Line

from cubbyd import codec
from cubbyd.messages import Operation
from cubbyd.secret import Secret
from cubbyd.wire.connection import ClientConnection

METHODS = {"read": "GET", "write": "POST"}


@dataclass(frozen=True)
class TokenSizes:
    """Lengths of a server's tokens: all of one kind are equally long."""

    service: int
    wrapping: int


class Door(Protocol):
    """Where a client with a token of its own comes in."""

    sizes: TokenSizes

    def line(self) -> Line:
        """The connection to make."""

    def request(
        self,
        operation: str,
        path: str,
        data: Mapping[str, object] | None = None,
        *,
        token: str | None = None,
        wrap_ttl: int | None = None,
    ) -> bytes:
        """A request, with the client's own token where no other is given."""

    def mark(self, key: str, size: int) -> bytes:
        """What stands before a text of that size that has this key."""

    def good(self) -> bytes:
        """What every good answer holds, and no refusal."""


@dataclass(frozen=True)
class CborDoor:
    """cubbyd's own."""

    socket: Path
    token: str
    sizes: TokenSizes

    def line(self) -> Line:
        """See ``Door``."""
        return Line(socket=str(self.socket), framing="cbor")

    def request(
        self,
        operation: str,
        path: str,
        data: Mapping[str, object] | None = None,
        *,
        token: str | None = None,
        wrap_ttl: int | None = None,
    ) -> bytes:
        """See ``Door``."""
        _, frame = ClientConnection().ask(
            Operation(operation),
            path,
            token=Secret.from_text(token or self.token),
            data=data,
            wrap_ttl=wrap_ttl,
        )
        return frame

    def mark(self, key: str, size: int) -> bytes:
        """See ``Door``."""
        return codec.encode({key: "?" * size})[1:-size]

    def good(self) -> bytes:
        """See ``Door``."""
        return codec.encode("request_id")


@dataclass(frozen=True)
class HttpDoor:
    """OpenBao's only one, and cubbyd's other."""

    socket: Path
    token: str
    sizes: TokenSizes

    def line(self) -> Line:
        """See ``Door``."""
        return Line(socket=str(self.socket), framing="http")

    def request(
        self,
        operation: str,
        path: str,
        data: Mapping[str, object] | None = None,
        *,
        token: str | None = None,
        wrap_ttl: int | None = None,
    ) -> bytes:
        """See ``Door``."""
        body = b"" if data is None else json.dumps(data, separators=(",", ":")).encode()
        lines = [
            f"{METHODS[operation]} /v1/{path} HTTP/1.1",
            "Host: localhost",
            f"X-Vault-Token: {token or self.token}",
        ]
        if wrap_ttl is not None:
            lines.append(f"X-Vault-Wrap-TTL: {wrap_ttl}")
        if operation == "write":
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join((*lines, "", "")).encode() + body

    def mark(self, key: str, size: int) -> bytes:  # noqa: ARG002 - JSON tells no length
        """See ``Door``."""
        return f'"{key}":"'.encode()

    def good(self) -> bytes:
        """See ``Door``."""
        return b"HTTP/1.1 20"
