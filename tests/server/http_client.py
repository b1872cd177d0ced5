"""The far end of an HTTP connection: sends requests as OpenBao's clients do, reads with h11."""

import json
from urllib.parse import quote

import h11

METHODS = {
    "read": "GET",
    "list": "LIST",
    "update": "POST",
    "delete": "DELETE",
    "patch": "PATCH",
    "scan": "SCAN",
}


class HttpClient:
    """One connection that is kept alive."""

    def __init__(self, stream) -> None:
        self._stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def request(self, method, target, *, headers=(), body=b""):
        """The answer's status, its headers by name in lower case, and its body."""
        lines = [("Host", "localhost"), ("Content-Length", str(len(body))), *headers]
        self._h11.start_next_cycle() if self._h11.our_state is h11.DONE else None
        events = [h11.Request(method=method, target=target, headers=lines)]
        events += [h11.Data(data=body)] if body else []
        sent = [self._h11.send(event) for event in (*events, h11.EndOfMessage())]
        await self._stream.send_all(b"".join(sent))
        response = await self._event()
        found = b""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            found += event.data
        fields = {name.decode(): value.decode() for name, value in response.headers}
        return response.status_code, fields, found

    async def _event(self):
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(await self._stream.receive_some())
        return event


class HttpDoor:
    """Asks a recorded request, and tells status and body as JSON has it."""

    def __init__(self, stream) -> None:
        self._client = HttpClient(stream)

    async def __call__(self, request):
        how = request.get("http") or {}
        headers = dict(how.get("headers", {}))
        if request["token"] is not None:
            headers["X-Vault-Token"] = request["token"]
        if request["wrap_ttl"] is not None:
            headers["X-Vault-Wrap-TTL"] = request["wrap_ttl"]
        if request["operation"] == "patch":
            headers.setdefault("Content-Type", "application/merge-patch+json")
        status, found, body = await self._client.request(
            how.get("method") or METHODS[request["operation"]],
            "/v1/" + (how.get("raw_path") or escaped(request["path"])),
            headers=list(headers.items()),
            body=_body(request["data"], how),
        )
        assert found["cache-control"] == "no-store"
        assert found.get("content-type") == ("application/json" if body else None)
        return status, json.loads(body) if body else None


def escaped(path):
    """A path in a target, where dots and double slashes must not look like what they are."""
    segments = [quote(each, safe="") for each in path.split("/")]
    dots = {".": "%2E", "..": "%2E%2E"}
    return "/".join(dots.get(each, each) for each in segments).replace("//", "/%2F")


def _body(data, how):
    if "raw_body" in how:
        return how["raw_body"].encode()
    return b"" if data is None else json.dumps(data).encode()
