"""``cubbyd``: the daemon's command line, and the only ``trio.run`` of the daemon."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import trio

from cubbyd import __version__, config, daemon
from cubbyd.errors import StartError, StoreError
from cubbyd.settings import LOG_LEVELS

_EPILOG = """\b
Without any option it serves the user who starts it:
  cubbyd                                  socket in $XDG_RUNTIME_DIR/cubbyd
  cubbyd --config /etc/cubbyd/cubbyd.toml settings from a file

Every option is also a setting in the configuration file; options win.
Exit status: 0 stopped as asked, 1 could not start or had to stop, 2 usage.
"""


def _as_path(_: click.Context, parameter: click.Parameter, text: str | None) -> Path | None:
    """A path that says something: an unset variable must not come to mean this directory."""
    if text == "":
        raise click.BadParameter("it is empty", param=parameter)
    return None if text is None else Path(text)


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--socket", metavar="PATH", callback=_as_path, help="Where to listen.")
@click.option(
    "--http-socket",
    metavar="PATH",
    callback=_as_path,
    help="Where to listen for bao, vault, hvac and curl as well (needs cubbyd[http]).",
)
@click.option("--store", metavar="PATH", callback=_as_path, help="The directory of sealed files.")
@click.option(
    "--key-file", metavar="PATH", callback=_as_path, help="The key file; made at the first start."
)
@click.option(
    "--config", "file", metavar="PATH", callback=_as_path, help="The configuration file (TOML)."
)
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="How much to tell on stderr.")
@click.version_option(package_name="cubbyd")
def main(  # noqa: PLR0913 - one parameter for each option
    *,
    socket: Path | None,
    http_socket: Path | None,
    store: Path | None,
    key_file: Path | None,
    file: Path | None,
    log_level: str | None,
) -> None:
    """Serve cubbyholes and wrapping tokens on a Unix socket, until SIGTERM, SIGINT or SIGHUP."""
    overrides = {
        "socket": socket,
        "http_socket": http_socket,
        "store": store,
        "key_file": key_file,
        "log_level": log_level,
    }
    problems: list[str] = []
    try:
        settings = config.load(file, overrides=overrides)
        logging.basicConfig(
            level=settings.log_level.upper(), stream=sys.stderr, format="cubbyd: %(message)s"
        )
        with daemon.opened(settings) as opened:
            trio.run(_run, opened)
    except* (StartError, StoreError) as found:
        # Every task that waited for the disk raises the same.
        problems = list(dict.fromkeys(f"cubbyd: {problem}" for problem in _leaves(found)))
    if problems:
        click.echo("\n".join(problems), err=True)
        sys.exit(1)


async def _run(opened: daemon.Daemon) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as listening:
        await listening.start(_stop_on_signal, stop)
        async with trio.open_nursery() as serving:
            await serving.start(opened.serve, stop)
            settings = opened.settings
            with suppress(OSError):  # nobody has to listen to what we say
                also = f" and {settings.http_socket} (HTTP)" if settings.http_socket else ""
                click.echo(
                    f"cubbyd {__version__} listens at {settings.socket}{also}, "
                    f"store {settings.store}"
                )
        listening.cancel_scope.cancel()


async def _stop_on_signal(
    stop: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            stop.set()


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


if __name__ == "__main__":
    main()
