"""docs/protocol.md tells the truth: its frames are the code's, and so are the lists it gives."""

import json
import re
from pathlib import Path

import pytest
from strategies import PEER

from cubbyd import codec, locations
from cubbyd.core.token_text import Prefix, token_text
from cubbyd.errors import REFUSALS, WireError, refusal
from cubbyd.logical import cubbyhole
from cubbyd.logical.routes import FOLDERS, ROUTES
from cubbyd.messages import Operation, Response
from cubbyd.secret import Secret
from cubbyd.settings import LimitSettings
from cubbyd.wire.connection import ClientConnection, ServerConnection
from cubbyd.wire.framing import MAX_ANSWER_BYTES

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
EXAMPLES = re.findall(r"^```(\w+)\n(.*?)^```\n```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def table(heading, column):
    """The rows of the table that follows a heading and begins with that column."""
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    _, _, rest = section.partition(f"\n| {column} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def frame_of(listing):
    """The bytes of a listing, without its explanations."""
    return bytes.fromhex("".join(line.partition(";")[0] for line in listing.splitlines()))


def value_of(written):
    """What the JSON below an example stands for."""
    return json.loads(
        written, object_hook=lambda m: bytes.fromhex(m["bytes"]) if m.keys() == {"bytes"} else m
    )


def asked(fields):
    """The frame of a request with these fields."""
    client = ClientConnection()
    for _ in range(fields["id"]):
        _, frame = client.ask(
            Operation(fields["operation"]),
            fields["path"],
            token=Secret.from_text(fields["token"]) if "token" in fields else None,
            data=fields.get("data"),
            wrap_ttl=fields.get("wrap_ttl"),
        )
    return frame


def replied(fields):
    """The frame of a reply with these fields."""
    server = ServerConnection(PEER)
    if "error" in fields:
        return server.refuse(fields["id"], refusal(**fields["error"]))
    return server.answer(fields["id"], Response.from_map(fields))


@pytest.mark.parametrize(("kind", "listing", "written"), EXAMPLES)
def test_an_example_is_what_the_code_says(kind, listing, written):
    frame, expected = frame_of(listing), value_of(written)
    match kind:
        case "request":
            assert codec.decode(frame[4:]) == expected
            assert asked(expected) == frame
        case "answer":
            assert codec.decode(frame[4:]) == expected
            assert replied(expected) == frame
        case "broken":
            server = ServerConnection(PEER)
            server.receive_data(frame)
            with pytest.raises(WireError) as caught:
                server.next_event()
            assert {"code": caught.value.code} == expected


def test_there_are_examples_of_each_kind():
    assert {kind for kind, _, _ in EXAMPLES} == {"request", "answer", "broken"}
    assert len(EXAMPLES) * 2 == PAGE.count("\n```\n")


def test_the_codes_are_all_there_with_their_statuses():
    listed = {(code.strip("`"), int(status)) for code, status, *_ in table("Codes", "code")}
    wire = {(kind.code, kind.status) for kind in (WireError, *WireError.__subclasses__())}
    assert listed == wire | {(code, kind.status) for code, kind in REFUSALS.items()}


def test_a_client_by_the_page_knows_unknown_codes_as_ours_does():
    """The first row with the status decides; those that close the connection are not among them."""
    rows = [(code.strip("`"), int(status)) for code, status, *_ in table("Codes", "code")][2:]
    for status in {status for _, status in rows}:
        first = next(code for code, each in rows if each == status)
        assert type(refusal("never-heard-of", status, ["no"])) is REFUSALS[first]


def test_the_fixed_limits_are_the_codes():
    values = [int(value.replace(",", "")) for _, value in table("Limits", "limit")]
    assert values == [
        codec.MAX_DEPTH,
        codec.MAX_ITEMS,
        codec.MAX_BIGNUM_BYTES,
        MAX_ANSWER_BYTES,
        locations.MAX_SOCKET_PATH_BYTES,
    ]


def test_the_settings_are_the_daemons():
    seconds = {"seconds": 1, "minutes": 60, "hours": 3600}
    for name, default, _ in table("Limits", "setting"):
        number, _, unit = default.replace(",", "").partition(" ")
        assert getattr(LimitSettings(), name.strip("`")) == int(number) * seconds.get(unit, 1)


def test_the_paths_are_the_routers():
    listed = {path.strip("`"): operations for path, operations, _ in table("Paths", "path")}
    folders = {f"{folder}<name>": route for folder, route in FOLDERS.items()}
    routes = {**ROUTES, **folders, "cubbyhole/<path>": cubbyhole.ROUTE}
    assert listed.pop("cubbyhole/response") == "read"
    assert {path: set(operations.split()) for path, operations in listed.items()} == {
        path: {operation.value for operation in route.handlers} for path, route in routes.items()
    }


def test_the_tokens_are_made_as_the_page_says():
    for prefix in Prefix:
        assert f"    {token_text(prefix, bytes(range(32))).reveal_text()}\n" in PAGE
