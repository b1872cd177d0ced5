"""Any path of the daemon: read, write, list, delete."""

from cubbyd.client.calls import answers
from cubbyd.client.calls.answers import Keys
from cubbyd.client.calls.call import Call, Data, request
from cubbyd.messages import Operation, Response
from cubbyd.value import Map


def read(path: str) -> Call[Map]:
    """The data at a path. Refused as not found where there is none."""
    return Call(operation=Operation.READ, path=path, decode=answers.data)


def write(path: str, data: Data | None = None) -> Call[Response]:
    """Put data at a path, in place of what was there; or whatever writing means there."""
    return request(Operation.WRITE, path, data)


def list_keys(path: str) -> Call[Keys]:
    """The names directly below a path; folders end in a slash."""
    return Call(operation=Operation.LIST, path=path, decode=answers.keys)


def delete(path: str) -> Call[None]:
    """Remove what is at a path, if it is there."""
    return Call(operation=Operation.DELETE, path=path, decode=answers.nothing)
