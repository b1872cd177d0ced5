"""A job gets to the process for the disk whole, or not at all; and so do its answers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cubbyd.store.batch import FileChange
from cubbyd.store.disk_messages import Inbox, answer_message, job_message

JOBS = [
    [FileChange("a", b"x" * 1000)],
    [],
    [FileChange("b", None), FileChange("c", b"", group="the process has no use for it")],
]
ARRIVING = [[FileChange(change.name, change.data) for change in job] for job in JOBS]
ANSWERS = [[None], [("code", 500, ("words", "more words")), None], [], "nobody knows"]
SENT_JOBS = b"".join(map(job_message, JOBS))
SENT_ANSWERS = b"".join(map(answer_message, ANSWERS))


def pieces(sent, cuts):
    """What was sent, as it may be received."""
    return [sent[begin:end] for begin, end in pairwise([0, *sorted(cuts), len(sent)])]


@given(st.lists(st.integers(0, len(SENT_JOBS))))
def test_jobs_may_come_in_any_pieces(cuts):
    inbox = Inbox()

    assert [job for piece in pieces(SENT_JOBS, cuts) for job in inbox.jobs(piece)] == ARRIVING


@given(st.lists(st.integers(0, len(SENT_ANSWERS))))
def test_answers_may_come_in_any_pieces(cuts):
    inbox = Inbox()

    found = [answer for piece in pieces(SENT_ANSWERS, cuts) for answer in inbox.answers(piece)]

    assert found == ANSWERS


@given(st.integers(0, len(SENT_JOBS)))
def test_of_a_job_that_is_cut_off_nothing_is_done(length):
    whole = sum(len(b"".join(map(job_message, JOBS[: n + 1]))) <= length for n in range(len(JOBS)))

    assert Inbox().jobs(SENT_JOBS[:length]) == ARRIVING[:whole]
