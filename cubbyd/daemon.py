"""The only place where rooms are wired together: settings in, a serving daemon out.

Who outlives whom, from the outside in: the lock on the store; the process that writes to it; the
reaper and the indexer; the sessions. So a session that was cancelled still finds its change carried
out, and when the last one has ended nothing is left to commit.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import trio

from cubbyd import __version__, systemd
from cubbyd.clock import Clock
from cubbyd.core.creation import Bounds
from cubbyd.crypto.key_memory import KeyMemory
from cubbyd.crypto.keys import RootKeys
from cubbyd.desk import Desk, Parts
from cubbyd.errors import RefusedError, StartError
from cubbyd.hardening import Hardening, harden
from cubbyd.logical.context import Logins, Rules
from cubbyd.messages import Peer
from cubbyd.reaper import keep_index, reap
from cubbyd.resealer import keep_terms
from cubbyd.secret import Secret
from cubbyd.server import session
from cubbyd.server.limits import Limits
from cubbyd.server.peer import Access
from cubbyd.server.protocol import Connect
from cubbyd.server.socketfile import SocketFile
from cubbyd.server.stream import SocketStream
from cubbyd.server.unix import Door, Doors, Listener
from cubbyd.settings import Settings
from cubbyd.store import keyring
from cubbyd.store.commit import Commit
from cubbyd.store.disk_process import DiskProcess
from cubbyd.store.files import DiskFiles
from cubbyd.store.key_places import KeyPlaces
from cubbyd.store.locksmith import Locksmith
from cubbyd.store.sealed_file import Random
from cubbyd.store.store import Store
from cubbyd.wire.connection import ServerConnection

_LOOK_AGAIN_AFTER: Final = 60.0
"""Seconds until the idle time is looked at again: a reload may have changed it."""


@dataclass(slots=True, kw_only=True)
class Daemon:
    """A daemon that has its store and its socket, and is ready to serve."""

    settings: Settings
    """Those that hold now."""
    doors: Doors
    open_at: tuple[Door, ...]
    clock: Clock
    hardening: Hardening
    measures: Mapping[str, bool]
    """What keeps secrets in memory from others, and whether it holds."""
    desk: Desk
    listens_at: tuple[str, ...]
    """Where, in words: the main door first."""
    is_activated: bool
    """Whether systemd holds the main door's socket, and starts us again for who connects there."""

    def follow(self, settings: Settings) -> None:
        """Go by other settings: requests from the next one on, connections likewise."""
        self.settings = settings
        self.doors.access = _access(settings)
        self.doors.limits = limits(settings, self.hardening)
        self.desk.follow(rules(settings, self.measures))

    async def wait_until_idle(self) -> None:
        """Return when nobody has been here for ``idle_exit``, and let nobody in any more."""
        while True:
            may_go = self.is_activated and self.settings.idle_exit and not self.desk.would_forget
            if not may_go:
                await trio.sleep(_LOOK_AGAIN_AFTER)
                continue
            left = self.settings.idle_exit - self.doors.quiet_for()
            if left <= 0:
                self.doors.finish()  # at once: who comes now waits for the next daemon
                return
            await trio.sleep(min(left, _LOOK_AGAIN_AFTER))

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
        async with trio.open_nursery() as keeping:
            keeping.start_soon(self.desk.keep, self._start_keeping)
            async with trio.open_nursery() as serving:
                await serving.start(self.doors.serve, self.open_at)
                task_status.started()
                await stop.wait()
                self.doors.finish()
                serving.cancel_scope.deadline = trio.current_time() + self.settings.stop_timeout
            keeping.cancel_scope.cancel()

    def _start_keeping(self, store: Store, nursery: trio.Nursery) -> None:
        nursery.start_soon(keep_index, store)
        nursery.start_soon(keep_terms, store.terms)
        nursery.start_soon(reap, store, self.clock)


@contextmanager
def opened(
    settings: Settings,
    *,
    activated: Mapping[str, socket.socket] | None = None,
    credentials: Path | None = None,
    clock: Clock = time.time,
    random: Random = os.urandom,
) -> Iterator[Daemon]:
    """Harden the process, take the store and the socket, and let go of both at the end.

    Args:
        settings: Where everything is, and what holds.
        activated: Sockets from systemd, to serve at in place of those that the settings name.
        credentials: The directory in which systemd hands over credentials.
        clock: Wall time.
        random: Draws bytes.

    Raises:
        StartError: One of them cannot be had; says why, and what to do.
    """
    hardening = harden(max_connections=settings.limits.max_connections)
    access = _access(settings)
    # The sockets first: a start that is refused there has made no store and no key.
    handed = systemd.by_door(activated or {}, _DOORS)
    with (
        _listening(settings, access, handed) as listeners,
        _directory(settings.store) as files,
        closing(DiskProcess(files)) as disk,  # which knows no key
        closing(KeyMemory()) as memory,
    ):
        measures = {**hardening.measures(), **memory.measures()}
        places = KeyPlaces(settings.key_file, credentials)
        keys = keyring.load_or_create(files, places, random, hold=memory.hold, now=clock())
        parts = Parts(
            files=files,
            commit=Commit(disk.carry_out),
            locksmith=Locksmith(places, random),
            memory=memory,
            random=random,
            clock=clock,
            request_id=partial(answer_id, random),
        )
        desk = Desk(parts, rules(settings, measures))
        if keys is not None:
            _open(desk, keys, settings)
        yield Daemon(
            settings=settings,
            doors=Doors(access, limits(settings, hardening)),
            open_at=tuple(_door(each, desk) for each in listeners),
            clock=clock,
            hardening=hardening,
            measures=measures,
            desk=desk,
            listens_at=tuple(each.words for each in listeners),
            is_activated=_CBOR_DOOR in handed,
        )


