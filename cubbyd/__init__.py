"""cubbyd hands credentials from one program to another on one host."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Look the version up only when somebody asks, so that importing a client stays cheap."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - half of a client's import time

        return version("cubbyd")
    raise AttributeError(name)
