"""What a batch of changes does to a directory, also to one that refuses at the n-th call.

- A job is staged whole before any of it is published; what is refused leaves nothing staged.
- A refused job harms no other.
- One sync for all; without it nobody is told that all is well.
"""

from errno import EDQUOT, EIO, EMFILE, ENFILE, ENOSPC, EROFS

import pytest
from fakes import MemoryFiles
from fakes_disk import FaultyFiles

from cubbyd.errors import BusyError, IntegrityError, StorageFullError, StoreError
from cubbyd.store.batch import FileChange, apply

REFUSALS = {
    ENOSPC: StorageFullError,
    EDQUOT: StorageFullError,
    EMFILE: BusyError,
    ENFILE: BusyError,
    EIO: IntegrityError,
    EROFS: IntegrityError,
}
JOBS = [
    [FileChange("a", b"new a"), FileChange("b", b"new b")],
    [FileChange("c", None), FileChange("d", b"new d")],
    [FileChange("e", None)],
]
CALLS = [
    *("stage", "stage", "stage", "sync_staged", "sync_staged", "sync_staged"),
    *("publish", "publish", "remove", "publish", "remove", "sync"),
]
JOB_OF_CALL = [0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 2]
"""Which job each of the calls is for; the sync is for all."""

BEFORE = {"a": b"old a", "c": b"old c", "e": b"old e"}
AFTER = {"a": b"new a", "b": b"new b", "d": b"new d"}
NAMES_OF_JOB = [("a", "b"), ("c", "d"), ("e",)]


def directory():
    files = MemoryFiles()
    files.files = dict(BEFORE)
    return files


def test_every_change_is_made_with_one_sync():
    files = FaultyFiles(directory())

    results = apply(files, JOBS)

    assert results == [None, None, None]
    assert files.inner.files == AFTER
    assert files.calls == CALLS


@pytest.mark.parametrize("jobs", [[], [[]], [[], []]])
def test_nothing_to_do_touches_nothing(jobs):
    files = FaultyFiles(directory(), fails_at=1)

    assert apply(files, jobs) == [None] * len(jobs)
    assert files.calls == []


@pytest.mark.parametrize("errno", REFUSALS)
@pytest.mark.parametrize("call", range(1, len(CALLS)))
def test_a_call_that_fails_refuses_its_job_and_no_other(call, errno):
    files = FaultyFiles(directory(), fails_at=call, errno=errno)

    results = apply(files, JOBS)

    hit = JOB_OF_CALL[call - 1]
    assert type(results[hit]) is REFUSALS[errno]
    assert all(results[job] is None for job in range(3) if job != hit)
    found = files.inner.files
    for job in {0, 1, 2} - {hit}:
        assert all(found.get(name) == AFTER.get(name) for name in NAMES_OF_JOB[job])
    for name in NAMES_OF_JOB[hit]:
        assert found.get(name) in (BEFORE.get(name), AFTER.get(name))
    assert not any(name.startswith("staged-") for name in found)


@pytest.mark.parametrize("call", range(1, 7))
def test_a_job_that_cannot_be_staged_changes_nothing(call):
    files = FaultyFiles(directory(), fails_at=call, errno=ENOSPC)

    apply(files, JOBS)

    for name in NAMES_OF_JOB[JOB_OF_CALL[call - 1]]:
        assert files.inner.files.get(name) == BEFORE.get(name)


@pytest.mark.parametrize("errno", REFUSALS)
def test_a_directory_that_will_not_sync_stops_everything(errno):
    files = FaultyFiles(directory(), fails_at=len(CALLS), errno=errno)

    with pytest.raises(StoreError, match="cannot be synced: the disk will not"):
        apply(files, JOBS)


def test_a_failed_sync_is_not_tried_again():
    files = FaultyFiles(directory(), fails_at=len(CALLS))

    with pytest.raises(StoreError):
        apply(files, JOBS)

    assert files.calls == CALLS


@pytest.mark.parametrize("errno", REFUSALS)
def test_a_disk_that_takes_nothing_at_all_refuses_everybody_and_stops_nobody(errno):
    """A directory that was not touched needs no sync, which could only fail too."""
    files = FaultyFiles(directory(), fails_at=1, errno=errno, for_good=True)

    results = apply(files, JOBS)

    assert [type(result) for result in results] == [REFUSALS[errno]] * 3
    assert files.inner.files == BEFORE
    assert "sync" not in files.calls


def test_only_what_is_written_is_handed_out_to_be_synced():
    """Who is handed it judges by the first how long the rest will take."""
    handed = []

    def each(work, names):
        handed.append(names)
        return [work(name) for name in names]

    files = FaultyFiles(directory(), fails_at=1, errno=ENOSPC)
    apply(files, [[FileChange("refused", b"")], [FileChange("c", None)], *JOBS], each=each)

    [names] = handed
    assert len(names) == 3
    assert all(name.startswith("staged-") for name in names)


def test_later_jobs_see_what_earlier_ones_did():
    files = directory()

    apply(
        files, [[FileChange("a", b"first")], [FileChange("a", b"second")], [FileChange("c", None)]]
    )

    assert files.files["a"] == b"second"


def test_what_is_written_is_not_printed():
    assert "secret" not in repr(FileChange("a", b"secret"))
