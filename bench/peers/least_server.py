"""The least that any daemon in Python with trio, PyNaCl and cbor2 does: ``least_server.py SOCKET``.

It keeps cubbyd's promise and nothing else: a file for each token, sealed under a key that only the
token makes, and opened for each request; the disk has the last word, so each request looks at the
file's state; a change is durable before it is answered. It does not ask whether a request is well
formed, or allowed, or in time; it keeps no log, and nothing about a token besides what is asked
for. It is a bound from below: it waits for the disk where it stands, so a slow disk stalls whoever
only reads, and what a client has sent already it takes without letting others go first. Neither
must a daemon do.

From its input it takes, as JSON, in which directory and for which tokens there shall be a file at
first, and the sizes of cubbyd's files, as large as which it makes its own. Its frames are cubbyd's.
What in an answer is cubbyd's own affair (the request's id, an accessor, a time) is filled with as
many bytes.
"""

import json
import os
import socket
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path

import trio
from cbor2 import dumps, loads
from nacl._sodium import ffi, lib
from trio.lowlevel import wait_readable, wait_writable

HEADER_BYTES = 4
RECEIVE_BYTES = 65_536
KEY_BYTES, NONCE_BYTES, TAG_BYTES, NAME_BYTES = 32, 24, 16, 16
SECRET_BYTES, SECRET_LETTERS = 37, 49
"""Of a new token: as long as cubbyd's."""
STAGED = "staged"
STAGE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
REQUEST_ID = "00000000-0000-0000-0000-000000000000"
ACCESSOR = "0" * 32
CREATION_TIME = "1970-01-01T00:00:00.000000Z"
WRAPPED = "wrapped"
REFUSAL = {"code": "permission_denied", "status": 403, "messages": ["permission denied"]}

Fields = dict[str, object]
Named = tuple[str, bytes]
"""A token's file and its key."""

_seal = lib.crypto_aead_xchacha20poly1305_ietf_encrypt
_open = lib.crypto_aead_xchacha20poly1305_ietf_decrypt
_view, _null = ffi.from_buffer, ffi.NULL


class SealBrokenError(Exception):
    """A file is not what was sealed for this token."""


