"""A store's directory, and the process that writes to it."""

from contextlib import closing, contextmanager

from cubbyd.store.disk_process import DiskProcess
from cubbyd.store.files import DiskFiles


@contextmanager
def forked(directory, *, wrong=lambda files: files):
    """The directory as the daemon sees it, and the process, which may see it otherwise."""
    with (
        closing(DiskFiles(directory)) as files,
        files.locked(),
        closing(DiskProcess(wrong(files))) as disk,
    ):
        yield files, disk
