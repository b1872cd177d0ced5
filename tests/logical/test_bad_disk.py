"""A disk that will not: at every call of every operation, with a bystander's request beside it.

- Whoever is refused is told what it is: ``storage_full``, ``busy`` or ``integrity``.
- It costs one request at most, and leaves nothing staged; the disk well again, all is served.
- What is answered holds, and what is told of what was refused holds too, power cut or not.
- Only a directory that will not sync stops the daemon, and nobody is answered then.
- A short write is no error.
"""

from errno import EIO, EMFILE, ENOSPC, EROFS
from functools import partial
from itertools import count

import pytest
from bad_disk import BESIDE, FOR_GOOD, BadDisk, Fault, bad_start
from disk_operations import ALL
from disk_scene import scene
from made_wrong import BAD_DISK

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
    bad = BadDisk(name)

    for errno in FOR_GOOD:
        assert nothing_wrong(every_call(bad.problems, errno=errno))
        assert nothing_wrong(every_call(bad.problems, errno=errno, for_good=True))
    for how in SHORT_WRITES:
        assert nothing_wrong(every_call(bad.problems, **how))


@pytest.mark.parametrize("wrong", BAD_DISK)
def test_a_daemon_made_wrong_is_caught(wrong):
    name, build, how = BAD_DISK[wrong]

    assert any(every_call(BadDisk(name, build).problems, **how))
