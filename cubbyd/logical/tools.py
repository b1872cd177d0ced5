"""sys/tools/*: random bytes and hashes. Wrapped, random bytes are a password nobody has seen."""

import base64
import binascii
import hashlib
from typing import Final

from cubbyd.core.outcome import Outcome
from cubbyd.errors import InvalidRequestError
from cubbyd.logical.context import Context, Route
from cubbyd.logical.fields import Fields
from cubbyd.messages import Operation, Response

RANDOM, HASH = "sys/tools/random", "sys/tools/hash"

DEFAULT_RANDOM_BYTES: Final = 32
MAX_RANDOM_BYTES: Final = 128 * 1024
"""OpenBao's bound."""

_SOURCE: Final = "platform"
"""The kernel's generator: what OpenBao calls it."""

_ALGORITHMS: Final = {
    f"{family}-{bits}": f"{prefix}{bits}"
    for family, prefix in (("sha2", "sha"), ("sha3", "sha3_"))
    for bits in (224, 256, 384, 512)
}


def random(context: Context) -> Outcome[Response | None]:
    """So many random bytes, as base64 or hex text."""
    fields = context.fields
    named = context.path.removeprefix(RANDOM).strip("/")
    if named.partition("/")[0] == _SOURCE:
        named = named.removeprefix(_SOURCE).strip("/")
    if fields.text("source") not in ("", _SOURCE):
        raise InvalidRequestError(f"the only source of random bytes here is {_SOURCE!r}")
    size = _size(named) if named else fields.integer("bytes", default=DEFAULT_RANDOM_BYTES)
    if size < 1:
        raise InvalidRequestError("'bytes' cannot be less than 1")
    if size > MAX_RANDOM_BYTES:
        raise InvalidRequestError(f"'bytes' should be less than {MAX_RANDOM_BYTES}")
    form = _format(fields, '"{}"', default="base64")
    drawn = context.tokens.records.random(size)
    return context.answer({"random_bytes": _encoded(drawn, form)})


def _size(named: str) -> int:
    if not (named.isascii() and named.isdecimal()):
        raise InvalidRequestError(f"error parsing url-set byte count: {named[:20]!r}")
    return int(named[:20])


def hash_(context: Context) -> Outcome[Response | None]:
    """The digest of base64 input, or of a byte string as it is; as hex or base64 text."""
    fields = context.fields
    given = fields.raw("input")
    data = given if isinstance(given, bytes) else _decoded(fields.text("input"))
    form = _format(fields, "{}", default="hex")
    named = context.path.removeprefix(HASH).strip("/")
    algorithm = named or fields.text("algorithm", default="sha2-256")
    if algorithm not in _ALGORITHMS:
        raise InvalidRequestError(f"unsupported algorithm {algorithm}")
    digest = hashlib.new(_ALGORITHMS[algorithm], data).digest()
    return context.answer({"sum": _encoded(digest, form)})


def _format(fields: Fields, quoted: str, *, default: str) -> str:
    """The form of the answer; the two endpoints quote a wrong one differently."""
    form = fields.text("format", default=default)
    if form not in ("hex", "base64"):
        wrong = quoted.format(form)
        raise InvalidRequestError(f'unsupported encoding format {wrong}; must be "hex" or "base64"')
    return form


def _decoded(text: str) -> bytes:
    # Lines may be broken, as they are by most programs that print base64.
    text = text.replace("\r", "").replace("\n", "")
    try:
        if len(text) % 4 == 0:
            return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass
    raise InvalidRequestError("unable to decode input as base64: illegal base64 data")


def _encoded(data: bytes, form: str) -> str:
    return data.hex() if form == "hex" else base64.b64encode(data).decode()


_RANDOM = Route(handlers={Operation.WRITE: random}, fields=("bytes", "format", "source"))
_HASH = Route(handlers={Operation.WRITE: hash_}, fields=("algorithm", "format", "input"))

ROUTES: Final = {RANDOM: _RANDOM, HASH: _HASH}
FOLDERS: Final = {f"{RANDOM}/": _RANDOM, f"{RANDOM}/{_SOURCE}/": _RANDOM, f"{HASH}/": _HASH}
"""What follows names the number of bytes, or the algorithm."""
