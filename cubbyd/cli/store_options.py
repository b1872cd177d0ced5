"""The options that name a store, for whoever serves it or looks at it."""

from pathlib import Path

import click


def as_path(_: click.Context, parameter: click.Parameter, text: str | None) -> Path | None:
    """A path that says something: an unset variable must not come to mean this directory."""
    if text == "":
        raise click.BadParameter("it is empty", param=parameter)
    if text is not None and "://" in text:
        raise click.BadParameter("it is a URL; a path is wanted, as /run/x.sock", param=parameter)
    return None if text is None else Path(text)


store = click.option(
    "--store", metavar="PATH", callback=as_path, help="The directory of sealed files."
)
config = click.option(
    "--config", "file", metavar="PATH", callback=as_path, help="The configuration file (TOML)."
)
