"""One contract for every directory, on disk or in memory; and what only a disk can do wrong.

- A name leads to a whole file, the old or the new; what is not there is None.
- What is no file of ours alone is refused, at once, whatever it is.
- One daemon at a time.
"""

import os
import socket
import stat
from contextlib import ExitStack, closing
from errno import EACCES, EINVAL, EROFS
from pathlib import Path
from pwd import getpwuid

import pytest
from fakes import MemoryFiles
from fakes_disk import FaultyFiles
from simulated_disk import SimulatedDisk

from cubbyd.errors import IntegrityError, StartError
from cubbyd.store import files as files_module
from cubbyd.store.files import STAGED_PREFIX, DiskFiles


@pytest.fixture
def disk(tmp_path):
    with closing(DiskFiles(tmp_path / "store")) as files:
        yield files


@pytest.fixture(params=["disk", "simulated disk", "memory", "faulty"])
def files(request):
    match request.param:
        case "disk":
            return request.getfixturevalue("disk")
        case "simulated disk":
            return DiskFiles(Path("/store"), SimulatedDisk())
        case "memory":
            return MemoryFiles()
        case "faulty":
            return FaultyFiles(MemoryFiles())


def put(files, name, data):
    staged = files.stage(data)
    files.sync_staged(staged)
    files.publish(staged, name)


class TestEveryDirectory:
    def test_begins_empty(self, files):
        assert files.names() == []
        assert files.read("a") is None

    @pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000])
    def test_gives_back_what_was_published(self, files, data):
        put(files, "a", data)
        files.sync()

        assert files.read("a") == data
        assert files.names() == ["a"]

    def test_shows_no_final_name_before_it_is_published(self, files):
        staged = files.stage(b"new")

        assert files.read("a") is None
        assert files.names() == [staged]
        assert staged.startswith(STAGED_PREFIX)

    def test_stages_each_file_under_a_name_of_its_own(self, files):
        staged = {files.stage(b"same") for _ in range(20)}

        assert set(files.names()) == staged
        assert len(staged) == 20

    def test_replaces_a_file_whole(self, files):
        put(files, "a", b"a long old one")
        put(files, "a", b"new")

        assert files.read("a") == b"new"
        assert files.names() == ["a"]

    def test_tells_another_version_after_each_change(self, files):
        assert files.version("a") is None
        put(files, "a", b"old")
        old = files.version("a")
        assert files.version("a") == old

        put(files, "a", b"new")

        assert files.version("a") not in (None, old)

    def test_tells_the_version_of_what_it_reads(self, files):
        assert files.read_with_version("a") is None
        put(files, "a", b"old")

        assert files.read_with_version("a") == (b"old", files.version("a"))

    def test_removes_a_name(self, files):
        put(files, "a", b"x")
        put(files, "b", b"y")

        files.remove("a")

        assert files.read("a") is None
        assert files.read("b") == b"y"

    def test_removes_what_is_not_there_without_a_word(self, files):
        files.remove("a")

    @pytest.mark.parametrize("is_synced", [False, True])
    def test_discards_a_staged_file(self, files, is_synced):
        staged = files.stage(b"x")
        if is_synced:
            files.sync_staged(staged)
        files.remove(staged)

        assert files.names() == []


def test_files_and_directory_are_for_their_owner_alone(disk):
    put(disk, "a", b"x")

    modes = [stat.S_IMODE(each.stat().st_mode) for each in (disk.directory, disk.directory / "a")]
    assert modes == [0o700, 0o600]


def test_the_umask_does_not_matter(tmp_path):
    before = os.umask(0)
    try:
        with closing(DiskFiles(tmp_path / "store")) as disk:
            put(disk, "a", b"x")
            disk.check_private()
            assert disk.read("a") == b"x"
    finally:
        os.umask(before)


def test_missing_directories_are_made_all_the_way(tmp_path):
    with closing(DiskFiles(tmp_path / "a" / "b" / "c")) as disk:
        disk.check_private()


def make_link(path):
    path.with_name("target").write_bytes(b"x")
    path.with_name("target").chmod(0o600)
    path.symlink_to("target")


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_file(mode):
    def make(path):
        path.write_bytes(b"x")
        path.chmod(mode)

    return make


FOREIGN = {
    "link": make_link,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "directory": Path.mkdir,
    "FIFO": os.mkfifo,
    "socket": make_socket,
    "readable by the group": make_file(0o640),
    "writable by others": make_file(0o602),
    "executable by others": make_file(0o601),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_file_of_ours_alone_is_refused_and_left(disk, kind):
    FOREIGN[kind](disk.directory / "a")

    with pytest.raises(IntegrityError, match="a in the store is not"):
        disk.read("a")

    assert os.path.lexists(disk.directory / "a")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(disk):
    make_file(0o600)(disk.directory / "a")
    os.chown(disk.directory / "a", 65534, -1)

    with pytest.raises(IntegrityError, match="not ours alone"):
        disk.read("a")


@pytest.mark.parametrize("kind", ["link", "dangling link", "FIFO", "readable by the group"])
def test_publishing_replaces_whatever_had_the_name(disk, kind):
    """A link is not followed."""
    FOREIGN[kind](disk.directory / "a")

    put(disk, "a", b"new")

    assert disk.read("a") == b"new"
    assert not (disk.directory / "a").is_symlink()


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_directory_that_is_open_to_others_is_refused(tmp_path, mode):
    tmp_path.joinpath("store").mkdir()
    tmp_path.joinpath("store").chmod(mode)

    with (
        closing(DiskFiles(tmp_path / "store")) as disk,
        pytest.raises(StartError, match="chmod 700"),
    ):
        disk.check_private()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path):
    with closing(DiskFiles(tmp_path / "store")) as disk:
        os.chown(tmp_path / "store", 65534, -1)

        with pytest.raises(StartError, match="belongs to uid 65534"):
            disk.check_private()