@contextmanager
def opened_offline(
    settings: Settings,
    ask: Callable[[], Secret],
    *,
    credentials: Path | None = None,
    reading: bool = False,
) -> Iterator[tuple[DiskFiles, RootKeys]]:
    """Harden the process, and take a store that is there, with its keys, to look at it.

    Nothing is made, but for the lock file where it is missing.

    Args:
        settings: Where everything is.
        ask: Brings the passphrase, where one opens the keyring.
        credentials: The directory in which systemd hands over credentials.
        reading: Nothing will be changed: then a read-only file system needs no lock file.

    Raises:
        StartError: It cannot be had; says why, and what to do.
    """
    harden(max_connections=0)
    if not settings.store.is_dir():
        raise StartError(f"there is no store at {settings.store}; name it with --store")

    with _directory(settings.store, make=False, reading=reading) as files:
        if keyring.KEYRING_NAME not in files.names():  # or it would be made
            raise StartError(
                f"{settings.store} holds no keyring: it is no store, or the file was lost; "
                "restore it from a copy of the store"
            )
        places = KeyPlaces(settings.key_file, credentials)
        keys = keyring.load_or_create(files, places, os.urandom)
        yield files, keyring.unlock(files, ask()) if keys is None else keys


@contextmanager
def _directory(path: Path, *, make: bool = True, reading: bool = False) -> Iterator[DiskFiles]:
    """The store's directory, ours alone for as long as it is needed."""
    try:
        files = DiskFiles(path, make=make)
    except OSError as error:
        raise StartError(f"the store {path}: {error.strerror}") from None
    with closing(files):
        files.check_private()
        with files.locked(reading=reading):
            yield files


def _open(desk: Desk, keys: RootKeys, settings: Settings) -> None:
    try:
        desk.open(keys)
    except OSError as error:
        raise StartError(
            f"the store {settings.store} cannot be prepared: {error.strerror}"
        ) from None


_CBOR_DOOR: Final = "cbor"
_HTTP_DOOR: Final = "http"
_DOORS: Final = (_CBOR_DOOR, _HTTP_DOOR)
"""As ``FileDescriptorName=`` names them in a socket unit."""


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
        from cubbyd.server.http import connection as http  # noqa: PLC0415 - h11 may be missing
    except ModuleNotFoundError as error:
        raise StartError(
            f"http_socket needs the Python package {error.name}; pip install 'cubbyd[http]'"
        ) from None
    return _Language(connect=http.HttpConnection, turn_away=http.turn_away)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A door's socket, and what is spoken there."""

    listener: Listener
    language: _Language
    words: str


@contextmanager
def _listening(
    settings: Settings, access: Access, handed: Mapping[str, socket.socket]
) -> Iterator[list[_Open]]:
    """The sockets: systemd's, or files of our own."""
    paths = {_CBOR_DOOR: settings.socket, _HTTP_DOOR: settings.http_socket}
    with ExitStack() as stack:
        found = []
        for name, path in paths.items():
            listener: Listener
            if name in handed:
                listener = stack.enter_context(closing(handed[name]))
                place = systemd.address(handed[name])
            elif path is not None:
                listener = stack.enter_context(SocketFile(path, for_others=access.admits_others))
                place = path
            else:
                continue
            language, words = (_CBOR, "") if name == _CBOR_DOOR else (_http(), " (HTTP)")
            found.append(_Open(listener=listener, language=language, words=f"{place}{words}"))
        yield found


def _door(opening: _Open, desk: Desk) -> Door:
    return Door(
        listener=opening.listener,
        serve=partial(_serve, desk, opening.language.connect),
        turn_away=opening.language.turn_away,
    )


async def _serve(
    desk: Desk, connect: Connect, stream: SocketStream, peer: Peer, limits: Limits
) -> None:
    await session.serve(stream, peer, answer=desk.answer, limits=limits, connect=connect)


def rules(settings: Settings, measures: Mapping[str, bool]) -> Rules:
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
        hardening=measures,
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


def answer_id(random: Random) -> str:
    """A UUID of version 4, as RFC 9562 writes it; each request has one."""
    digits = random(16).hex()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""Two random bits, after two that are the same for all."""
