"""A disk that will not: at every call of every operation, with a bystander's request beside it.

- Whoever is refused is told what it is: ``storage_full``, ``busy`` or ``integrity``.
- It costs one request at most, and leaves nothing staged; the disk well again, all is served.
- What is answered holds, and what is told of what was refused holds too, power cut or not.
- Only a directory that will not sync stops the daemon, and nobody is answered then. What had been
  answered stays, though the disk may lie from then on.
- A short write is no error.
"""

from errno import EIO, EMFILE, ENOSPC, EROFS
from functools import partial
from itertools import count

import pytest
from bad_disk import BESIDE, FOR_GOOD, BadDisk, Fault, Run, bad_start
from disk_operations import ALL, OPERATIONS
from disk_scene import RIGHT, Build, scene
from made_wrong import BAD_DISK, SyncsAgain

ANSWERED = ("write", "unwrap by another", "delete a policy", "create")
"""What is answered before a directory fails, but for what the operation at hand changes."""
FORGOTTEN = {"unwrap", "rewrap by a limited", "change a policy"}

QUICKLY = {
    "rewrap by a limited": EIO,
    "revoke a tree": EROFS,
    "change a policy": EMFILE,
    "rekey to a key file": ENOSPC,
}
"""One with three phases, one with no file to write, two that are no token's."""

NOT_ASKED = {BESIDE, "reap", "tidy"}
"""The bystander's, and what the daemon does by itself and tries again: see tests/test_reaper.py."""
SHORT_WRITES = [{"takes": 7}, {"takes": 0}, {"takes": 7, "for_good": True, "errno": ENOSPC}]
"""The rest is taken the next time; nothing is; the rest is not taken, for the disk is full."""


def every_call(judge, **how):
    """What is wrong, at each call in turn."""
    for number in count(1):
        fault = Fault(number, **how)
        yield judge(fault)
        if fault.never_came:
            return


def nothing_wrong(calls):
    """Whether there were some calls, and nothing was wrong at any."""
    *wrong, last = calls
    assert [each for each in wrong if each] == []
    return len(wrong) > 0 and last == []


@pytest.mark.parametrize(("name", "errno"), QUICKLY.items())
def test_a_call_that_fails_costs_one_request_at_most(name, errno):
    assert nothing_wrong(every_call(BadDisk(name).problems, errno=errno))


def test_a_disk_that_goes_on_failing_is_served_again_when_it_is_well():
    assert nothing_wrong(
        every_call(BadDisk("wrap by a limited").problems, errno=ENOSPC, for_good=True)
    )


@pytest.mark.parametrize("how", SHORT_WRITES)
def test_a_write_is_made_whole_or_refused(how):
    """One that takes nothing would otherwise be tried for ever."""
    assert nothing_wrong(every_call(BadDisk("write").problems, **how))


def test_a_first_start_that_fails_says_why_and_the_next_makes_good():
    assert nothing_wrong(every_call(partial(bad_start, {}), errno=ENOSPC))


@pytest.mark.slow
@pytest.mark.parametrize("errno", FOR_GOOD)
def test_a_start_that_fails_says_why_and_the_next_makes_good(errno):
    for tree in ({}, scene().tree):
        assert nothing_wrong(every_call(partial(bad_start, tree), errno=errno))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ALL if name not in NOT_ASKED])
def test_any_operation_on_any_bad_disk(name):
    bad = BadDisk(name, at_most=2 if ALL[name].writes_all else 8)

    for errno in FOR_GOOD:
        assert nothing_wrong(every_call(bad.problems, errno=errno))
        assert nothing_wrong(every_call(bad.problems, errno=errno, for_good=True))
    for how in SHORT_WRITES:
        assert nothing_wrong(every_call(bad.problems, **how))


# A directory that will not sync, on a disk that forgets what it was to write


def forgetting(name, **how):
    """Such a disk: some other change has been answered, then the directory fails once."""
    changed = OPERATIONS[name].changes | OPERATIONS[BESIDE].changes
    after = [each for each in ANSWERED if not OPERATIONS[each].changes & changed - {"new"}]
    after = tuple(each for each in after if each != name)
    at_most = 2 if OPERATIONS[name].writes_all else 8
    return BadDisk(name, after=after, forgets_names=True, at_most=at_most, **how)


def every_directory_sync(judge):
    """What is wrong, at each sync of the store's directory in turn."""
    for number in count(1):
        fault = Fault(number, only="fsync store")
        yield judge(fault)
        if fault.never_came:
            return


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FORGOTTEN else pytest.mark.slow)
        for name in OPERATIONS
        if name not in NOT_ASKED
    ],
)
def test_what_was_answered_before_a_directory_failed_stays_and_nothing_is_after(name):
    """Also when a later sync lies, whoever asks for it."""
    assert nothing_wrong(every_directory_sync(forgetting(name).problems))


def test_whoever_waited_for_such_a_change_is_told_nothing():
    """That the token is spent would be said of what the next power cut may take back."""
    run = Run(["unwrap", "read the response"], RIGHT, Fault(1, only="fsync store"))

    assert run.said == {}
    assert run.has_stopped


def test_a_start_after_that_would_believe_the_disk():
    """So nobody but the operator may start the daemon again."""
    found = [*every_directory_sync(forgetting("unwrap").problems_of_a_restart)]

    assert "wrapping is told to be" in str(found)
    assert "but a power cut leaves" in str(found)


def test_a_daemon_that_syncs_a_directory_again_is_caught_by_a_disk_that_forgets():
    wrong = [*every_directory_sync(forgetting("unwrap", build=Build(calls=SyncsAgain)).problems)]

    assert "answered, and of unwrap there is []" in str(wrong)


@pytest.mark.parametrize("wrong", BAD_DISK)
def test_a_daemon_made_wrong_is_caught(wrong):
    name, build, how = BAD_DISK[wrong]

    assert any(every_call(BadDisk(name, build).problems, **how))