class OwnedBy:
    """The system's own calls, where everything is somebody's."""

    def __init__(self, uid) -> None:
        self.uid = uid

    def __getattr__(self, call):
        return getattr(os, call)

    def fstat(self, fd):
        status = [*os.fstat(fd)]
        status[stat.ST_UID] = self.uid
        return os.stat_result(status)


@pytest.mark.parametrize(
    ("euid", "owner", "advice"),
    [
        (0, 1, f"runuser -u {getpwuid(1).pw_name} -- cubbyd fsck"),
        (0, 4_000_000, "run cubbyd as uid 4000000"),
        (1234, 1, "chown it, or name another with --store"),
        (1234, 0, "chown it, or name another with --store"),
    ],
)
def test_root_is_told_to_act_as_the_owner_and_not_to_take_the_store(
    disk, monkeypatch, euid, owner, advice
):
    """A store that root has taken is one that its daemon refuses."""
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    with (
        closing(DiskFiles(disk.directory, OwnedBy(owner))) as others,
        pytest.raises(StartError) as refused,
    ):
        others.check_private()

    assert advice in str(refused.value)
    assert ("chown" in str(refused.value)) == (euid != 0)


def test_a_file_in_place_of_the_directory_is_an_error(tmp_path):
    tmp_path.joinpath("store").write_bytes(b"")

    with pytest.raises(OSError, match=r"exists|directory"):
        DiskFiles(tmp_path / "store")


def test_a_second_daemon_is_kept_out_until_the_first_has_gone(disk):
    with closing(DiskFiles(disk.directory)) as second:
        with (
            disk.locked(),
            pytest.raises(StartError, match="another cubbyd has the store"),
            second.locked(),
        ):
            raise AssertionError("both have it")

        with second.locked():
            pass


def test_a_process_that_is_about_to_end_is_waited_for(disk, monkeypatch):
    """A daemon that was killed leaves one that finishes its last changes."""
    ended = ExitStack()
    ended.enter_context(disk.locked())
    monkeypatch.setattr(files_module, "sleep", lambda _seconds: ended.close())

    with closing(DiskFiles(disk.directory)) as second, second.locked():
        pass


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_a_lock_that_is_no_file_is_refused(disk, kind):
    FOREIGN[kind](disk.directory / "lock")

    with pytest.raises(StartError, match="lock file"), disk.locked():
        raise AssertionError("locked what is no lock")


def test_the_directory_is_held_and_not_looked_up_again(disk, tmp_path):
    """Whoever moves it away gives us no other."""
    put(disk, "a", b"ours")
    disk.directory.rename(tmp_path / "moved")
    disk.directory.mkdir()

    put(disk, "b", b"still ours")

    assert sorted(disk.names()) == ["a", "b"]
    assert disk.read("a") == b"ours"


@pytest.mark.parametrize("errno", [EACCES, EINVAL])
def test_a_way_that_cannot_be_synced_is_good_enough_if_it_was_there(errno):
    """The home of a user, say, below a directory that nobody may list."""
    disk = SimulatedDisk({"home": {"user": {}}})

    def on_call(call, name):
        if call == "fsync" and name == "home":
            raise OSError(errno, os.strerror(errno))

    disk.on_call = on_call
    files = DiskFiles(Path("/home/user/store"), disk)

    assert files.names() == []
    with pytest.raises(OSError, match=os.strerror(errno)):
        DiskFiles(Path("/home/store"), disk)


class ReadOnlyDisk:
    """The system's own calls, as on a file system that is mounted read-only."""

    def __getattr__(self, call):
        return getattr(os, call)

    def open(self, path, flags, mode=0o777, *, dir_fd=None):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(EROFS, os.strerror(EROFS))
        return os.open(path, flags, mode, dir_fd=dir_fd)

    def fsync(self, _fd):
        raise OSError(EROFS, os.strerror(EROFS))


@pytest.fixture
def read_only(disk):
    with closing(DiskFiles(disk.directory, ReadOnlyDisk(), make=False)) as files:
        yield files


@pytest.mark.parametrize("has_lock", [True, False])
def test_a_read_only_file_system_can_be_looked_at_and_nothing_else(disk, read_only, has_lock):
    if has_lock:
        with disk.locked():
            pass

    with read_only.locked(reading=True):
        assert read_only.names() == disk.names() == ["lock"] * has_lock
    with pytest.raises(StartError, match="Read-only file system"), read_only.locked():
        raise AssertionError("a store that cannot be written to was taken to be changed")


def test_nobody_looks_at_what_a_daemon_has_mounted_elsewhere(disk, read_only):
    with (
        disk.locked(),
        pytest.raises(StartError, match="another cubbyd has"),
        read_only.locked(reading=True),
    ):
        raise AssertionError("the lock was not asked")


def test_no_daemon_starts_while_a_read_only_store_is_looked_at(disk, read_only):
    with disk.locked():
        pass
    with (
        read_only.locked(reading=True),
        pytest.raises(StartError, match="another cubbyd has"),
        disk.locked(),
    ):
        raise AssertionError("the lock was not kept")
