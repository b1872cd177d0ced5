"""``cubbyd fsck``: looks a store over while no daemon runs."""

import os
import time
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

import click

from cubbyd import config, daemon, systemd
from cubbyd.cli import standard, store_options
from cubbyd.cli.fsck_report import as_map, as_text
from cubbyd.cli.passphrase import fd_option, read_passphrase
from cubbyd.cli.render import Format
from cubbyd.errors import RefusedError, StartError, StoreError
from cubbyd.fsck.check import Report, check


class Status(IntEnum):
    """What the exit status tells a script. They never change their meaning; new ones may come."""

    CLEAN = 0
    FAILED = 1
    USAGE = 2
    DAMAGED = 3
    QUARANTINED = 4


MEANINGS: Final = {
    Status.CLEAN: "clean: everything that can be opened without tokens opens",
    Status.FAILED: "could not look, or not to the end: a daemon runs, no store, no key, the disk",
    Status.USAGE: "usage: the command line is wrong, and nothing was done",
    Status.DAMAGED: "damage was found, and at least some of it is still there",
    Status.QUARANTINED: "damage was found, and all of it was moved aside",
}
_EPILOG = """\b
Examples:
  cubbyd fsck
  cubbyd fsck --store /srv/copy/store --key-file /root/cubbyd.key --after-restore
  cubbyd fsck --quarantine --format json

What is opened: every token's metadata, every policy. What a cubbyhole holds,
only its token opens. Tokens below a damaged one are moved aside with it, for
without it the daemon would destroy them; policies stay, for without them
their tokens might do more. docs/operations.md says what to do about each.

\b
Exit status:
""" + "\n".join(f"  {code}  {meaning}" for code, meaning in MEANINGS.items())


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@store_options.config
@store_options.store
@click.option(
    "--key-file", metavar="PATH", callback=store_options.as_path, help="The store's key file."
)
@click.option(
    "--quarantine",
    is_flag=True,
    help="Move damaged files, and what depends on them, to a directory in the store.",
)
@click.option(
    "--after-restore",
    is_flag=True,
    help="Destroy wrapping tokens and tokens of limited use: a restored copy has them unspent.",
)
@fd_option("--passphrase-fd", "the passphrase, where one opens the keys")
@click.option(
    "--format",
    "form",
    type=click.Choice([Format.TABLE.value, Format.JSON.value]),
    default=Format.TABLE.value,
    show_default=True,
    help="How to show what was found.",
)
@click.pass_context
def fsck(  # noqa: PLR0913 - one parameter for each option
    context: click.Context,
    *,
    file: Path | None,
    store: Path | None,
    key_file: Path | None,
    quarantine: bool,
    after_restore: bool,
    passphrase_fd: int | None,
    form: str,
) -> None:
    """Look the store over while no daemon runs; change nothing unless told to."""
    standard.check_output()
    # What stands before the word fsck counts too: another store must not be the one mended.
    before = context.parent.params if context.parent is not None else {}
    overrides = {
        "store": store or before.get("store"),
        "key_file": key_file or before.get("key_file"),
    }
    try:
        settings = config.load(file or before.get("file"), overrides=overrides)
        ask = partial(read_passphrase, passphrase_fd, standard.StandardInput(), "Passphrase: ")
        credentials = systemd.credentials_directory(os.environ)
        reading = not (quarantine or after_restore)
        with daemon.opened_offline(settings, ask, credentials=credentials, reading=reading) as (
            files,
            keys,
        ):
            report = check(
                files, keys, now=time.time(), quarantine=quarantine, after_restore=after_restore
            )
    except (StartError, StoreError, RefusedError) as error:
        _fail(context, str(error))
    except OSError as error:
        _fail(context, f"the store {settings.store}: {error.strerror}")
    status = _status(report)
    if form == Format.JSON.value:
        import json  # noqa: PLC0415 - the daemon, which loads this too, needs none

        told = json.dumps({**as_map(report), "exit_code": status}, indent=2)
    else:
        told = as_text(report, settings.store)
    standard.answer(f"{told}\n".encode())
    context.exit(status)


def _status(report: Report) -> Status:
    if report.left:
        return Status.DAMAGED
    return Status.QUARANTINED if report.found.damaged else Status.CLEAN


def _fail(context: click.Context, problem: str) -> NoReturn:
    standard.say(f"cubbyd: {problem}")
    context.exit(Status.FAILED)
