"""``cubby``: where the program begins, and next to nothing besides.

Ctrl-C may come while the rest is still being imported, so even that happens where it is caught.
"""

import gc
import sys

_INTERRUPTED = 130
"""``Exit.INTERRUPTED``, which may not have been imported yet."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command, and say in one line what went wrong.

    Args:
        arguments: In place of the process's own. It then is somebody else's, and lives on.

    Returns:
        The exit status.
    """
    is_ours = arguments is None
    if is_ours:
        # We are through before there is garbage worth looking for, and looking takes long.
        gc.disable()
    try:
        from cubbyd.cli.commands import run  # noqa: PLC0415 - see the module's first lines

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        if is_ours:
            gc.freeze()  # or Python would look at its end, disabled or not


if __name__ == "__main__":
    sys.exit(main())
