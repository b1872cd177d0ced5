r"""The command line, as people see it: ``transcripts/*.txt``, played against a toy daemon.

A line that begins with ``$`` is a command: pipes, ``<`` and ``>`` with a file, and variables before
it are understood. Then comes what it wrote to standard output, after ``!`` what it wrote to
standard error, and after ``?`` its status, if that is not 0. Output that does not end with a line's
end is followed by ``\ no newline``. Bytes that are no text stand as ``\xff``.

With CUBBY_WRITE_TRANSCRIPTS in the environment, what happens is written down instead of compared.
"""

import os
import shlex
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from cubbyd.cli.main import main
from cubbyd.cli.render import printable

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=[path.stem for path in TRANSCRIPTS])
@pytest.mark.usefixtures("daemon")
def test_a_transcript_is_what_happens(path, place, monkeypatch):
    played = "\n".join(play(line, monkeypatch) for line in read_script(path)) + "\n"

    played = played.replace(str(place), "PLACE")
    if "CUBBY_WRITE_TRANSCRIPTS" in os.environ:
        path.write_text(played)
    assert played == path.read_text()


def read_script(path):
    """The commands and the comments of a transcript."""
    return [
        line for line in path.read_text().splitlines() if line.startswith(("$ ", "#")) or not line
    ]


def play(line, monkeypatch):
    """What a transcript has to say about one of its lines."""
    if not line.startswith("$ "):
        return line
    output, errors, status = b"", b"", 0
    for stage in line[2:].split(" | "):
        output, stage_errors, status = run(shlex.split(stage), output, monkeypatch)
        errors += stage_errors
    text = output.decode("utf-8", "backslashreplace")
    told = [line, *map(printable, text.split("\n"))]
    if not told[-1]:
        del told[-1]
    if text and not text.endswith("\n"):
        told.append("\\ no newline")
    told += [f"! {error}" for error in errors.decode().splitlines()]
    return "\n".join([*told, *([f"? {status}"] if status else [])])


def run(words, stdin, monkeypatch):
    """One command in this process: its standard output and error, and its status."""
    if "<" in words:
        stdin = Path(words.pop(words.index("<") + 1)).read_bytes()
        words.remove("<")
    target = words.pop(words.index(">") + 1) if ">" in words else None
    with monkeypatch.context() as patch:
        while words[0] != "cubby":
            name, _, value = words.pop(0).partition("=")
            patch.setenv(name, value)
        streams = [TextIOWrapper(BytesIO(data), "utf-8") for data in (stdin, b"", b"")]
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        status = main([word for word in words[1:] if word != ">"])
        for stream in streams[1:]:
            stream.flush()
    output, errors = (stream.buffer.getvalue() for stream in streams[1:])
    if target is not None:
        Path(target).write_bytes(output)
        output = b""
    return output, errors, status
