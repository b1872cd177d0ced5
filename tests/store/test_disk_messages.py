"""A batch gets to the process for the disk whole, or not at all."""

import pytest

from cubbyd.store.batch import FileChange
from cubbyd.store.disk_messages import SIZE_BYTES, messages, received


class Pieces:
    """A channel that gives a byte or two at a time: as one may whose reader was stopped."""

    def __init__(self, sent):
        self._sent = sent

    def recv(self, size, _flags):
        piece, self._sent = self._sent[: min(size, 2)], self._sent[min(size, 2) :]
        return piece


JOBS = [[FileChange("a", b"x" * 1000)], [FileChange("b", None), FileChange("c", b"", "group")]]
SENT = b"".join(messages(JOBS * 200))


def test_a_batch_may_come_in_pieces():
    assert received(Pieces(SENT)) == JOBS * 200


@pytest.mark.parametrize("length", [0, 1, SIZE_BYTES, SIZE_BYTES + 1, len(SENT) - 1])
def test_of_a_batch_that_is_cut_off_nothing_is_done(length):
    with pytest.raises(EOFError):
        received(Pieces(SENT[:length]))
