"""The client that blocks."""

import os
from collections.abc import Sequence
from math import ceil
from select import POLLIN, POLLOUT, poll
from threading import Lock
from time import monotonic, sleep
from types import TracebackType
from typing import Final, Self, TypeVar, Unpack

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
from cubbyd.locations import check_socket_path, client_socket
from cubbyd.messages import Auth, Operation, Response, WrapInfo
from cubbyd.secret import Secret
from cubbyd.value import Map

R = TypeVar("R")

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds for one request: above any that the daemon itself has patience for."""

_EVENTS = {Wait.READABLE: POLLIN, Wait.WRITABLE: POLLOUT}


class Client:
    """Talks to the daemon over one connection, which is opened when it is first needed.

    The connection is kept for later requests, and opened anew when the daemon was restarted
    meanwhile. A request that was sent is never sent again: where its answer is lost,
    ``OutcomeUnknownError`` says so, and what to do is the caller's to decide.

    Threads may share a client: their requests take turns. Processes may not: after a fork, make
    another. Every method raises

    - ``RefusedError``, by its subclass: the daemon refused;
    - ``UnavailableError``: nobody answers at the socket, not in time, or nobody whom we trust;
    - ``ValueError``: an argument is nothing that cubbyd could carry.

    Attributes:
        token: Sent with each request. None: act as whom the daemon takes this process for. An empty
            token is a wrong one, and is refused.
    """

    def __init__(
        self,
        token: Token | None = None,
        socket: str | os.PathLike[str] | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
    ) -> None:
        """Nothing is sent yet.

        Args:
            token: As above.
            socket: Where the daemon listens; by default ``$CUBBY_SOCKET``, else the user's own
                daemon, else the system's.
            timeout: Seconds until a request is given up, and its connection with it. None: never.

        Raises:
            ValueError: The socket's path is longer than the system allows.
        """
        path = client_socket(socket)
        check_socket_path(path)
        self.token = None if token is None else calls.as_secret(token)
        self._timeout = timeout
        self._session = Session(path)
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, after the request in flight; another request opens a new one."""
        with self._lock:
            self._session.close()

    def perform(self, call: Call[R]) -> R:
        """Carry out an operation that ``calls`` describes."""
        with self._lock:
            exchange = self._session.exchange(call, self.token)
            deadline = None if self._timeout is None else monotonic() + self._timeout
            try:
                wait = next(exchange)
                while True:
                    is_time_left = self._wait(wait, deadline)
                    wait = next(exchange) if is_time_left else exchange.throw(TimeoutError())
            except StopIteration as end:
                result: R = end.value
                return result
            finally:
                exchange.close()

    def _wait(self, wait: Wait, deadline: float | None) -> bool:
        """Whether what is waited for came before the deadline."""
        seconds = None if deadline is None else max(0.0, deadline - monotonic())
        if wait is Wait.TURN or self._session.socket is None:
            sleep(TURN_SECONDS)
            return seconds is None or seconds > TURN_SECONDS
        poller = poll()
        poller.register(self._session.socket, _EVENTS[wait])
        return bool(poller.poll(None if seconds is None else ceil(seconds * 1000)))

    def request(
        self,
        operation: Operation,
        path: str,
        data: Data | None = None,
        *,
        wrap_ttl: Duration | None = None,
    ) -> Response:
        """Ask anything that the daemon understands, for its whole answer."""
        return self.perform(calls.request(operation, path, data, wrap_ttl=wrap_ttl))

    def wrapped(self, call: Call[object], ttl: Duration) -> WrapInfo:
        """Have the answer of any operation wrapped: ``wrapped(calls.create_token(), "60s")``."""
        return self.perform(calls.wrapped(call, ttl))

    def read(self, path: str) -> Map:
        """See ``calls.read``."""
        return self.perform(calls.read(path))

    def write(self, path: str, data: Data | None = None) -> Response:
        """See ``calls.write``."""
        return self.perform(calls.write(path, data))

    def list(self, path: str) -> Keys:
        """See ``calls.list_keys``."""
        return self.perform(calls.list_keys(path))

    def delete(self, path: str) -> None:
        """See ``calls.delete``."""
        self.perform(calls.delete(path))

    def wrap(self, data: Data, ttl: Duration) -> WrapInfo:
        """See ``calls.wrap``."""
        return self.perform(calls.wrap(data, ttl))

    def unwrap(self, token: Token) -> Response:
        """See ``calls.unwrap``."""
        return self.perform(calls.unwrap(token))

    def lookup_wrapping(self, token: Token) -> WrappingLookup:
        """See ``calls.lookup_wrapping``."""
        return self.perform(calls.lookup_wrapping(token))

    def rewrap(self, token: Token) -> WrapInfo:
        """See ``calls.rewrap``."""
        return self.perform(calls.rewrap(token))

    def create_token(self, **options: Unpack[TokenOptions]) -> Auth:
        """See ``calls.create_token``."""
        return self.perform(calls.create_token(**options))

    def create_orphan(self, **options: Unpack[TokenOptions]) -> Auth:
        """See ``calls.create_orphan``."""
        return self.perform(calls.create_orphan(**options))

    def login(self) -> Auth:
        """See ``calls.login``."""
        return self.perform(calls.login())

    def lookup_token(self, token: Token) -> Map:
        """See ``calls.lookup_token``."""
        return self.perform(calls.lookup_token(token))

    def lookup_self(self) -> Map:
        """See ``calls.lookup_self``."""
        return self.perform(calls.lookup_self())

    def lookup_accessor(self, accessor: str) -> Map:
        """See ``calls.lookup_accessor``."""
        return self.perform(calls.lookup_accessor(accessor))

    def renew_token(self, token: Token, increment: Duration | None = None) -> Auth:
        """See ``calls.renew_token``."""
        return self.perform(calls.renew_token(token, increment))

    def renew_self(self, increment: Duration | None = None) -> Auth:
        """See ``calls.renew_self``."""
        return self.perform(calls.renew_self(increment))

    def renew_accessor(self, accessor: str, increment: Duration | None = None) -> Auth:
        """See ``calls.renew_accessor``."""
        return self.perform(calls.renew_accessor(accessor, increment))

    def revoke_token(self, token: Token) -> None:
        """See ``calls.revoke_token``."""
        self.perform(calls.revoke_token(token))

    def revoke_self(self) -> None:
        """See ``calls.revoke_self``."""
        self.perform(calls.revoke_self())

    def revoke_accessor(self, accessor: str) -> None:
        """See ``calls.revoke_accessor``."""
        self.perform(calls.revoke_accessor(accessor))

    def revoke_orphan(self, token: Token) -> None:
        """See ``calls.revoke_orphan``."""
        self.perform(calls.revoke_orphan(token))

    def list_accessors(self) -> Keys:
        """See ``calls.list_accessors``."""
        return self.perform(calls.list_accessors())

    def tidy(self) -> None:
        """See ``calls.tidy``."""
        self.perform(calls.tidy())

    def list_policies(self) -> Keys:
        """See ``calls.list_policies``."""
        return self.perform(calls.list_policies())

    def read_policy(self, name: str) -> str:
        """See ``calls.read_policy``."""
        return self.perform(calls.read_policy(name))

    def write_policy(self, name: str, policy: str) -> None:
        """See ``calls.write_policy``."""
        self.perform(calls.write_policy(name, policy))

    def delete_policy(self, name: str) -> None:
        """See ``calls.delete_policy``."""
        self.perform(calls.delete_policy(name))

    def capabilities(self, paths: Sequence[str], *, token: Token) -> Capabilities:
        """See ``calls.capabilities``."""
        return self.perform(calls.capabilities(paths, token=token))

    def capabilities_self(self, paths: Sequence[str]) -> Capabilities:
        """See ``calls.capabilities_self``."""
        return self.perform(calls.capabilities_self(paths))

    def capabilities_accessor(self, accessor: str, paths: Sequence[str]) -> Capabilities:
        """See ``calls.capabilities_accessor``."""
        return self.perform(calls.capabilities_accessor(accessor, paths))

    def random(self, size_bytes: int | None = None, *, encoding: Encoding | None = None) -> str:
        """See ``calls.random``."""
        return self.perform(calls.random(size_bytes, encoding=encoding))

    def hash(
        self, data: bytes, *, algorithm: str | None = None, encoding: Encoding | None = None
    ) -> str:
        """See ``calls.hash_data``."""
        return self.perform(calls.hash_data(data, algorithm=algorithm, encoding=encoding))

    def seal_status(self) -> Map:
        """See ``calls.seal_status``."""
        return self.perform(calls.seal_status())

    def health(self) -> Map:
        """See ``calls.health``."""
        return self.perform(calls.health())

    def rotate(self) -> None:
        """See ``calls.rotate``."""
        self.perform(calls.rotate())

    def key_status(self) -> Map:
        """See ``calls.key_status``."""
        return self.perform(calls.key_status())

    def hardening(self) -> Map:
        """See ``calls.hardening``."""
        return self.perform(calls.hardening())

    def unseal(self, passphrase: Secret | str) -> Map:
        """See ``calls.unseal``."""
        return self.perform(calls.unseal(passphrase))

    def seal(self) -> None:
        """See ``calls.seal``."""
        self.perform(calls.seal())

    def rekey(
        self,
        to: KeySource,
        *,
        passphrase: Secret | str | None = None,
        current: Secret | str | None = None,
    ) -> None:
        """See ``calls.rekey``."""
        self.perform(calls.rekey(to, passphrase=passphrase, current=current))
