"""The man pages, made from what they would otherwise repeat: ``python man/build.py [--check]``.

A page ``X`` is made from ``X.md`` beside it, in which comments stand for what is written elsewhere:

- ``<!-- docs/FILE.md -->``: what that page says before its first section;
- ``<!-- docs/FILE.md; SECTION -->``: that section, ``*`` for all of them with their headings;
- ``<!-- docs/FILE.md; SECTION; FROM; TO -->``: of it, from the line that begins with FROM up to
  the one that begins with TO, which is left out; without TO, up to the end;
- ``<!-- description: PROGRAM -->``, ``<!-- options: PROGRAM [OPTION]... -->``,
  ``<!-- commands: PROGRAM [OPTION]... -->``: its help, its options, and its commands with theirs,
  without those OPTIONs, of which the page tells elsewhere.

The pages are committed, so that installing needs none of this.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import Final

import commands
from roff import Page, bold, escape, italic

MAN: Final = Path(__file__).resolve().parent
ROOT: Final = MAN.parent
MANUALS: Final = {"1": "User Commands", "5": "File Formats", "7": "Miscellaneous Information"}
"""By section, the words that man-pages(7) has for them."""
PAGES: Final = ("cubby.1", "cubbyd.1", "cubbyd.toml.5", "cubbyd-protocol.7")
TOLD_BY: Final = {
    "cli.md": "cubby.1",
    "configuration.md": "cubbyd.toml.5",
    "operations.md": "cubbyd.1",
    "protocol.md": "cubbyd-protocol.7",
}
"""The page that readers of man have in place of one of the docs."""


def main() -> int:
    """Write the pages, or tell which are not as they would be written."""
    parser = argparse.ArgumentParser(description="Make the man pages from the docs.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = False
    for name in PAGES:
        path, page = MAN / name, make(name)
        if path.exists() and path.read_text(encoding="ascii") == page:
            continue
        stale = True
        if not check:
            path.write_text(page, encoding="ascii")
        print(f"man/{name}", "is not what man/build.py makes now" if check else "is written")
    return 1 if check and stale else 0


def make(name: str) -> str:
    """A page, whole."""
    title, _, number = name.rpartition(".")
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    body = Page(_fill, _refer).render((MAN / f"{name}.md").read_text(encoding="utf-8"))
    # A heading begins a paragraph by itself.
    body = re.sub(r"^(\.S[HS] .+\n)\.PP\n", r"\1", body, flags=re.MULTILINE)
    # There is no date: it would say when somebody built the page, and nothing of what is in it.
    return (
        f'.\\" Made by man/build.py from man/{name}.md and what that names: edit those.\n'
        f'.TH "{escape(title)}" {number} "" "cubbyd {version}" "{MANUALS[number]}"\n'
        # Left-aligned, and words stay whole: what is on these pages gets copied. groff goes by HY
        # after the first heading, and by .nh before.
        f".ad l\n.nh\n.nr HY 0\n{body}"
    )


def _fill(wanted: str) -> str:
    kind, _, rest = wanted.partition(": ")
    match kind, *rest.split():
        case "description", program:
            return commands.description(program, _mention)
        case "options", program, *told:
            return commands.options(program, told)
        case "commands", program, *told:
            return commands.commands(program, told, _mention)
    file, *what = wanted.split("; ")
    return Page(_fill, _refer).render(_excerpt((ROOT / file).read_text(encoding="utf-8"), *what))


def _excerpt(text: str, section: str = "", start: str = "", end: str = "") -> str:
    """The Markdown that an inclusion names; it must be there."""
    lead, *rest = re.split(r"^## ", text, flags=re.MULTILINE)
    if section == "*":
        return "".join(f"## {each}" for each in rest)
    sections = {"": lead} | dict(each.split("\n", 1) for each in rest)
    # Of the lead, the page's title is no part.
    text = re.sub(r"^# .+\n", "", sections[section].strip("\n"))
    return text[_place(text, start) if start else 0 : _place(text, end) if end else len(text)]


def _place(text: str, mark: str) -> int:
    """Where the line begins that begins so."""
    found = re.search(rf"^{re.escape(mark)}", text, re.MULTILINE)
    if found is None:
        raise LookupError(mark)
    return found.start()


def _refer(target: str) -> str:
    """The page that has what the link leads to; without one, the file's place in the sources."""
    file = target.partition("#")[0]
    if file in TOLD_BY:
        title, _, number = TOLD_BY[file].rpartition(".")
        return f"{bold(escape(title))}({number})"
    path = (ROOT / "docs" / file).resolve(strict=True)
    return italic(escape(str(path.relative_to(ROOT))))


def _mention(words: str) -> str:
    """A help text that names a page instead of one of the docs."""
    return re.sub(r"docs/(\w+\.md)", lambda found: _refer(found[1]), words)


if __name__ == "__main__":
    sys.exit(main())
