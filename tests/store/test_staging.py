"""What becomes of a file that could not be finished: it is closed, and taken away."""

import os
from contextlib import closing
from errno import EDQUOT
from pathlib import Path

import pytest

from cubbyd.store.files import DiskFiles


class Failing:
    """The system's calls, of which some fail; a close that fails has closed all the same."""

    def __init__(self, *calls) -> None:
        self._calls = calls

    def __getattr__(self, call):
        def fail(*args, **options):
            if call == "close":
                os.close(*args)
            raise OSError(EDQUOT, "Disk quota exceeded")

        return fail if call in self._calls else getattr(os, call)


def descriptors():
    return [*Path("/proc/self/fd").iterdir()]


@pytest.mark.parametrize("calls", [("write",), ("close",), ("write", "close"), ("fsync",)])
def test_nothing_is_left_of_what_could_not_be_finished(tmp_path, calls):
    """On a file system over the network both may fail, a quota being told of last."""
    files = DiskFiles(tmp_path / "store")
    with closing(files):
        before = descriptors()
        files.calls = Failing(*calls)

        with pytest.raises(OSError, match="quota"):
            files.sync_staged(files.stage(b"x"))

        files.calls = os
        assert (files.names(), descriptors()) == ([], before)


def test_what_was_finished_is_closed(tmp_path):
    with closing(DiskFiles(tmp_path / "store")) as files:
        before = descriptors()
        staged = files.stage(b"x")
        files.sync_staged(staged)
        files.publish(staged, "a")
        files.remove(files.stage(b"y"))

        assert (files.names(), descriptors()) == (["a"], before)
