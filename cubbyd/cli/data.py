r"""Data on the command line, in the form that OpenBao's users know.

    key=value      text
    key=@file      the file's bytes
    key=\@value    text that begins with an @
    key=-          the bytes of standard input
    -              a JSON object on standard input
    @file          a JSON object in a file

A later key replaces an earlier one.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import click

from cubbyd.cli.standard import STDIN, StandardInput
from cubbyd.value import Map, Value


def parse_data(arguments: Iterable[str], stdin: StandardInput) -> Map:
    """The data that these arguments spell, reading files and standard input.

    Raises:
        click.UsageError: One of them spells nothing; it is quoted only up to its ``=``.
    """
    data: Map = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if argument == STDIN:
            data |= _json_object(stdin.read(), "standard input")
        elif argument.startswith("@") and not equals:
            data |= _json_object(_read_file(argument[1:]), argument[1:])
        elif not equals or not key:
            raise click.UsageError(
                "data is given as key=value, key=@file, key=- or as - (a JSON object on standard "
                "input); an argument is none of these"
            )
        else:
            data[key] = _value(key, text, stdin)
    return data


def reserve_stdin(arguments: Iterable[str], stdin: StandardInput) -> None:
    """Reserve standard input for each argument that reads it.

    Raises:
        click.UsageError: More than one does.
    """
    for argument in arguments:
        if argument == STDIN:
            stdin.reserve("the data")
        elif argument.endswith("=-") and argument.count("=") == 1:
            stdin.reserve(f"the value of {argument[:-2]!r}")


def parse_texts(arguments: Iterable[str], option: str) -> dict[str, str]:
    """Plain ``key=value`` pairs, as an option takes them.

    Raises:
        click.UsageError: One of them is no pair.
    """
    pairs = [argument.partition("=") for argument in arguments]
    if not all(key and equals for key, equals, _ in pairs):
        raise click.UsageError(f"{option} takes key=value")
    return {key: value for key, _, value in pairs}


def _value(key: str, text: str, stdin: StandardInput) -> Value:
    if text == STDIN:
        return stdin.read()
    if text.startswith("@"):
        return _read_file(text[1:])
    try:
        text.encode()
    except UnicodeEncodeError:
        problem = f"the value of {key!r} is not UTF-8; put it in a file, and pass key=@file"
    else:
        return text[1:] if text.startswith("\\@") else text
    raise click.UsageError(problem)


def read_text(name: str, stdin: StandardInput) -> str:
    """The text in a file; ``-`` is standard input.

    Raises:
        click.UsageError: It cannot be read, or is no text.
    """
    if name == STDIN:
        stdin.reserve("the text")
    content = stdin.read() if name == STDIN else _read_file(name)
    try:
        return content.decode()
    except UnicodeDecodeError:
        problem = f"{'standard input' if name == STDIN else name} is not UTF-8"
    raise click.UsageError(problem)


def _read_file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file has such a name"
        problem = f"cannot read {name or 'the file after @'}: {reason}"
    raise click.UsageError(problem)


def _json_object(text: bytes, source: str) -> Map:
    import json  # noqa: PLC0415 - most commands need none

    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # The decoder's own words quote nothing of the text, but its exceptions carry all of it.
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        value, problem = None, f"{source} is not JSON{place}"
    else:
        problem = f"{source} is JSON, but no object"
    if isinstance(value, dict):
        return value
    raise click.UsageError(problem)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
