"""Markdown as the roff of man(7), for groff and mandoc alike.

Tables become lists of terms: in the 80 columns of a terminal, sentences in columns are no reading.
What this does not know, it refuses, so that nothing of a page is lost unnoticed.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

SHORT: Final = 40
"""Characters. A column of a table with no longer cells is told in one line with others."""
OBVIOUS: Final = ("meaning", "what it does")
"""Heads of a column that say nothing which a list of terms would not."""

_ESCAPES: Final = {"\\": "\\e", "-": "\\-", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga", '"': "\\(dq"}
_FONTS: Final = {"strong": "B", "em": "I"}

Fill = Callable[[str], str]
"""Gives roff for what an HTML comment asks for."""
Refer = Callable[[str], str]
"""Gives words, as roff, for the place that a link leads to."""


def escape(text: str) -> str:
    """Text that roff shows as it is, wherever in a line it stands."""
    text = "".join(_ESCAPES.get(each, each) for each in text)
    text = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)
    # A line that begins so would be a request.
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def escape_code(text: str) -> str:
    """The same for what people copy: its apostrophes stay upright."""
    return escape(text.replace("'", "\0")).replace("\0", "\\(aq")


def section(words: str) -> str:
    """A heading of the page."""
    return f".SH {words}\n"


def subsection(words: str) -> str:
    """A heading within a section."""
    return f".SS {words}\n"


def paragraph(words: str) -> str:
    """Words that are filled."""
    return f".PP\n{words}\n"


def italic(words: str) -> str:
    """The head of a list, or the name of a file."""
    return f"\\fI{words}\\fR"


def term(words: str, *meanings: str) -> str:
    """An entry in a list of terms; each meaning begins a line."""
    return f".TP\n{words}\n" + "\n.br\n".join(meanings) + "\n"


def bold(words: str) -> str:
    """What is typed as it is."""
    return f"\\fB{words}\\fR"


def literal(text: str) -> str:
    """Lines that stay as they are."""
    return f".PP\n.RS 4\n.EX\n{escape_code(text.rstrip())}\n.EE\n.RE\n"


class Page:
    """Renders Markdown; ``fill`` and ``refer`` answer for what is not on it."""

    def __init__(self, fill: Fill, refer: Refer) -> None:
        self._fill = fill
        self._refer = refer
        self._markdown = MarkdownIt("commonmark").enable("table")

    def render(self, markdown: str) -> str:
        """Its roff."""
        root = SyntaxTreeNode(self._markdown.parse(markdown))
        return "".join(map(self._block, root.children))

    def _block(self, node: SyntaxTreeNode) -> str:  # noqa: PLR0911 - one for each kind
        match node.type:
            case "heading":
                # Without fonts: a heading has its own.
                words = escape("".join(each.content for each in node.children[0].children))
                return section(words) if node.tag == "h1" else subsection(words)
            case "paragraph":
                return paragraph(self._words(node))
            case "fence" | "code_block":
                return literal(node.content)
            case "bullet_list":
                return "".join(self._item("\\(bu", each) for each in node.children)
            case "ordered_list":
                return "".join(self._item(f"{n}.", each) for n, each in enumerate(node.children, 1))
            case "table":
                return "".join(self._rows(node))
            case "html_block" if found := re.fullmatch(r"<!-- (.+) -->", node.content.strip()):
                return self._fill(found[1])
        raise NotImplementedError(f"{node.type} on line {(node.map or (-1,))[0] + 1}")

    def _item(self, mark: str, node: SyntaxTreeNode) -> str:
        first, *others = node.children
        inner = "".join(map(self._block, others))
        nested = f".RS 4\n{inner}.RE\n" if others else ""
        return f".IP {mark} 4\n{self._words(first)}\n{nested}"

    def _rows(self, table: SyntaxTreeNode) -> Iterator[str]:
        """A term for each row: each long cell is a line below it, and all short ones are the last.

        In the last column is what the table is for, so it is long, however short.
        """
        head, *rows = [row.children for part in table.children for row in part.children]
        names = [self._words(cell) for cell in head]
        longest = [max(map(_length, column)) for column in zip(*rows, strict=True)]
        last = len(names) - 1
        long = [n for n in range(1, last) if longest[n] > SHORT] + [last]
        short = [n for n in range(1, last) if n not in long]
        if names[long[0]] not in OBVIOUS:
            yield term(italic(names[0]), *(italic(names[n]) for n in long[:1] if names[n]))
        for row in rows:
            cells = [self._words(cell) for cell in row]
            texts = [cells[long[0]], *(f"{names[n]}: {cells[n]}" for n in long[1:])]
            facts = "; ".join(f"{names[n]}: {cells[n]}" for n in short if cells[n])
            yield term(cells[0], *filter(None, [*texts, facts]))

    def _words(self, node: SyntaxTreeNode) -> str:
        """What stands in a paragraph, a heading or a cell."""
        return "".join(self._inline(each, "R") for each in node.children[0].children)

    def _inline(self, node: SyntaxTreeNode, around: str) -> str:
        """Words in their font, and then back to the font around them."""
        match node.type:
            case "text":
                return escape(node.content)
            case "softbreak":
                return "\n"
            case "code_inline":
                return f"\\fB{escape_code(node.content)}\\f{around}"
            case "strong" | "em":
                font = _FONTS[node.type]
                inner = "".join(self._inline(each, font) for each in node.children)
                return f"\\f{font}{inner}\\f{around}"
            case "link":
                return self._refer(str(node.attrs["href"]))
        raise NotImplementedError(node.type)


def _length(cell: SyntaxTreeNode) -> int:
    return len(cell.children[0].content)
