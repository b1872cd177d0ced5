"""``cubby``: where the program begins, and next to nothing besides.

Ctrl-C may come while the rest is still being imported, so even that happens where it is caught.
"""

import gc
import sys
from importlib import import_module
from types import ModuleType

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
    try:
        if is_ours:
            # We are through before there is garbage worth looking for, and looking takes long.
            gc.disable()
            _put_off_what_only_click_wants()
        from cubbyd.cli.commands import run  # noqa: PLC0415 - see the module's first lines

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        if is_ours:
            gc.freeze()  # or Python would look at its end, disabled or not


def _put_off_what_only_click_wants() -> None:
    """A tenth of a command's whole time, and a twentieth; no command needs them."""
    sys.modules.setdefault("inspect", _Late("inspect"))  # quick tells why
    if "uuid" not in sys.modules:
        # click has it for a type's parameter, at which nothing looks.
        sys.modules["uuid"] = uuid = _Late("uuid", UUID=object)
        try:
            import click  # noqa: F401, PLC0415 - after that
        finally:
            del vars(uuid)["UUID"]


class _Late(ModuleType):
    """Stands for a module until something in it is used.

    importlib's LazyLoader is not up to that: to Python 3.11, a second import is use.
    """

    def __init__(self, name: str, **stand_ins: object) -> None:
        super().__init__(name)
        vars(self).update(stand_ins)

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


if __name__ == "__main__":
    sys.exit(main())
