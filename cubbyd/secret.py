"""Bytes that refuse to be shown by accident."""

from contextlib import suppress
from typing import NoReturn, Self


class Secret:
    """A token or a key. Printing shows its length; only :meth:`reveal` shows what it is.

    It cannot be pickled or hashed, and comparing takes the same time wherever the difference lies.
    Python may keep copies of the bytes until they are collected: this guards against slips, not
    against somebody who reads the process's memory.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A secret that is text, such as a token.

        Raises:
            ValueError: It holds half a surrogate pair, so it has no bytes.
        """
        with suppress(UnicodeEncodeError):  # which carries the whole text along
            return cls(text.encode())
        raise ValueError("a secret that is not Unicode text")

    def reveal(self) -> bytes:
        """The bytes themselves. Each call of this is a place to look at."""
        return self._value

    def reveal_text(self) -> str:
        """The secret as text.

        Raises:
            ValueError: It is not UTF-8, so it was never text.
        """
        with suppress(UnicodeDecodeError):  # which carries all the bytes along
            return self._value.decode()
        raise ValueError(f"a secret of {len(self._value)} bytes that is not text")

    def __repr__(self) -> str:
        return f"<Secret of {len(self._value)} bytes>"

    def __eq__(self, other: object) -> bool:
        # Brings all of OpenSSL along, and a command compares no secrets.
        from hmac import compare_digest  # noqa: PLC0415

        return isinstance(other, Secret) and compare_digest(self.reveal(), other.reveal())

    __hash__ = None  # type: ignore[assignment]  # a dict of secrets would compare in variable time

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not for pickling or copying to disk")
