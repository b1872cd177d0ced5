r"""Policies as OpenBao's clients send them: HCL, or JSON when the first sign is a brace.

    path "cubbyhole/*" {
      capabilities = ["read"]  # and so on
      min_wrapping_ttl = "1s"
    }

OpenBao reads version 1 of HCL. The libraries for Python read version 2, which is another language:
it has expressions, templates and heredocs, its line breaks matter, and an attribute that is there
twice is the last one. So this is a reader of our own, for the little of HCL that a policy needs.
Refused is what OpenBao reads and nobody needs: unquoted names of paths, escapes other than ``\"``
and ``\\``, ``${}``, heredocs, octal numbers, an attribute given twice. Nothing is evaluated.

    policy = { item [","] }
    item   = "path" STRING "{" { attribute [","] } "}" | attribute
    attribute = WORD "=" (STRING | NUMBER | "[" [STRING { "," STRING } [","]] "]")
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from cubbyd.core.policy import Rule
from cubbyd.core.policy_text import parse_json_policy, rules_from
from cubbyd.errors import InvalidRequestError

_PIECE: Final = re.compile(
    r"""(?P<blank>[ \t\n]+|\r\n|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n\r\0]|\\["\\])*")
    |(?P<number>(?:0|[1-9][0-9]{0,18})(?![\w.]))
    |(?P<word>[A-Za-z_][A-Za-z0-9_-]*(?![\w.]))
    |(?P<sign>[{}\[\]=,])""",
    re.DOTALL | re.VERBOSE,
)
"""Linear in the text: each alternative is known by its first signs, and none tries twice."""
_LONE_RETURN: Final = re.compile(r"\r(?!\n)")


def parse_policy(text: str) -> tuple[Rule, ...]:
    """The rules of a policy in HCL or JSON.

    Raises:
        InvalidRequestError: Says what is wrong with it, and in which line of HCL.
    """
    if text.lstrip().startswith("{"):
        return parse_json_policy(text)
    return rules_from(_Reader(text).policy())


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: str
    """string, number, word or sign; end after the last."""
    text: str
    line: int
    """Where it stands, from 1."""


class _Reader:
    """A policy's pieces, read one by one."""

    def __init__(self, text: str) -> None:
        self._pieces = _pieces(text)
        self._next = next(self._pieces)

    def policy(self) -> dict[str, object]:
        """The policy's members, as JSON has them."""
        members: dict[str, object] = {}
        paths: list[object] = []
        while self._next.kind != "end":
            name = self._take("word")
            if name.text == "path":
                paths.append(self._path())
            elif self._next.kind == "string" or self._next.text == "{":
                _refuse(name.line, 'a block is path "..." { ... }')
            else:
                self._attribute(name, members)
            self._skip(",")
        return {**members, "path": paths} if paths else members

    def _path(self) -> dict[str, object]:
        """What follows the word ``path``."""
        if self._next.kind != "string":
            _refuse(self._next.line, 'a path is written path "..." { ... }')
        path = self._string()
        members: dict[str, object] = {}
        self._take("sign", "{")
        while self._next.text != "}":
            self._attribute(self._take("word"), members)
            self._skip(",")
        self._take("sign", "}")
        return {path: members}

    def _attribute(self, name: _Piece, members: dict[str, object]) -> None:
        """Add one, which is there once: OpenBao would join two lists, or take the last."""
        if name.text in members:
            _refuse(name.line, f'"{name.text}" is there twice')
        self._take("sign", "=")
        if self._next.kind == "number":
            members[name.text] = int(self._take("number").text)
        elif self._next.kind == "string":
            members[name.text] = self._string()
        elif self._next.text == "[":
            members[name.text] = self._strings()
        else:
            words = (
                "is neither text nor a whole number nor a list of texts, as all that is kept here"
            )
            _refuse(self._next.line, f'"{name.text}" {words}')

    def _strings(self) -> list[str]:
        self._take("sign", "[")
        strings: list[str] = []
        while self._next.text != "]":
            strings.append(self._string())
            if not self._skip(","):
                break
        self._take("sign", "]")
        return strings

    def _string(self) -> str:
        string = self._take("string")
        if "${" in string.text:
            _refuse(string.line, "a string has ${, and cubbyd evaluates nothing")
        return re.sub(r"\\(.)", r"\1", string.text[1:-1])

    def _skip(self, sign: str) -> bool:
        """Pass over a sign, if it is the next; tells whether it was."""
        if self._next.text != sign:
            return False
        self._take("sign")
        return True

    def _take(self, kind: str, text: str | None = None) -> _Piece:
        taken = self._next
        if taken.kind != kind or text not in (None, taken.text):
            what = taken.text if taken.kind == "sign" else taken.kind
            wanted = text or kind
            _refuse(taken.line, f"{what} stands where {wanted} is wanted")
        self._next = next(self._pieces)
        return taken


def _pieces(text: str) -> Iterator[_Piece]:
    """All of the text but its blanks and comments, piece by piece, and then its end."""
    if lone := _LONE_RETURN.search(text):
        # To OpenBao it ends no comment, to an editor it may: what one sees were not what holds.
        line = text.count("\n", 0, lone.start()) + 1
        _refuse(line, "a carriage return without a line feed")
    place, line = 0, 1
    while place < len(text):
        found = _PIECE.match(text, place)
        if found is None or found.lastgroup is None:
            _refuse(line, f"unexpected {_words(text[place])}")
        if found.lastgroup != "blank":
            yield _Piece(found.lastgroup, found.group(), line)
        line += found.group().count("\n")
        place = found.end()
    yield _Piece("end", "", line)


def _words(sign: str) -> str:
    """What is wrong where this stands."""
    match sign:
        case '"':
            return 'string: it has no end in its line, or an escape other than \\" and \\\\'
        case "/":
            return '"/": it begins no comment, or one without an end'
        case _ if sign.isdigit():
            return "number: it is not whole, or begins with 0, or has a unit and no quotes"
        case _ if sign.isascii() and sign.isprintable():
            return f'"{sign}"'
        case _:
            return f"U+{ord(sign):04X}"


def _refuse(line: int, words: str) -> NoReturn:
    raise InvalidRequestError(f"failed to parse policy: line {line}: {words}")
