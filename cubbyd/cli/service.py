"""The daemon's life as a service: it begins, is told to reload or to end, and says how it goes."""

import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

import click
import trio

from cubbyd import __version__, journal
from cubbyd.daemon import Daemon
from cubbyd.errors import StartError
from cubbyd.reload import reload
from cubbyd.settings import LOG_LEVELS, Settings
from cubbyd.systemd import Notifier, keep_alive

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = logging.getLogger("cubbyd")


async def run(daemon: Daemon, load: Callable[[], Settings], notifier: Notifier) -> None:
    """Serve until a signal, or until nobody has been here for long enough.

    Args:
        daemon: Ready to serve.
        load: Reads the configuration anew; raises StartError where it is wrong.
        notifier: Hears that we serve, reload, live, and end.
    """
    stop = trio.Event()

    def words() -> str:
        places = " and ".join(daemon.listens_at)
        return f"sealed, at {places}" if daemon.desk.is_sealed else f"serving at {places}"

    def tell() -> None:
        _log.info("sealed" if daemon.desk.is_sealed else "unsealed")
        notifier.status(words())

    async def reload_all() -> None:
        notifier.reloading()
        await _reload(daemon, load)
        notifier.ready(words())

    daemon.desk.call_on_change(tell)
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        async with trio.open_nursery() as around:
            around.start_soon(keep_alive, notifier)  # to the end of what is in flight
            async with trio.open_nursery() as serving:
                await serving.start(daemon.serve, stop)
                _announce(daemon)
                notifier.ready(words())
                around.start_soon(_end_when_idle, daemon, stop)
                around.start_soon(_obey, signals, stop, reload_all)
                await stop.wait()
                notifier.stopping()
            around.cancel_scope.cancel()


def _announce(daemon: Daemon) -> None:
    with suppress(OSError):  # nobody has to listen to what we say
        click.echo(
            f"cubbyd {__version__} listens at {' and '.join(daemon.listens_at)}, "
            f"store {daemon.settings.store}"
            f"{', sealed until cubby unseal' if daemon.desk.is_sealed else ''}"
        )


async def _end_when_idle(daemon: Daemon, stop: trio.Event) -> None:
    await daemon.wait_until_idle()
    _log.info("nobody has been here for the time of idle_exit")
    stop.set()


async def _obey(
    signals: AsyncIterator[int], stop: trio.Event, reload_all: Callable[[], Awaitable[None]]
) -> None:
    async for number in signals:
        if number == signal.SIGHUP:
            await reload_all()
        else:
            stop.set()


async def _reload(daemon: Daemon, load: Callable[[], Settings]) -> None:
    """Take up what a new reading of the configuration brings; a wrong one changes nothing."""
    try:
        # A user's name may have to be asked of a slow directory service.
        read = await trio.to_thread.run_sync(load)
    except StartError as error:
        _log.error("the configuration stays as it was: %s", error)
        return
    old, found = daemon.settings, reload(daemon.settings, read)
    daemon.follow(found.settings)
    # At the more talkative of both levels, so that also the change of level is told.
    levels = (old.log_level, found.settings.log_level)
    journal.set_level(max(levels, key=LOG_LEVELS.index))
    for line in found.changed:
        _log.info("configuration: %s", line)
    for line in found.waiting:
        _log.warning("configuration: %s; it takes a restart", line)
    if not (found.changed or found.waiting):
        _log.info("configuration: read again, and nothing is new")
    journal.set_level(found.settings.log_level)
