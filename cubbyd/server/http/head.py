"""A request's head, judged as raw bytes before h11 reads it.

h11 is generous where the standard lets it be: bare LF for CRLF, folded lines, repeated lengths. A
reader in front of us may be generous in another way, and then one of us answers a request that the
other never saw ("request smuggling"). So whatever can be read in two ways is refused (RFC 9112,
section 11.2), and the connection closes, for nobody knows where the next request would begin.
"""

import re
from typing import Final

from cubbyd.errors import MalformedHttpError

MAX_HEAD_BYTES: Final = 32 * 1024
"""Request line and headers: nginx's default of four lines of 8 KiB."""
MAX_HEADERS: Final = 100
"""Lines of headers: Apache's default. OpenBao's clients send about ten."""

END: Final = b"\r\n\r\n"

_ONCE: Final = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"content-type",
        b"expect",
        b"authorization",
        b"x-vault-token",
        b"x-vault-namespace",
        b"x-vault-wrap-ttl",
    }
)
"""Headers that mean something to us, and one thing only."""
_VALUES: Final = {
    # As Go's server has it. Empty is fine: what would one name on a Unix socket?
    b"host": re.compile(rb"[!$%&'()*+,\-.0-9:;=A-Z\[\]_a-z~]*"),
    # h11 takes a list of equal ones. 18 digits, so that it fits any reader's integer.
    b"content-length": re.compile(rb"[0-9]{1,18}"),
}
_BLANKS: Final = (b" ", b"\t")
_NO_CONTROL: Final = bytes({*range(256)} - {*range(0x20), 0x7F} | {ord("\t")})
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_REQUEST_LINE: Final = re.compile(rb"[!-~]+ /[!\"$-~]* HTTP/([0-9])\.([0-9])")
"""In origin-form. A "#" is in no URL that is sent: nginx cuts there, and Go does not."""


def check_beginning(beginning: bytes | bytearray) -> None:
    """Judge a head that has not come to its end.

    Raises:
        MalformedHttpError: It never will, or is too long already.
    """
    if len(beginning) > MAX_HEAD_BYTES:
        is_line = b"\r\n" not in beginning[:MAX_HEAD_BYTES]
        raise MalformedHttpError(
            f"the request's head is longer than {MAX_HEAD_BYTES} bytes",
            status=414 if is_line else 431,
        )
    if beginning[:1] and not b"!" <= beginning[:1] <= b"~":
        raise MalformedHttpError("this is no HTTP request")
    if b"\n" in beginning.replace(b"\r\n", b""):
        raise MalformedHttpError("a line ends without a carriage return")


def check(head: bytes) -> None:
    """Judge a whole head, which ends where its blank line begins.

    Raises:
        MalformedHttpError: It is not plain HTTP/1.1 or 1.0.
    """
    request_line, *lines = head.split(b"\r\n")
    _check_request_line(request_line)
    if len(lines) > MAX_HEADERS:
        raise MalformedHttpError(f"more than {MAX_HEADERS} headers", status=431)
    # One look at all is cheaper than one at each; which it is matters only if there is one.
    has_control = head.translate(None, _NO_CONTROL) != b"\r\n" * len(lines)
    seen: set[bytes] = set()
    for line in lines:
        if line[:1] in _BLANKS:
            raise MalformedHttpError("a folded header line")
        if has_control and _CONTROL.search(line):
            raise MalformedHttpError("a control character in a header")
        name, _, value = line.partition(b":")
        name = name.lower()
        if name not in _ONCE:
            continue
        if name in seen:
            raise MalformedHttpError(f"the header {name.decode()} is there twice")
        if name in _VALUES and not _VALUES[name].fullmatch(value.strip(b" \t")):
            raise MalformedHttpError(f"the header {name.decode()} is not as it should be")
        seen.add(name)
    if b"transfer-encoding" in seen:
        if b"content-length" in seen:
            raise MalformedHttpError("both a Content-Length and a Transfer-Encoding")
        if request_line.endswith(b"1.0"):
            raise MalformedHttpError("a Transfer-Encoding in HTTP/1.0")


def _check_request_line(line: bytes) -> None:
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise MalformedHttpError("the request line is not METHOD /path HTTP/1.1")
    if found[1] != b"1" or found[2] not in (b"0", b"1"):
        raise MalformedHttpError("this is HTTP/1.1 and 1.0 only", status=505)
