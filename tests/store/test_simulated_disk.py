"""The disk that tests put under the store, held to what its first page says of it.

- Without a crash it is a disk like any other: tests/store/test_files.py runs over both.
- What is synced stays. What is not may stay, be torn, or be gone: names and bytes apart.
- What a sync has failed on is lost, whatever the next sync says.
"""

import os
from errno import EBADF, EEXIST, EIO, ENOENT, ENOTDIR, EPERM
from pathlib import Path

import pytest
from simulated_disk import SimulatedDisk

FLAGS = os.O_WRONLY | os.O_CREAT


@pytest.fixture
def disk():
    return SimulatedDisk({"a": b"old", "d": {}})


def leavings(disk, *, at_most=1000):
    """All that a crash may leave, each once."""
    found = []
    for tree in disk.after_a_cut(at_most=at_most):
        if tree not in found:
            found.append(tree)
    return found


def write(disk, path, data, *, sync=False):
    fd = disk.open(path, FLAGS, 0o600)
    disk.write(fd, data)
    if sync:
        disk.fsync(fd)
    disk.close(fd)


def sync(disk, path):
    fd = disk.open(path, os.O_RDONLY)
    disk.fsync(fd)
    disk.close(fd)


def test_what_was_there_before_stays(disk):
    assert leavings(disk) == [{"a": b"old", "d": {}}]


def test_a_new_file_may_be_there_or_not_and_torn_in_many_ways(disk):
    write(disk, "/n", b"12345678")

    found = leavings(disk)

    assert {each.get("n") for each in found} == {
        None,
        b"",
        b"1234",
        b"1234\0\0\0\0",
        b"1234567",
        b"\0" * 8,
        b"12345678",
    }
    assert all(each["a"] == b"old" for each in found)


def test_a_synced_file_has_no_durable_name_yet(disk):
    write(disk, "/n", b"new", sync=True)

    assert leavings(disk) == [{"a": b"old", "d": {}}, {"a": b"old", "d": {}, "n": b"new"}]


def test_a_durable_name_may_lead_to_bytes_that_are_not(disk):
    write(disk, "/n", b"12")
    sync(disk, "/")

    assert {each["n"] for each in leavings(disk)} == {b"", b"1", b"1\0", b"\0\0", b"12"}


def test_a_file_and_its_directory_synced_is_there(disk):
    write(disk, "/n", b"new", sync=True)
    sync(disk, "/")

    assert leavings(disk) == [{"a": b"old", "d": {}, "n": b"new"}]


def test_a_rename_shows_either_of_its_halves_and_never_no_file(disk):
    write(disk, "/n", b"new", sync=True)
    sync(disk, "/")
    disk.rename("/n", "/a")

    found = [(each["a"], each.get("n")) for each in leavings(disk)]

    assert sorted(found, key=str) == [
        (b"new", None),
        (b"new", b"new"),
        (b"old", None),
        (b"old", b"new"),
    ]


def test_a_rename_between_directories_may_show_neither_name(disk):
    disk.rename("/a", "/d/a")
    assert {"d": {}} in leavings(disk)

    sync(disk, "/d")
    assert leavings(disk) == [{"a": b"old", "d": {"a": b"old"}}, {"d": {"a": b"old"}}]


def test_a_file_has_both_names_once_it_is_linked_and_the_new_one_is_synced(disk):
    disk.link("/a", "/d/a")
    assert leavings(disk) == [{"a": b"old", "d": {}}, {"a": b"old", "d": {"a": b"old"}}]

    sync(disk, "/d")
    disk.unlink("/a")
    assert leavings(disk) == [{"a": b"old", "d": {"a": b"old"}}, {"d": {"a": b"old"}}]


