"""One HTTP request as our one request.

The rules: a path is decoded once, and never cleaned behind the client's back; the method says what
is wanted; a body is looked at where something is written; and what cannot be told for sure is
refused in OpenBao's words.
"""

import pytest
from fakes import GUEST

from cubbyd.errors import MalformedHttpError, RefusedError
from cubbyd.messages import Operation
from cubbyd.secret import Secret
from cubbyd.server.http.request import HttpRequest, RedirectError, Shape, to_request


def asked(method="GET", target="/v1/cubbyhole/x", *, headers=None, body=b""):
    http = HttpRequest(method=method, target=target, headers=headers or {}, body=body)
    return to_request(http, GUEST)


def refusal(*request, **more):
    with pytest.raises(RefusedError) as caught:
        asked(*request, **more)
    return caught.value


def words(*request, **more):
    refused = refusal(*request, **more)
    return refused.status, refused.messages


# -- paths


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/v1/", ""),
        ("/v1/cubbyhole/x", "cubbyhole/x"),
        ("/v1/cubbyhole/", "cubbyhole/"),
        ("/v1/cubbyhole/x?", "cubbyhole/x"),
        ("/v1/cubbyhole/a%20b+c", "cubbyhole/a b+c"),
        ("/v1/cubbyhole/%C3%a9", "cubbyhole/é"),
        ("/v1/cubbyhole/a%2Fb", "cubbyhole/a/b"),
        ("/v1/cubbyhole/a%2F%2Fb", "cubbyhole/a//b"),
        ("/v1/cubbyhole/%3F%23", "cubbyhole/?#"),
        ("/v1/cubbyhole/%2525", "cubbyhole/%25"),
        ("/v1/cubbyhole/%2e%2E/x", "cubbyhole/../x"),
        ("/v1/cubbyhole/%00", "cubbyhole/\0"),
        ("/v1/cubbyhole/...", "cubbyhole/..."),
        ("/v1/cubbyhole/.x/y.", "cubbyhole/.x/y."),
        ("/v1/cubbyhole/x;y=1", "cubbyhole/x;y=1"),
        ("/v1/%63ubbyhole/x", "cubbyhole/x"),
    ],
)
def test_a_path_is_decoded_once(target, path):
    """What it means is the router's to say; there a ``..`` is refused, say."""
    assert asked(target=target).path == path


@pytest.mark.parametrize("escape", ["%", "%2", "%zz", "%%", "%u0041", "% 20", "%2G", "%+1"])
@pytest.mark.parametrize("target", ["/v1/x{}", "/{}/v1/x", "/v1/x?a={}", "/v1/x?{}=a"])
def test_a_wrong_escape_ends_the_connection(target, escape):
    """Readers differ on what it stands for: itself, nothing, an error."""
    with pytest.raises(MalformedHttpError):
        asked(target=target.format(escape))


def test_a_path_is_utf_8():
    for target in ("/v1/%ff", "/v1/%c3", "/v1/%c0%af", "/v1/%ed%a0%80"):
        assert words(target=target) == (400, ("the path is not UTF-8",))


@pytest.mark.parametrize("target", ["/", "/v2/x", "/V1/x", "/v1x", "/%761/x", "/ui/", "/*"])
def test_only_the_api_is_here(target):
    assert refusal(target=target).status == 404


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("//v1/x", "/v1/x"),
        ("///evil.example/v1", "/evil.example/v1"),
        ("//evil.example//", "/evil.example/"),
        ("/v1//x", "/v1/x"),
        ("/v1/./x", "/v1/x"),
        ("/v1/a/../x/", "/v1/x/"),
        ("/v1/x/..", "/v1/"),
        ("/../../v1/x", "/v1/x"),
        ("/..", "/"),
        ("/v1//x?a=b//../c", "/v1/x?a=b//../c"),
        ("/v1//a%2f%2e%2e%0d%0aX", "/v1/a%2f%2e%2e%0d%0aX"),
    ],
)
def test_a_path_that_is_not_plain_is_redirected(target, location):
    """To the same host: two slashes at the start would name another. Escapes stay as they are."""
    refused = refusal(target=target)

    assert isinstance(refused, RedirectError)
    assert (refused.status, refused.location) == (307, location)


# -- methods and queries


@pytest.mark.parametrize(
    ("method", "operation"),
    [
        ("GET", Operation.READ),
        ("LIST", Operation.LIST),
        ("POST", Operation.WRITE),
        ("PUT", Operation.WRITE),
        ("DELETE", Operation.DELETE),
        ("SCAN", Operation.SCAN),
    ],
)
def test_a_method_is_an_operation(method, operation):
    assert asked(method).operation is operation


@pytest.mark.parametrize("method", ["get", "TRACE", "CONNECT", "PROPFIND", "X", "GETT"])
def test_other_methods_are_none(method):
    assert words(method) == (405, ())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "LIST", "SCAN"])
def test_how_the_daemon_is_can_only_be_read(method):
    """Known before any body is looked at."""
    assert words(method, "/v1/sys/health", body=b"[") == (405, ())


def test_options_has_a_refusal_of_its_own():
    assert words("OPTIONS") == (400, ("cannot handle internal-only request operation",))


