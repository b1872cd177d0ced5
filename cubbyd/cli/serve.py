"""``cubbyd``: the daemon's command line, and the only ``trio.run`` of the daemon."""

import logging
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import click
import trio

from cubbyd import config, daemon, journal, systemd
from cubbyd.cli import service, store_options
from cubbyd.cli.lazy_group import lazy_group
from cubbyd.errors import DiskProcessError, StartError, StoreError
from cubbyd.settings import LOG_LEVELS

_log = logging.getLogger("cubbyd")

_COMMANDS: Final = {
    "fsck": "cubbyd.cli.fsck:fsck",
    "install-units": "cubbyd.cli.install_units:install_units",
}
"""Besides serving, which wants none of them loaded."""
_FAILED: Final = 1
_LOST_TRACK: Final = 3
"""Our units do not start us again then: what the page cache shows may not be on the disk."""
_EPILOG = """\b
Without any option it serves the user who starts it:
  cubbyd                                  socket in $XDG_RUNTIME_DIR/cubbyd
  cubbyd --config /etc/cubbyd/cubbyd.toml settings from a file

Every option is also a setting in the configuration file; options win.
SIGHUP has it read anew: docs/configuration.md says what then holds at once.
Exit status: 0 stopped as asked, 1 could not start, 2 usage, 3 had to stop since
nobody knows what is on the disk (see docs/operations.md before starting again);
of its commands, see for example: cubbyd fsck --help
"""


@click.group(
    cls=lazy_group(_COMMANDS),
    epilog=_EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--socket", metavar="PATH", callback=store_options.as_path, help="Where to listen.")
@click.option(
    "--http-socket",
    metavar="PATH",
    callback=store_options.as_path,
    help="Where to listen for bao, vault, hvac and curl as well (needs cubbyd[http]).",
)
@store_options.store
@click.option(
    "--key-file",
    metavar="PATH",
    callback=store_options.as_path,
    help="The key file; made at the first start.",
)
@store_options.config
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="How much to tell on stderr.")
@click.version_option(package_name="cubbyd")
@click.pass_context
def main(  # noqa: PLR0913 - one parameter for each option
    context: click.Context,
    *,
    socket: Path | None,
    http_socket: Path | None,
    store: Path | None,
    key_file: Path | None,
    file: Path | None,
    log_level: str | None,
) -> None:
    """Serve cubbyholes and wrapping tokens on a Unix socket, until SIGTERM or SIGINT."""
    if context.invoked_subcommand is not None:
        return
    overrides = {
        "socket": socket,
        "http_socket": http_socket,
        "store": store,
        "key_file": key_file,
        "log_level": log_level,
    }
    problems: dict[str, int] = {}
    journal.set_up(os.environ)
    try:
        activated = systemd.activated_sockets(os.environ)
        load = partial(config.load, file, overrides=overrides)
        settings = load()
        journal.set_level(settings.log_level)
        credentials = systemd.credentials_directory(os.environ)
        with daemon.opened(settings, activated=activated, credentials=credentials) as opened:
            trio.run(service.run, opened, load, systemd.Notifier(os.environ))
    except* (StartError, StoreError) as found:
        # Every task that waited for the disk raises the same.
        problems = {str(each): _status(each) for each in _leaves(found)}
    for problem in problems:
        _log.error("%s", problem)
    if problems:
        sys.exit(max(problems.values()))


def _status(error: BaseException) -> int:
    is_lost = isinstance(error, StoreError) and not isinstance(error, DiskProcessError)
    return _LOST_TRACK if is_lost else _FAILED


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


if __name__ == "__main__":
    main()
