"""A ``cubbyd`` that ends when the process ends that started it: the demo's.

That process gives its own id before the options. The kernel then sends SIGTERM when it is gone,
however it went; a pipe that closes would tell the same only to a daemon that watches one.
"""

import ctypes
import os
import signal
import sys
from typing import Final

from cubbyd.cli import serve

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Serve, for as long as the parent lives."""
    parent = int(sys.argv.pop(1))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # Nothing is sent for a parent that was gone before.
    if os.getppid() == parent:
        serve.main()


if __name__ == "__main__":
    main()
