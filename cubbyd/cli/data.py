r"""Data on the command line, in the form that OpenBao's users know.

    key=value      text
    key=@file      the file's bytes
    key=\@value    text that begins with an @
    key=-          the bytes of standard input
    -              a JSON object on standard input
    @file          a JSON object in a file

A later key replaces an earlier one.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

import click

from cubbyd.cli.standard import STDIN, StandardInput
from cubbyd.codec import MAX_BIGNUM_BYTES
from cubbyd.value import Map, Value

MAX_INPUT_BYTES: Final = 64 * 1024 * 1024
"""Read of a file or of standard input. The largest frame that a daemon can be set to take has
16 MiB, and JSON has several bytes for one of them."""
MAX_DIGITS: Final = len(str(1 << 8 * MAX_BIGNUM_BYTES))
"""Of an integer: as many as the largest has that cubbyd carries."""


def parse_data(arguments: Iterable[str], stdin: StandardInput) -> Map:
    """The data that these arguments spell, reading files and standard input.

    Raises:
        click.UsageError: One of them spells nothing; it is quoted only up to its ``=``.
    """
    data: Map = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if argument == STDIN:
            data |= _json_object(_read_stdin(stdin), "standard input")
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


def is_unicode(value: object) -> bool:
    r"""Whether all text in a value can be told in UTF-8.

    Not so is half of a surrogate pair, as JSON may have it (``"\ud800"``), and as Python puts it
    in place of the bytes of an argument that is not UTF-8.
    """
    pending = [value]
    while pending:
        match pending.pop():
            case str(text):
                try:
                    text.encode()
                except UnicodeEncodeError:
                    return False
            case Mapping() as inner:
                pending += [*inner.keys(), *inner.values()]
            case list() | tuple() as inner:
                pending += inner
    return True


def _value(key: str, text: str, stdin: StandardInput) -> Value:
    if text == STDIN:
        return _read_stdin(stdin)
    if text.startswith("@"):
        return _read_file(text[1:])
    if not is_unicode(text):
        raise click.UsageError(
            f"the value of {key!r} is not UTF-8; put it in a file, and pass key=@file"
        )
    return text[1:] if text.startswith("\\@") else text


def read_text(name: str, stdin: StandardInput) -> str:
    """The text in a file; ``-`` is standard input.

    Raises:
        click.UsageError: It cannot be read, or is no text.
    """
    if name == STDIN:
        stdin.reserve("the text")
    content = _read_stdin(stdin) if name == STDIN else _read_file(name)
    try:
        return content.decode()
    except UnicodeDecodeError:
        problem = f"{'standard input' if name == STDIN else name} is not UTF-8"
    raise click.UsageError(problem)


def _read_file(name: str) -> bytes:
    from pathlib import Path  # noqa: PLC0415 - takes long to load, and mostly no file is named

    try:
        with Path(name).open("rb") as file:
            return _bounded(file.read(MAX_INPUT_BYTES + 1), name)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file has such a name"
        problem = f"cannot read {name or 'the file after @'}: {reason}"
    raise click.UsageError(problem)


def _read_stdin(stdin: StandardInput) -> bytes:
    return _bounded(stdin.read(MAX_INPUT_BYTES + 1), "standard input")


def _bounded(content: bytes, source: str) -> bytes:
    if len(content) > MAX_INPUT_BYTES:
        raise click.UsageError(
            f"{source} has more than {MAX_INPUT_BYTES >> 20} MiB, and no daemon takes so much"
        )
    return content


def _json_object(text: bytes, source: str) -> Map:
    import json  # noqa: PLC0415 - most commands need none

    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        # The decoder's own words quote nothing of the text, but its exceptions carry all of it.
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        value, problem = None, f"{source} is not JSON{place}"
    else:
        problem = f"{source} is JSON, but no object"
    if isinstance(value, dict):
        return value
    raise click.UsageError(problem)


def _integer(digits: str) -> int:
    # Not left to Python, which refuses far more of them as if they were no JSON.
    if len(digits.removeprefix("-")) > MAX_DIGITS:
        raise click.UsageError(
            f"an integer has {len(digits)} digits, and cubbyd carries at most {MAX_DIGITS}: pass "
            "it as text"
        )
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
