"""A process that races: it sends many requests at once, each on a connection of its own.

    python racer.py SOCKET CONNECTIONS GO

Each line on standard input is a JSON list of requests, each with ``operation``, ``path`` and maybe
``data``, ``token`` and ``wrap_ttl``. The frames are made, a line says so, and when a byte comes on
the file descriptor GO they are sent. What comes back is told in a line: for each request its answer
as JSON, or the code of its refusal.
"""

import json
import os
import socket
import sys

from cubbyd.errors import RefusedError
from cubbyd.messages import Operation
from cubbyd.secret import Secret
from cubbyd.wire.connection import ClientConnection, Need


class Runner:
    """One connection."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._wire = ClientConnection()

    def prepare(self, request):
        token = request.get("token")
        _, self._frame = self._wire.ask(
            Operation(request["operation"]),
            request["path"],
            data=request.get("data"),
            token=None if token is None else Secret.from_text(token),
            wrap_ttl=request.get("wrap_ttl"),
        )

    def start(self):
        self._socket.sendall(self._frame)

    def outcome(self):
        while (event := self._wire.next_event()) is Need.DATA:
            self._wire.receive_data(self._socket.recv(65536))
        _, answer = event
        return answer.code if isinstance(answer, RefusedError) else answer.to_envelope()


def race(path, connections, go):
    runners = [Runner(path) for _ in range(connections)]
    for line in sys.stdin:
        for runner, request in zip(runners, json.loads(line), strict=True):
            runner.prepare(request)
        say("ready")
        os.read(go, 1)
        for runner in runners:
            runner.start()
        say(json.dumps([runner.outcome() for runner in runners]))


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    race(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
