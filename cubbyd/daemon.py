"""The only place where rooms are wired together: settings in, a serving daemon out.

Who outlives whom, from the outside in: the lock on the store; the task that commits; the reaper and
the indexer; the sessions. So a session that was cancelled still finds its change carried out, and
when the last one has ended nothing is left to commit.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import trio

from cubbyd import __version__
from cubbyd.clock import Clock
from cubbyd.core.creation import Bounds
from cubbyd.errors import RefusedError, StartError
from cubbyd.hardening import Hardening, harden
from cubbyd.logical.context import Logins, Rules
from cubbyd.logical.router import Router
from cubbyd.messages import Peer
from cubbyd.reaper import keep_index, reap
from cubbyd.server import session
from cubbyd.server.limits import Limits
from cubbyd.server.peer import Access
from cubbyd.server.protocol import Connect
from cubbyd.server.socketfile import SocketFile
from cubbyd.server.unix import Door, Doors
from cubbyd.settings import Settings
from cubbyd.store import keyring
from cubbyd.store.commit import GroupCommit
from cubbyd.store.files import DiskFiles
from cubbyd.store.sealed_file import Random
from cubbyd.store.store import Store
from cubbyd.wire.connection import ServerConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A daemon that has its store and its socket, and is ready to serve."""

    settings: Settings
    commit: GroupCommit
    store: Store
    doors: Doors
    open_at: tuple[Door, ...]
    clock: Clock

    async def serve(
        self,
        stop: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until ``stop`` is set; then let requests in flight finish, for a bounded time.

        Raises:
            StoreError: Nobody knows what is on disk. In a group, as nurseries do.
        """
        async with trio.open_nursery() as committing:
            committing.start_soon(self.commit.run)
            async with trio.open_nursery() as keeping:
                keeping.start_soon(keep_index, self.store)
                keeping.start_soon(reap, self.store, self.clock)
                async with trio.open_nursery() as serving:
                    await serving.start(self.doors.serve, self.open_at)
                    task_status.started()
                    await stop.wait()
                    self.doors.finish()
                    serving.cancel_scope.deadline = trio.current_time() + self.settings.stop_timeout
                keeping.cancel_scope.cancel()
            committing.cancel_scope.cancel()


@contextmanager
def opened(
    settings: Settings, *, clock: Clock = time.time, random: Random = os.urandom
) -> Iterator[Daemon]:
    """Harden the process, take the store and the socket, and let go of both at the end.

    Raises:
        StartError: One of them cannot be had; says why, and what to do.
    """
    hardening = harden(max_connections=settings.limits.max_connections)
    access = _access(settings)
    # The sockets first: a start that is refused there has made no store and no key.
    with _listening(settings, access) as listeners, _directory(settings.store) as files:
        keys = keyring.load_or_create(files, settings.key_file, random)
        commit = GroupCommit(files)
        store = Store(files, keys, commit=commit, random=random)
        _prepare(store, settings)
        router = Router(store, rules(settings), clock=clock, request_id=partial(_uuid, random))
        yield Daemon(
            settings=settings,
            commit=commit,
            store=store,
            doors=Doors(access, limits(settings, hardening)),
            open_at=tuple(_door(socket, language, router) for socket, language in listeners),
            clock=clock,
        )


@contextmanager
def _directory(path: Path) -> Iterator[DiskFiles]:
    """The store's directory, ours alone for as long as it is needed."""
    try:
        files = DiskFiles(path)
    except OSError as error:
        raise StartError(f"the store {path}: {error.strerror}") from None
    with closing(files):
        files.check_private()
        with files.locked():
            yield files


def _prepare(store: Store, settings: Settings) -> None:
    try:
        store.prepare()
    except OSError as error:
        raise StartError(
            f"the store {settings.store} cannot be prepared: {error.strerror}"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Language:
    """What is spoken at a door."""

    connect: Connect
    """To those who are let in."""
    turn_away: Callable[[RefusedError], bytes]
    """To those who are not."""


_CBOR: Final = _Language(connect=ServerConnection, turn_away=session.turn_away)


def _http() -> _Language:
    """HTTP's, which has a library of its own, that only who wants it need install.

    Raises:
        StartError: It is not installed.
    """
    try:
        from cubbyd.server.http.connection import HttpConnection, turn_away  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StartError(
            f"http_socket needs the Python package {error.name}; pip install 'cubbyd[http]'"
        ) from None
    return _Language(connect=HttpConnection, turn_away=turn_away)


@contextmanager
def _listening(settings: Settings, access: Access) -> Iterator[list[tuple[SocketFile, _Language]]]:
    """The sockets, each with what is spoken there."""
    spoken = [(settings.socket, _CBOR)]
    if settings.http_socket is not None:
        spoken.append((settings.http_socket, _http()))
    with ExitStack() as stack:
        yield [
            (stack.enter_context(SocketFile(path, for_others=access.admits_others)), language)
            for path, language in spoken
        ]


def _door(listener: SocketFile, language: _Language, router: Router) -> Door:
    return Door(
        listener=listener,
        serve=partial(_serve, router, language.connect),
        turn_away=language.turn_away,
    )


async def _serve(
    router: Router, connect: Connect, stream: trio.SocketStream, peer: Peer, limits: Limits
) -> None:
    await session.serve(stream, peer, answer=router.answer, limits=limits, connect=connect)


def rules(settings: Settings) -> Rules:
    """The settings that decisions depend on."""
    limits, login = settings.limits, settings.login
    return Rules(
        version=__version__,
        owner_needs_token=settings.owner_needs_token,
        bounds=Bounds(default_ttl=limits.default_ttl, max_ttl=limits.max_ttl),
        logins=Logins(uids=login.uids, gids=login.gids, default=login.default, ttl=login.ttl),
        max_path_bytes=limits.max_path_bytes,
        max_cubbyhole_bytes=limits.max_cubbyhole_bytes,
        max_tokens_per_uid=limits.max_tokens_per_uid,
        max_wrap_ttl=limits.max_wrap_ttl,
        max_policies=limits.max_policies,
        max_policy_bytes=limits.max_policy_bytes,
    )


def _access(settings: Settings) -> Access:
    """Who is let in."""
    return Access(
        daemon_uid=os.geteuid(),
        owner_uids=settings.access.owners,
        guest_uids=settings.access.guest_uids,
        guest_gids=settings.access.guest_gids,
    )


def limits(settings: Settings, hardening: Hardening) -> Limits:
    """How much a connection may cost; no more of them than there are descriptors for."""
    given = settings.limits
    return Limits(
        max_frame_bytes=given.max_frame_bytes,
        max_connections=min(given.max_connections, hardening.max_connections),
        max_connections_per_uid=given.max_connections_per_uid,
        idle_timeout=given.idle_timeout,
        frame_timeout=given.frame_timeout,
        send_timeout=given.send_timeout,
    )


def _uuid(random: Random) -> str:
    return str(UUID(bytes=random(16), version=4))
