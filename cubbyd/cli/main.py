"""``cubby``: where the program begins, and next to nothing besides.

Ctrl-C may come while the rest is still being imported, so even that happens where it is caught.
"""

import sys

_INTERRUPTED = 130
"""``Exit.INTERRUPTED``, which may not have been imported yet."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command, and say in one line what went wrong.

    Returns:
        The exit status.
    """
    try:
        from cubbyd.cli.commands import run  # noqa: PLC0415 - see the module's first lines

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