class Store:
    """A sealed file for each token. What is in it is never kept but sealed."""

    def __init__(self, directory: str) -> None:
        self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self._key = os.urandom(KEY_BYTES)
        self._cached: dict[str, tuple[tuple[int, int], bytes, bytes]] = {}
        """By file its version, nonce, and what follows."""

    def named(self, token: str) -> Named:
        """Both are of one hash of the token, which is not kept."""
        digest = blake2b(token.encode(), key=self._key, digest_size=NAME_BYTES + KEY_BYTES).digest()
        return digest[:NAME_BYTES].hex(), digest[NAME_BYTES:]

    def version(self, name: str) -> tuple[int, int]:
        """Another when the file is another.

        Raises:
            FileNotFoundError: There is none.
        """
        status = os.stat(name, dir_fd=self._directory)
        return status.st_ino, status.st_mtime_ns

    def opened(self, named: Named) -> Fields:
        """What is in the file.

        Raises:
            FileNotFoundError: There is none.
            SealBrokenError: It does not open.
        """
        name, key = named
        version = self.version(name)
        cached = self._cached.get(name)
        if cached is None or cached[0] != version:
            cached = self._cached[name] = (version, *self._read(name))
        _, nonce, sealed = cached
        plain = bytearray(max(0, len(sealed) - TAG_BYTES))
        at = name.encode()
        if _open(_view(plain), _null, _null, sealed, len(sealed), at, len(at), nonce, key):
            raise SealBrokenError
        return loads(plain)  # which leaves the padding alone

    def _read(self, name: str) -> tuple[bytes, bytes]:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._directory)
        try:
            data = os.read(fd, 1 << 20)
        finally:
            os.close(fd)
        if len(data) < NONCE_BYTES + TAG_BYTES:  # libsodium would read beyond
            raise SealBrokenError
        return data[:NONCE_BYTES], data[NONCE_BYTES:]

    def put(self, named: Named, content: Fields, size: int) -> None:
        """Make or replace a file of that size, durably; no smaller than what is in it."""
        name, key = named
        plain = dumps(content).ljust(size - NONCE_BYTES - TAG_BYTES, b"\0")
        nonce, at = os.urandom(NONCE_BYTES), name.encode()
        sealed = bytearray(len(plain) + TAG_BYTES)
        _seal(_view(sealed), _null, plain, len(plain), at, len(at), _null, nonce, key)
        directory = self._directory
        fd = os.open(STAGED, STAGE_FLAGS, 0o600, dir_fd=directory)
        os.write(fd, nonce + sealed)
        os.fsync(fd)
        status = os.fstat(fd)
        os.close(fd)
        os.rename(STAGED, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
        self._cached[name] = ((status.st_ino, status.st_mtime_ns), nonce, bytes(sealed))

    def remove(self, named: Named) -> None:
        """Take a file away, durably."""
        name, _ = named
        os.unlink(name, dir_fd=self._directory)
        os.fsync(self._directory)
        del self._cached[name]


class Answers:
    """Payload in, frame out."""

    def __init__(self, store: Store, file_bytes: Mapping[str, int]) -> None:
        self._store = store
        self._file_bytes = file_bytes
        self._by_path: dict[str, Callable[[Fields], Fields]] = {
            "sys/wrapping/wrap": self._wrap,
            "sys/wrapping/unwrap": self._unwrap,
            "auth/token/create": self._create,
            "auth/token/revoke": self._revoke,
        }
        self._by_operation = {"read": self._read, "write": self._write}

    def answer(self, payload: bytes) -> bytes:
        """One request's."""
        request = loads(payload)
        carry_out = self._by_path.get(request["path"]) or self._by_operation[request["operation"]]
        try:
            told = carry_out(request)
        except (FileNotFoundError, SealBrokenError):
            told = {"id": request["id"], "error": REFUSAL}
        body = dumps(told)
        return len(body).to_bytes(HEADER_BYTES, "big") + body

    def _read(self, request: Fields) -> Fields:
        content = self._store.opened(self._store.named(request["token"]))
        return {"id": request["id"], "request_id": REQUEST_ID, "data": content[request["path"]]}

    def _write(self, request: Fields) -> Fields:
        named = self._store.named(request["token"])
        content = self._store.opened(named)
        content[request["path"]] = request["data"]
        self._store.put(named, content, self._file_bytes["write"])
        return {"id": request["id"], "request_id": REQUEST_ID}

    def _wrap(self, request: Fields) -> Fields:
        self._look_at_who_asks(request)
        token = _drawn("cbyw_")
        content = {WRAPPED: request["data"]}
        self._store.put(self._store.named(token), content, self._file_bytes["wrap"])
        info = {
            "token": token,
            "accessor": ACCESSOR,
            "ttl": request["wrap_ttl"],
            "creation_time": CREATION_TIME,
            "creation_path": request["path"],
        }
        return {"id": request["id"], "request_id": "", "wrap_info": info}

    def _unwrap(self, request: Fields) -> Fields:
        named = self._store.named(request["token"])
        data = self._store.opened(named)[WRAPPED]
        self._store.remove(named)
        return {"id": request["id"], "request_id": REQUEST_ID, "data": data}

    def _create(self, request: Fields) -> Fields:
        self._look_at_who_asks(request)
        token = _drawn("cbys_")
        self._store.put(self._store.named(token), {}, self._file_bytes["token"])
        policies = request["data"]["policies"]
        auth = {
            "client_token": token,
            "accessor": ACCESSOR,
            "policies": policies,
            "lease_duration": 3600,
            "renewable": True,
            "entity_id": "",
            "token_type": "service",
            "orphan": False,
            "num_uses": 0,
            "token_policies": policies,
        }
        return {"id": request["id"], "request_id": REQUEST_ID, "auth": auth}

    def _revoke(self, request: Fields) -> Fields:
        self._look_at_who_asks(request)
        named = self._store.named(request["data"]["token"])
        self._store.opened(named)
        self._store.remove(named)
        return {"id": request["id"], "request_id": REQUEST_ID}

    def _look_at_who_asks(self, request: Fields) -> None:
        """Raise FileNotFoundError where that token is gone."""
        name, _ = self._store.named(request["token"])
        self._store.version(name)


def _drawn(prefix: str) -> str:
    return prefix + b64encode(os.urandom(SECRET_BYTES))[:SECRET_LETTERS].decode()


async def serve(stream: trio.SocketStream, *, answer: Callable[[bytes], bytes]) -> None:
    """One connection. Straight on the socket: trio's stream takes a quarter more for a read."""
    fd = stream.socket.fileno()
    data = b""
    with suppress(ConnectionError):  # a client that was killed
        while True:
            try:
                received = os.read(fd, RECEIVE_BYTES)
            except BlockingIOError:
                await wait_readable(fd)
                continue
            if not received:
                return
            data = data + received if data else received
            answers = []
            begin = HEADER_BYTES
            while len(data) >= begin:
                end = begin + int.from_bytes(data[begin - HEADER_BYTES : begin], "big")
                if len(data) < end:
                    break
                answers.append(answer(data[begin:end]))
                begin = end + HEADER_BYTES
            data = data[begin - HEADER_BYTES :]
            await _send(fd, b"".join(answers))


async def _send(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            await wait_writable(fd)


async def run(listening: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    """Serve, for ever."""
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    await trio.serve_listeners(partial(serve, answer=answer), [listener])


def main(path: str) -> None:
    """Listen at that path; who sees the socket there can connect."""
    told = json.load(sys.stdin)
    store = Store(told["directory"])
    for token in told["tokens"]:
        store.put(store.named(token), {}, told["file_bytes"]["token"])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{path}.new")
        listening.listen(64)
        Path(f"{path}.new").rename(path)
        trio.run(run, listening, Answers(store, told["file_bytes"]).answer)


if __name__ == "__main__":
    main(sys.argv[1])
