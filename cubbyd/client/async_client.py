"""The client for trio."""

import os
from collections.abc import Sequence
from math import inf
from types import TracebackType
from typing import Self, TypeVar, Unpack

import trio

from cubbyd.client import calls
from cubbyd.client.calls import (
    Call,
    Capabilities,
    Data,
    Duration,
    Encoding,
    Keys,
    KeySource,
    Token,
    TokenOptions,
    WrappingLookup,
)
from cubbyd.client.session import TURN_SECONDS, Session, Wait
from cubbyd.client.sync_client import DEFAULT_TIMEOUT
from cubbyd.locations import check_socket_path, client_socket
from cubbyd.messages import Auth, Operation, Response, WrapInfo
from cubbyd.secret import Secret
from cubbyd.value import Map

R = TypeVar("R")


class AsyncClient:
    """``Client``, but every operation is awaited, and tasks may share it: they take turns.

    A request that is cancelled while it is under way loses its connection, since an answer to it
    would still come; whether it was carried out is then not known.
    """

    def __init__(
        self,
        token: Token | None = None,
        socket: str | os.PathLike[str] | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
    ) -> None:
        """As in ``Client``; needs no running loop yet."""
        path = client_socket(socket)
        check_socket_path(path)
        self.token = None if token is None else calls.as_secret(token)
        self._timeout = inf if timeout is None else timeout
        self._session = Session(path)
        self._lock = trio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection; a task that waits for an answer gets ``trio.ClosedResourceError``.

        Also done when cancelled. Another request opens a new connection.
        """
        if self._session.socket is not None:
            trio.lowlevel.notify_closing(self._session.socket.fileno())
            self._session.close()
        await trio.lowlevel.checkpoint()

    async def perform(self, call: Call[R]) -> R:
        """Carry out an operation that ``calls`` describes."""
        async with self._lock:
            exchange = self._session.exchange(call, self.token)
            deadline = trio.current_time() + self._timeout
            try:
                wait = next(exchange)
                while True:
                    with trio.move_on_at(deadline) as scope:
                        await self._wait(wait)
                    is_late = scope.cancelled_caught
                    wait = exchange.throw(TimeoutError()) if is_late else next(exchange)
            except StopIteration as end:
                result: R = end.value
                return result
            finally:
                exchange.close()

    async def _wait(self, wait: Wait) -> None:
        if wait is Wait.TURN or self._session.socket is None:
            await trio.sleep(TURN_SECONDS)
        elif wait is Wait.READABLE:
            await trio.lowlevel.wait_readable(self._session.socket.fileno())
        else:
            await trio.lowlevel.wait_writable(self._session.socket.fileno())

    async def request(
        self,
        operation: Operation,
        path: str,
        data: Data | None = None,
        *,
        wrap_ttl: Duration | None = None,
    ) -> Response:
        """Ask anything that the daemon understands, for its whole answer."""
        return await self.perform(calls.request(operation, path, data, wrap_ttl=wrap_ttl))

    async def wrapped(self, call: Call[object], ttl: Duration) -> WrapInfo:
        """Have the answer of any operation wrapped: ``wrapped(calls.create_token(), "60s")``."""
        return await self.perform(calls.wrapped(call, ttl))

    async def read(self, path: str) -> Map:
        """See ``calls.read``."""
        return await self.perform(calls.read(path))

    async def write(self, path: str, data: Data | None = None) -> Response:
        """See ``calls.write``."""
        return await self.perform(calls.write(path, data))

    async def list(self, path: str) -> Keys:
        """See ``calls.list_keys``."""
        return await self.perform(calls.list_keys(path))

    async def delete(self, path: str) -> None:
        """See ``calls.delete``."""
        await self.perform(calls.delete(path))

    async def wrap(self, data: Data, ttl: Duration) -> WrapInfo:
        """See ``calls.wrap``."""
        return await self.perform(calls.wrap(data, ttl))

    async def unwrap(self, token: Token) -> Response:
        """See ``calls.unwrap``."""
        return await self.perform(calls.unwrap(token))

    async def lookup_wrapping(self, token: Token) -> WrappingLookup:
        """See ``calls.lookup_wrapping``."""
        return await self.perform(calls.lookup_wrapping(token))

    async def rewrap(self, token: Token) -> WrapInfo:
        """See ``calls.rewrap``."""
        return await self.perform(calls.rewrap(token))

    async def create_token(self, **options: Unpack[TokenOptions]) -> Auth:
        """See ``calls.create_token``."""
        return await self.perform(calls.create_token(**options))

    async def create_orphan(self, **options: Unpack[TokenOptions]) -> Auth:
        """See ``calls.create_orphan``."""
        return await self.perform(calls.create_orphan(**options))

    async def login(self) -> Auth:
        """See ``calls.login``."""
        return await self.perform(calls.login())

    async def lookup_token(self, token: Token) -> Map:
        """See ``calls.lookup_token``."""
        return await self.perform(calls.lookup_token(token))

    async def lookup_self(self) -> Map:
        """See ``calls.lookup_self``."""
        return await self.perform(calls.lookup_self())

    async def lookup_accessor(self, accessor: str) -> Map:
        """See ``calls.lookup_accessor``."""
        return await self.perform(calls.lookup_accessor(accessor))

    async def renew_token(self, token: Token, increment: Duration | None = None) -> Auth:
        """See ``calls.renew_token``."""
        return await self.perform(calls.renew_token(token, increment))

    async def renew_self(self, increment: Duration | None = None) -> Auth:
        """See ``calls.renew_self``."""
        return await self.perform(calls.renew_self(increment))

    async def renew_accessor(self, accessor: str, increment: Duration | None = None) -> Auth:
        """See ``calls.renew_accessor``."""
        return await self.perform(calls.renew_accessor(accessor, increment))

    async def revoke_token(self, token: Token) -> None:
        """See ``calls.revoke_token``."""
        await self.perform(calls.revoke_token(token))

    async def revoke_self(self) -> None:
        """See ``calls.revoke_self``."""
        await self.perform(calls.revoke_self())

    async def revoke_accessor(self, accessor: str) -> None:
        """See ``calls.revoke_accessor``."""
        await self.perform(calls.revoke_accessor(accessor))

    async def revoke_orphan(self, token: Token) -> None:
        """See ``calls.revoke_orphan``."""
        await self.perform(calls.revoke_orphan(token))

    async def list_accessors(self) -> Keys:
        """See ``calls.list_accessors``."""
        return await self.perform(calls.list_accessors())

    async def tidy(self) -> None:
        """See ``calls.tidy``."""
        await self.perform(calls.tidy())

    async def list_policies(self) -> Keys:
        """See ``calls.list_policies``."""
        return await self.perform(calls.list_policies())

    async def read_policy(self, name: str) -> str:
        """See ``calls.read_policy``."""
        return await self.perform(calls.read_policy(name))

    async def write_policy(self, name: str, policy: str) -> None:
        """See ``calls.write_policy``."""
        await self.perform(calls.write_policy(name, policy))

    async def delete_policy(self, name: str) -> None:
        """See ``calls.delete_policy``."""
        await self.perform(calls.delete_policy(name))

    async def capabilities(self, paths: Sequence[str], *, token: Token) -> Capabilities:
        """See ``calls.capabilities``."""
        return await self.perform(calls.capabilities(paths, token=token))

    async def capabilities_self(self, paths: Sequence[str]) -> Capabilities:
        """See ``calls.capabilities_self``."""
        return await self.perform(calls.capabilities_self(paths))

    async def capabilities_accessor(self, accessor: str, paths: Sequence[str]) -> Capabilities:
        """See ``calls.capabilities_accessor``."""
        return await self.perform(calls.capabilities_accessor(accessor, paths))

    async def random(
        self, size_bytes: int | None = None, *, encoding: Encoding | None = None
    ) -> str:
        """See ``calls.random``."""
        return await self.perform(calls.random(size_bytes, encoding=encoding))

    async def hash(
        self, data: bytes, *, algorithm: str | None = None, encoding: Encoding | None = None
    ) -> str:
        """See ``calls.hash_data``."""
        return await self.perform(calls.hash_data(data, algorithm=algorithm, encoding=encoding))

    async def seal_status(self) -> Map:
        """See ``calls.seal_status``."""
        return await self.perform(calls.seal_status())

    async def health(self) -> Map:
        """See ``calls.health``."""
        return await self.perform(calls.health())

    async def rotate(self) -> None:
        """See ``calls.rotate``."""
        await self.perform(calls.rotate())

    async def key_status(self) -> Map:
        """See ``calls.key_status``."""
        return await self.perform(calls.key_status())

    async def hardening(self) -> Map:
        """See ``calls.hardening``."""
        return await self.perform(calls.hardening())

    async def unseal(self, passphrase: Secret | str) -> Map:
        """See ``calls.unseal``."""
        return await self.perform(calls.unseal(passphrase))

    async def seal(self) -> None:
        """See ``calls.seal``."""
        await self.perform(calls.seal())

    async def rekey(
        self,
        to: KeySource,
        *,
        passphrase: Secret | str | None = None,
        current: Secret | str | None = None,
    ) -> None:
        """See ``calls.rekey``."""
        await self.perform(calls.rekey(to, passphrase=passphrase, current=current))