def test_unsynced_changes_happen_in_any_order(disk):
    """The last of three may be all that a crash leaves."""
    disk.unlink("/a")
    write(disk, "/b", b"", sync=True)
    write(disk, "/c", b"", sync=True)

    found = [frozenset(each) - {"d"} for each in leavings(disk)]

    assert set(found) == {
        frozenset(name for name, is_there in zip("abc", each, strict=True) if is_there)
        for each in [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    }


def test_a_name_that_came_and_went_may_be_any_of_what_it_was(disk):
    for data in (b"1", b"2"):
        write(disk, "/n", data, sync=True)
        disk.rename("/n", "/a")

    assert {each["a"] for each in leavings(disk)} == {b"old", b"1", b"2"}


def test_a_directory_is_durable_apart_from_what_is_in_it(disk):
    disk.mkdir("/d/e")
    write(disk, "/d/e/f", b"x", sync=True)
    sync(disk, "/d/e")

    assert [each["d"] for each in leavings(disk)] == [{}, {"e": {"f": b"x"}}]


def test_what_is_left_is_a_disk_again(disk):
    write(disk, "/n", b"x", sync=True)

    for tree in leavings(disk):
        assert leavings(SimulatedDisk(tree)) == [tree]


def test_bytes_whose_sync_failed_are_lost_whatever_the_next_one_says(disk):
    fd = disk.open("/n", FLAGS, 0o600)
    disk.write(fd, b"x")
    disk.on_call = fails_on("fsync")
    with pytest.raises(OSError, match="error"):
        disk.fsync(fd)
    disk.on_call = lambda _call, _name: None
    disk.fsync(fd)
    sync(disk, "/")

    assert {each["n"] for each in leavings(disk)} == {b"", b"\0", b"x"}
    disk.write(fd, b"y")
    disk.fsync(fd)
    assert leavings(disk)[0]["n"] == b"xy"


def test_names_whose_sync_failed_are_not_durable(disk):
    disk.unlink("/a")
    disk.on_call = fails_on("fsync")
    with pytest.raises(OSError, match="error"):
        sync(disk, "/")
    disk.on_call = lambda _call, _name: None

    assert len(leavings(disk)) == 2
    sync(disk, "/")
    assert leavings(disk) == [{"d": {}}]


@pytest.fixture
def forgetful():
    """A disk on which the root's last sync failed, after a was unlinked and b was made."""
    disk = SimulatedDisk({"a": b"old", "d": {}}, forgets_names=True)
    disk.unlink("/a")
    write(disk, "/b", b"", sync=True)
    disk.on_call = fails_on("fsync")
    with pytest.raises(OSError, match="error"):
        sync(disk, "/")
    disk.on_call = lambda _call, _name: None
    return disk


def test_a_disk_may_forget_names_whose_sync_failed_whatever_the_next_one_says(forgetful):
    before = leavings(forgetful)

    sync(forgetful, "/")

    assert len(before) == 4
    assert leavings(forgetful) == before


def test_what_is_changed_anew_is_durable_and_so_is_what_had_been(forgetful):
    write(forgetful, "/b2", b"new", sync=True)
    forgetful.rename("/b2", "/b")
    sync(forgetful, "/")

    assert leavings(forgetful) == [{"a": b"old", "d": {}, "b": b"new"}, {"d": {}, "b": b"new"}]


def fails_on(which):
    def on_call(call, _name):
        if call == which:
            raise OSError(EIO, os.strerror(EIO))

    return on_call


def test_what_is_drawn_by_lot_has_the_least_and_the_most_and_is_the_same_each_time(disk):
    for name in "efghijkl":
        write(disk, f"/{name}", b"1234", sync=False)
    assert disk.number_of_choices() > 10_000

    drawn = list(disk.after_a_cut(at_most=50, seed=3))

    assert len(drawn) == 50
    assert drawn[0] == {"a": b"old", "d": {}}
    assert drawn[1] == disk.tree()
    assert drawn == list(disk.after_a_cut(at_most=50, seed=3))
    assert drawn != list(disk.after_a_cut(at_most=50, seed=4))


@pytest.mark.parametrize(
    ("call", "errno"),
    [
        (lambda disk: disk.open("/none", os.O_RDONLY), ENOENT),
        (lambda disk: disk.open("/none/n", FLAGS), ENOENT),
        (lambda disk: disk.open("/a/n", FLAGS), ENOTDIR),
        (lambda disk: disk.open("/a", os.O_RDONLY | os.O_DIRECTORY), ENOTDIR),
        (lambda disk: disk.open("/a", FLAGS | os.O_EXCL), EEXIST),
        (lambda disk: disk.mkdir("/d"), EEXIST),
        (lambda disk: disk.link("/a", "/d"), EEXIST),
        (lambda disk: disk.link("/d", "/e"), EPERM),
        (lambda disk: disk.link("/none", "/n"), ENOENT),
        (lambda disk: disk.mkdir("/"), EEXIST),
        (lambda disk: disk.unlink("/none"), ENOENT),
        (lambda disk: disk.rename("/none", "/n"), ENOENT),
        (lambda disk: disk.stat(Path("/none")), ENOENT),
        (lambda disk: disk.read(3, 1), EBADF),
    ],
)
def test_it_refuses_as_a_disk_does(disk, call, errno):
    with pytest.raises(OSError, match=os.strerror(errno)) as refused:
        call(disk)

    assert refused.value.errno == errno
    assert leavings(disk) == [{"a": b"old", "d": {}}]
