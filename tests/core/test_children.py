"""Listing a cubbyhole: the names directly below a folder, in byte order."""

from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd.core.cubbyhole import children

paths = st.sets(st.text("ab/-🔑é", min_size=1, max_size=7), max_size=8).map(
    lambda texts: {text for text in texts if not text.endswith("/")}
)
folders = st.text("ab/-", max_size=4)


def plainly(written, folder):
    """The same, letter by letter: what is left of each path up to its next slash."""
    below = folder if folder in ("", folder.rstrip("/") + "/") or folder.endswith("/") else ""
    below = below or (folder + "/" if folder else "")
    found = []
    for path in written:
        if path[: len(below)] != below:
            continue
        rest = path[len(below) :]
        name = "".join(takewhile(lambda letter: letter != "/", rest))
        found.append(name + "/" if len(name) < len(rest) else name)
    found = [name for position, name in enumerate(found) if name not in found[:position]]
    return sorted(found, key=lambda name: list(name.encode()))


@given(paths, folders)
def test_the_children_are_what_an_oracle_says(written, folder):
    assert children(written, folder) == plainly(written, folder)


@given(paths, folders.filter(lambda folder: folder and not folder.endswith("/")))
def test_a_folder_may_come_with_or_without_its_slash(written, folder):
    assert children(written, folder) == children(written, folder + "/")


@given(paths)
def test_walking_down_finds_every_path_once(written):
    """What is listed leads to all that was written, and to nothing else."""
    found = []
    pending = [""]
    while pending:
        folder = pending.pop()
        for name in children(written, folder):
            target = pending if name.endswith("/") else found
            target.append(folder + name)

    assert sorted(found) == sorted(written)


@pytest.mark.parametrize(
    ("written", "folder", "listed"),
    [
        ([], "", []),
        (["a"], "", ["a"]),
        (["a"], "a", []),
        (["dir", "dir-", "dir/x"], "", ["dir", "dir-", "dir/"]),
        (["dir/x"], "di", []),
        (["a//b"], "a", ["/"]),
        (["a//b"], "a//", ["b"]),
        (["/x"], "", ["/"]),
        (["/x"], "/", ["x"]),
        (["B", "a", "A", "b"], "", ["A", "B", "a", "b"]),
        (["a/b/c", "a/b/d"], "a/b", ["c", "d"]),
    ],
)
def test_known_listings(written, folder, listed):
    assert children(written, folder) == listed


def test_byte_order_is_not_the_order_of_utf16():
    assert children(["\uffe6", "\U0001f511"], "") == ["\uffe6", "\U0001f511"]