def test_head_asks_how_the_daemon_is_and_nothing_else():
    """A read may spend a token, which nobody expects of HEAD."""
    assert asked("HEAD", "/v1/sys/health").operation is Operation.READ
    assert refusal("HEAD").status == 405


@pytest.mark.parametrize("value", ["1", "t", "T", "true", "TRUE", "True"])
def test_a_read_may_ask_for_a_list(value):
    request = asked(target=f"/v1/cubbyhole/?list={value}&list=x")

    assert (request.operation, request.data) == (Operation.LIST, None)


@pytest.mark.parametrize("value", ["0", "false", ""])
def test_a_read_may_ask_for_no_list(value):
    assert asked(target=f"/v1/cubbyhole/?list={value}").operation is Operation.READ


@pytest.mark.parametrize("value", ["yes", "maybe", "tRUE", "2", "true "])
def test_a_read_that_asks_for_something_between_is_refused(value):
    assert words(target=f"/v1/cubbyhole/?list={value}") == (400, ())


def test_a_query_is_data_where_there_is_no_body():
    data = asked(target="/v1/x?token=a%20b&b=1&b=2&c").data

    assert data == {"token": "a b", "b": ["1", "2"], "c": ""}


def test_a_query_is_no_data_where_there_is_a_body():
    assert asked("POST", "/v1/x?a=b", body=b'{"c": 1}').data == {"c": 1}


def test_a_query_is_utf_8_and_bounded():
    assert refusal(target="/v1/x?a=%ff").status == 400
    assert refusal(target="/v1/x?" + "a&" * 1000).status == 400


# -- bodies


@pytest.mark.parametrize("method", ["GET", "LIST", "DELETE"])
def test_a_body_where_nothing_is_written_is_not_looked_at(method):
    assert asked(method, body=b"\xff").data is None


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_that_is_no_object_is_refused(method):
    assert refusal(method, body=b"[]").status == 400


def test_a_patch_needs_its_content_type():
    patch = {"content-type": "application/merge-patch+json; charset=utf-8"}

    assert asked("PATCH", headers=patch, body=b"{}").operation is Operation.PATCH
    assert refusal("PATCH", body=b"{}").status == 400
    assert refusal("PATCH", headers={"content-type": "application/json"}).status == 415


# -- headers


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, None),
        ({"x-vault-token": ""}, None),
        ({"x-vault-token": "t"}, Secret(b"t")),
        ({"x-vault-token": "\udcff"}, Secret(b"\xff")),
        ({"authorization": "Bearer t"}, Secret(b"t")),
        ({"authorization": "Bearer  t "}, Secret(b"t")),
        ({"authorization": "Bearer "}, None),
        ({"authorization": "bearer t"}, None),
        ({"authorization": "Basic dDp0"}, None),
        ({"x-vault-token": "t", "authorization": "Bearer u"}, Secret(b"t")),
        ({"x-vault-token": "", "authorization": "Bearer u"}, Secret(b"u")),
    ],
)
def test_a_token_is_in_one_of_two_headers(headers, token):
    assert asked(headers=headers).token == token


@pytest.mark.parametrize("namespace", ["", "root", "/"])
def test_there_is_one_namespace(namespace):
    asked(headers={"x-vault-namespace": namespace})


@pytest.mark.parametrize("namespace", ["other", "root/other", "../", " "])
def test_there_is_no_other_namespace(namespace):
    assert refusal(headers={"x-vault-namespace": namespace}).status == 404


@pytest.mark.parametrize(("ttl", "wrap_ttl"), [("", None), ("60", "60"), ("5m", "5m"), ("x", "x")])
def test_a_wrap_ttl_is_handed_on_as_it_is(ttl, wrap_ttl):
    assert asked(headers={"x-vault-wrap-ttl": ttl}).wrap_ttl == wrap_ttl


def test_the_peer_is_handed_on():
    assert asked().peer == GUEST


# -- secrets


def test_a_request_shows_its_method_alone():
    http = HttpRequest(
        method="POST",
        target="/v1/x?token=hunter2",
        headers={"x-vault-token": "hunter2"},
        body=b"hunter2",
    )

    assert "hunter2" not in repr(http)
    assert "POST" in repr(http)


@pytest.mark.parametrize(
    "request_",
    [
        {"target": "/v1/hunter2%ff"},
        {"target": "/v1/x?hunter2=%ff"},
        {"target": "/v1/x?list=hunter2"},
        {"target": "/v2/hunter2"},
        {"method": "hunter2"},
        {"headers": {"x-vault-namespace": "hunter2"}},
        {"method": "POST", "body": b"hunter2"},
    ],
)
def test_a_refusal_quotes_nothing(request_):
    refused = refusal(**request_)

    assert "hunter2" not in repr([refused, refused.messages, refused.__context__])


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("sys/health", Shape.BARE),
        ("sys/key-status?x=1", Shape.SPREAD),
        ("sys/policy/default", Shape.SPREAD),
        ("sys/policies/acl/default", Shape.ENVELOPE),
    ],
)
def test_the_path_says_how_the_answer_is_written(path, shape):
    http = HttpRequest(method="GET", target=f"/v1/{path}", headers={}, body=b"")

    assert http.shape is shape
