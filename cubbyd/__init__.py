"""cubbyd hands credentials from one program to another on one host."""

from importlib.metadata import version

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Look the version up only when somebody asks, so that importing a client stays cheap."""
    if name == "__version__":
        return version("cubbyd")
    raise AttributeError(name)
