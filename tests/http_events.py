"""What comes out of an HTTP connection's state machine."""

from fakes import OWNER

from cubbyd.errors import MalformedHttpError
from cubbyd.server.http.connection import HttpConnection
from cubbyd.wire.connection import Need

MAX_BYTES = 1000


def connected():
    return HttpConnection(OWNER, max_frame_bytes=MAX_BYTES)


def events(connection, *pieces):
    """What comes of the pieces, with the error that ends it, if any."""
    found = []
    for piece in pieces:
        connection.receive_data(piece)
        try:
            while (event := connection.next_event()) is not Need.DATA:
                found.append(event)
        except MalformedHttpError as error:
            return [*found, error]
    return found


def bytewise(stream):
    return [stream[n : n + 1] for n in range(len(stream))]
