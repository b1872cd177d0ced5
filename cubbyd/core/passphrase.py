"""What is hardly a passphrase, and what is too long for one."""

from typing import Final

from cubbyd.secret import Secret

MIN_CHARS: Final = 8
MAX_BYTES: Final = 1024


def check_passphrase(passphrase: Secret) -> None:
    """Refuse a new passphrase of another size. Raises ValueError."""
    if len(passphrase.reveal_text()) < MIN_CHARS:
        raise ValueError(f"a passphrase has at least {MIN_CHARS} characters")
    if len(passphrase.reveal()) > MAX_BYTES:
        raise ValueError(f"a passphrase has at most {MAX_BYTES} bytes")
