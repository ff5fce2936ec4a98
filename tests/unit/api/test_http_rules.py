"""The HTTP layer, rule by rule: key, path, method, id, body, answer."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

UNAUTHORIZED = (401, "API key is required", "unauthorized")
WRONG_KEY = (401, "Invalid API key", "unauthorized")
INVALID_JSON = (400, "Invalid JSON body", "invalid_json")
TOO_LARGE = (413, "request entity too large", "payload_too_large")
SEND = "/client/sendMessage/on"
HELLO = {"chatId": "15559990000", "contentType": "string", "content": "hello"}
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
MAX_BODY = 52_428_800


async def run_raw(
    app: ASGIApp, scope: dict[str, Any], body: list[bytes] | None = None
) -> tuple[list[Message], int]:
    """Call an application without an HTTP library; also counts how often the body was asked for."""
    reads = 0
    chunks = list(body or [b""])
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal reads
        reads += 1
        chunk = chunks.pop(0) if chunks else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: Message) -> None:
        sent.append(message)

    full = {
        "type": "http",
        "method": "GET",
        "path": "/ping",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        **scope,
    }
    await app(full, receive, send)
    return sent, reads


# --- 14.1: order of checks -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ping", "/session/start/x", "/no/such/path", "/ws", "/"])
async def test_the_key_comes_before_everything(call: Any, problem: Any, path: str) -> None:
    assert problem(await call("GET", path, key=None)) == UNAUTHORIZED
    assert problem(await call("GET", path, key="wrong")) == WRONG_KEY


async def test_a_caller_without_the_key_makes_the_server_read_nothing(
    make_app: Callable[..., ASGIApp],
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"20")]
    sent, reads = await run_raw(
        make_app(), {"method": "POST", "path": SEND, "headers": headers}, [b"{broken"]
    )
    assert sent[0]["status"] == 401
    assert reads == 0
    sent, reads = await run_raw(make_app(), {"path": "/livez", "headers": headers}, [b"{broken"])
    assert sent[0]["status"] == 200
    assert reads == 0


async def test_an_unwanted_large_body_ends_the_connection(make_app: Callable[..., ASGIApp]) -> None:
    for header in [(b"content-length", b"70000"), (b"transfer-encoding", b"chunked")]:
        scope = {"method": "POST", "path": SEND, "headers": [header]}
        sent, _ = await run_raw(make_app(), scope)
        assert (b"connection", b"close") in sent[0]["headers"]
        sent, _ = await run_raw(make_app(), {"path": "/livez", "headers": [header]})
        assert (b"connection", b"close") in sent[0]["headers"]


async def test_route_comes_before_session_id(call: Any, problem: Any) -> None:
    response = await call("POST", "/session/start/a%20b")
    assert problem(response)[2] == "not_found"


async def test_session_id_comes_before_body(call: Any, problem: Any) -> None:
    response = await call("POST", "/client/sendMessage/a%20b", content=b"{", headers=JSON)
    assert problem(response)[0] == 422


async def test_body_comes_before_the_guard(call: Any, problem: Any) -> None:
    response = await call("POST", "/client/sendMessage/unknown", content=b"{", headers=JSON)
    assert problem(response) == INVALID_JSON


async def test_the_guard_comes_before_the_fields(call: Any, problem: Any) -> None:
    response = await call("POST", "/client/sendMessage/unknown", json={})
    assert problem(response) == (404, "Session not found: unknown", "session_not_found")
    response = await call("POST", "/client/sendMessage/qr", json={})
    assert problem(response) == (400, "Session not connected: qr", "session_not_connected")


async def test_without_a_configured_key_callers_here_need_none(make_call: Any) -> None:
    call = make_call(API_KEY="")
    headers = {"host": "localhost"}
    assert (await call("GET", "/ping", key=None, headers=headers)).status_code == 200
    assert (await call("GET", "/ping", key="any", headers=headers)).status_code == 200


# --- 14.2: paths ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ping", "/PING", "/Ping/", "/ping?x=1", "/ping/?x=/a"])
async def test_fixed_segments_match_in_any_case_with_one_slash_more(call: Any, path: str) -> None:
    response = await call("GET", path)
    assert response.status_code == 200
    assert response.json()["message"] == "pong"


async def test_session_ids_keep_their_case(call: Any, sessions: Any) -> None:
    assert (await call("GET", "/SESSION/Start/AbC")).status_code == 200
    assert sessions.calls == [("start", "AbC")]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//ping",
        "/ping//",
        "/p%69ng",
        "/session/start",
        "/session/start/",
        "/session/start//",
        "/session//start/x",
        "/session/start/x/y",
        "/nothing/here",
        "/Session/START/",
        "/ws",
        "/WS/",
        "/ws/abc",
    ],
)
async def test_an_unknown_path_is_shown_as_it_was_sent(call: Any, problem: Any, path: str) -> None:
    response = await call("GET", f"{path}?key=value")
    assert problem(response) == (404, f"Route not found: GET {path}", "not_found")


@pytest.mark.parametrize("raw", ["%E0%A4%A", "%", "%zz", "a%ff", "%C3"])
async def test_broken_percent_encoding_is_a_bad_request(call: Any, problem: Any, raw: str) -> None:
    response = await call("GET", f"/session/status/{raw}")
    assert problem(response) == (400, f"Failed to decode param '{raw}'", "bad_request")


async def test_an_encoded_id_is_decoded_after_the_split(call: Any, sessions: Any) -> None:
    assert (await call("GET", "/session/start/a%62c")).status_code == 200
    assert sessions.calls == [("start", "abc")]


async def test_a_base_path_stands_before_every_path(make_call: Any, problem: Any) -> None:
    call = make_call(BASE_PATH="/wa")
    assert (await call("GET", "/wa/ping")).status_code == 200
    assert (await call("GET", "/wa/PING/")).status_code == 200
    assert problem(await call("GET", "/ping")) == (404, "Route not found: GET /ping", "not_found")
    assert problem(await call("GET", "/wax/ping"))[0] == 404
    assert problem(await call("GET", "/wa"))[1] == "Route not found: GET /wa"
    assert (await call("GET", "/wa/docs", key=None)).status_code == 200


async def test_an_absolute_target_means_its_path(make_app: Callable[..., ASGIApp]) -> None:
    scope = {"raw_path": b"http://host:3000/ping", "headers": [(b"x-api-key", b"test_api_key")]}
    sent, _ = await run_raw(make_app(), scope)
    assert sent[0]["status"] == 200


# --- 14.3: methods -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ping"),
        ("PUT", "/ping"),
        ("GET", SEND),
        ("POST", "/session/terminate/x"),
        ("DELETE", "/session/start/x"),
        ("PATCH", "/session/status/x"),
        ("TRACE", "/ping"),
        ("BREW", "/ping"),
    ],
)
async def test_another_method_is_not_found(
    call: Any, problem: Any, sessions: Any, method: str, path: str
) -> None:
    response = await call(method, path)
    assert problem(response) == (404, f"Route not found: {method} {path}", "not_found")
    assert sessions.calls == []


@pytest.mark.parametrize("path", ["/ping", "/session/status/on", "/session/getSessions"])
async def test_head_answers_like_get_without_a_body(call: Any, path: str) -> None:
    got, head = await call("GET", path), await call("HEAD", path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "logout", "terminate"])
async def test_head_never_changes_anything(call: Any, sessions: Any, verb: str) -> None:
    response = await call("HEAD", f"/session/{verb}/on")
    assert response.status_code == 404
    assert response.content == b""
    assert sessions.calls == []


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/ping", "GET,HEAD"),
        ("/session/start/x", "GET"),
        ("/session/terminate/x", "DELETE,GET"),
        ("/session/qr/x/image", "GET,HEAD"),
        (SEND, "POST"),
        ("/docs", "GET,HEAD"),
    ],
)
async def test_options_lists_the_methods(call: Any, path: str, allow: str) -> None:
    response = await call("OPTIONS", path)
    assert response.status_code == 200
    assert response.headers["allow"] == allow
    assert response.text == allow
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_options_needs_the_key_also_on_open_paths(call: Any, problem: Any) -> None:
    assert problem(await call("OPTIONS", "/ping", key=None)) == UNAUTHORIZED
    assert problem(await call("OPTIONS", "/docs", key=None)) == UNAUTHORIZED
    assert problem(await call("OPTIONS", "/nowhere"))[0] == 404


async def test_a_preflight_from_an_allowed_origin_needs_no_key(
    make_call: Any, problem: Any
) -> None:
    call = make_call(ALLOWED_ORIGINS="https://a.example")
    ask = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key,content-type",
    }
    response = await call("OPTIONS", SEND, key=None, headers={"origin": "https://a.example", **ask})
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "https://a.example"
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-allow-methods"] == "GET,HEAD,POST,PATCH,DELETE"
    assert response.headers["access-control-allow-headers"] == "x-api-key,content-type"
    foreign = await call("OPTIONS", SEND, key=None, headers={"origin": "https://b.example", **ask})
    assert problem(foreign) == UNAUTHORIZED
    assert "access-control-allow-origin" not in foreign.headers


async def test_answers_to_an_allowed_origin_say_so_errors_too(make_call: Any) -> None:
    call = make_call(ALLOWED_ORIGINS="https://a.example")
    for key, status in (("test_api_key", 200), (None, 401)):
        response = await call("GET", "/ping", key=key, headers={"origin": "https://a.example"})
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == "https://a.example"
        assert response.headers["vary"] == "Origin"


async def test_without_the_setting_there_are_no_cors_headers(call: Any, problem: Any) -> None:
    headers = {"origin": "https://a.example", "access-control-request-method": "GET"}
    response = await call("OPTIONS", "/ping", key=None, headers=headers)
    assert problem(response) == UNAUTHORIZED
    response = await call("GET", "/ping", headers=headers)
    assert not [name for name in response.headers if name.startswith("access-control")]


# --- 14.4, 14.5: bodies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a":',
        b"null",
        b"true",
        b"1",
        b'"text"',
        b"   ",
        b"{} x",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"1" * 401 + b"}",
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":"\x01"}',
    ],
)
async def test_what_is_no_json_object_or_array_is_invalid(
    call: Any, problem: Any, body: bytes
) -> None:
    response = await call("POST", SEND, content=body, headers=JSON)
    assert problem(response) == INVALID_JSON


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"[1,2]",
        b" {} ",
        b"\xef\xbb\xbf{}",
        b"\xef\xbb\xbf",
        b"[" * 64 + b"]" * 64,
        b'{"x":' + b"1" * 400 + b"}",
    ],
)
async def test_an_empty_body_and_an_array_have_no_fields(
    call: Any, problem: Any, body: bytes
) -> None:
    response = await call("POST", SEND, content=body, headers=JSON)
    text = "chatId, contentType, and content are required"
    assert problem(response) == (400, text, "validation_error")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/vnd.x+json", "application/jsonp", "", "multipart/mixed"],
)
async def test_a_body_of_another_type_is_not_read(
    make_app: Callable[..., ASGIApp], content_type: str
) -> None:
    body = json.dumps(HELLO).encode()
    headers = [
        (b"x-api-key", b"test_api_key"),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", content_type.encode()),
    ]
    sent, reads = await run_raw(
        make_app(), {"method": "POST", "path": SEND, "headers": headers}, [body]
    )
    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"])["message"] == "validation_error"
    assert reads == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_all_methods_are_alike_in_their_bodies(call: Any, method: str) -> None:
    path = "/session/terminate/x" if method == "DELETE" else "/ping"
    response = await call(method, path, content=b"{", headers=JSON)
    assert response.status_code == 400


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
async def test_json_is_read_whatever_the_spelling_of_its_type(
    call: Any, sessions: Any, content_type: str
) -> None:
    headers = {"content-type": content_type}
    response = await call("POST", SEND, content=json.dumps(HELLO), headers=headers)
    assert response.status_code == 200
    assert sessions.account.sent[0].text == "hello"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("utf-16", "utf-16"),
        ("utf-16le", "utf-16-le"),
        ("UTF-16BE", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("utf-32le", "utf-32-le"),
    ],
)
async def test_the_charset_is_honoured(call: Any, sessions: Any, charset: str, codec: str) -> None:
    body = json.dumps({**HELLO, "content": "grüße 🙂"}, ensure_ascii=False).encode(codec)
    headers = {"content-type": f"application/json; charset={charset}"}
    assert (await call("POST", SEND, content=body, headers=headers)).status_code == 200
    assert sessions.account.sent[0].text == "grüße 🙂"


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
async def test_an_unknown_charset_is_unsupported(call: Any, problem: Any, kind: str) -> None:
    headers = {"content-type": f"{kind}; charset=latin9x"}
    response = await call("POST", SEND, content=b"x", headers=headers)
    text = 'unsupported charset "LATIN9X"'
    assert problem(response) == (415, text, "unsupported_media_type")


async def test_an_unknown_encoding_is_unsupported(call: Any, problem: Any) -> None:
    headers = {**JSON, "content-encoding": "foo"}
    response = await call("POST", SEND, content=b"x", headers=headers)
    text = 'unsupported content encoding "foo"'
    assert problem(response) == (415, text, "unsupported_media_type")


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", lambda data: gzip.compress(data[:10]) + gzip.compress(data[10:])),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
        ("identity", bytes),
    ],
)
async def test_compressed_bodies_are_inflated(
    call: Any, sessions: Any, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = pack(json.dumps(HELLO).encode())
    headers = {**JSON, "content-encoding": encoding}
    assert (await call("POST", SEND, content=body, headers=headers)).status_code == 200
    assert sessions.account.sent[0].text == "hello"


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"{}", mtime=0)[:-5], b"\x1f\x8b"])
async def test_a_damaged_compression_is_invalid(call: Any, problem: Any, body: bytes) -> None:
    headers = {**JSON, "content-encoding": "gzip"}
    assert problem(await call("POST", SEND, content=body, headers=headers)) == INVALID_JSON


async def test_the_limit_is_on_the_inflated_bytes(call: Any, problem: Any) -> None:
    bomb = gzip.compress(b" " * (MAX_BODY + 1))
    assert len(bomb) < 100_000
    headers = {**JSON, "content-encoding": "gzip"}
    assert problem(await call("POST", SEND, content=bomb, headers=headers)) == TOO_LARGE


async def test_a_too_large_body_is_refused_by_its_announced_length(
    make_app: Callable[..., ASGIApp],
) -> None:
    headers = [
        (b"x-api-key", b"test_api_key"),
        (b"content-length", str(MAX_BODY + 1).encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {"method": "POST", "path": SEND, "headers": headers}
    sent, reads = await run_raw(make_app(), scope, [b"x", b"y", b"z"])
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    # The whole answer went out before the rest of the body was dropped.
    assert json.loads(sent[1]["body"])["message"] == "payload_too_large"
    assert reads == 3
    scope["headers"] = [*headers, (b"expect", b"100-continue")]
    sent, reads = await run_raw(make_app(), scope, [b"x"])
    assert sent[0]["status"] == 413
    assert reads == 0


async def test_a_body_of_unknown_length_is_counted(make_app: Callable[..., ASGIApp]) -> None:
    headers = [
        (b"x-api-key", b"test_api_key"),
        (b"transfer-encoding", b"chunked"),
        (b"content-type", b"application/json"),
    ]
    chunks = [b" " * 2**20] * 51
    sent, reads = await run_raw(
        make_app(), {"method": "POST", "path": SEND, "headers": headers}, chunks
    )
    assert sent[0]["status"] == 413
    assert reads == 51


async def test_of_a_repeated_key_the_last_wins(call: Any, sessions: Any) -> None:
    body = b'{"chatId":"1","chatId":"15559990000","contentType":"string","content":"x"}'
    assert (await call("POST", SEND, content=body, headers=JSON)).status_code == 200
    assert sessions.account.sent[0].chat.user == "15559990000"


async def test_lone_surrogates_become_replacement_characters(call: Any, sessions: Any) -> None:
    body = rb'{"chatId":"15559990000","contentType":"string","content":"a\ud800b\ud83d\ude42"}'
    response = await call("POST", SEND, content=body, headers=JSON)
    assert response.status_code == 200
    assert sessions.account.sent[0].text == "a\ufffdb🙂"


async def test_forms_are_read_with_nested_keys(call: Any, sessions: Any) -> None:
    form = (
        "chatId=15559990000&contentType=string&content=a+b%20c"
        "&options[quotedMessageId]=3EB0&options[mentions][]=15551112222&options[mentions][]=1555"
        "&options[linkPreview]=false"
    )
    response = await call("POST", SEND, content=form, headers=FORM)
    assert response.status_code == 200
    (sent,) = sessions.account.sent
    assert sent.text == "a b c"
    assert sent.quoted_id == "3EB0"
    assert [jid.user for jid in sent.mentions] == ["15551112222", "1555"]


@pytest.mark.parametrize("form", ["&".join(["a=1"] * 1001), "a" + "[x]" * 33 + "=1"])
async def test_a_form_has_its_bounds(call: Any, problem: Any, form: str) -> None:
    text = "Form has too many or too deeply nested fields"
    response = await call("POST", SEND, content=form, headers=FORM)
    assert problem(response) == (400, text, "bad_request")


# --- 14.9: session ids ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", ["%2e%2e", "a%20b", "a%2Fb", "a.b", "ABCD1@", "x" * 248, "%C3%A4", "a%0A", "%00"]
)
@pytest.mark.parametrize("path", ["/session/status/", "/session/start/", "/session/qr/"])
async def test_an_unusable_session_id_is_refused(
    call: Any, problem: Any, sessions: Any, path: str, raw: str
) -> None:
    text = "Session should be alphanumerical or -"
    assert problem(await call("GET", path + raw)) == (422, text, "validation_error")
    assert sessions.calls == []


@pytest.mark.parametrize("session_id", ["a", "A-1_b", "x" * 247, "-", "0"])
async def test_usable_session_ids_pass(call: Any, session_id: str) -> None:
    assert (await call("GET", f"/session/status/{session_id}")).status_code == 200


# --- 14.10: keys ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/docs", "/docs/", "/api-docs", "/openapi.json", "/livez", "/readyz", "/DOCS"]
)
async def test_open_doors_need_no_key(call: Any, path: str) -> None:
    assert (await call("GET", path, key=None)).status_code == 200
    assert (await call("HEAD", path, key="wrong")).status_code == 200


async def test_a_repeated_key_header_is_a_wrong_key(make_app: Callable[..., ASGIApp]) -> None:
    headers = [(b"x-api-key", b"test_api_key"), (b"x-api-key", b"test_api_key")]
    sent, _ = await run_raw(make_app(), {"headers": headers})
    assert sent[0]["status"] == 401
    assert json.loads(sent[1]["body"])["error"] == "Invalid API key"


async def test_a_key_in_the_query_is_not_taken(call: Any, problem: Any) -> None:
    assert problem(await call("GET", "/ping?apiKey=test_api_key", key=None)) == UNAUTHORIZED


async def test_an_unforeseen_error_tells_nothing(
    call: Any, problem: Any, sessions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sessions.error = RuntimeError("secret path /var/lib")
    response = await call("GET", "/session/start/x")
    assert problem(response) == (500, "Internal server error", "internal_error")
    assert "secret path" in caplog.text


# --- rate limit and proxy ------------------------------------------------------------------------


async def test_the_rate_limit_counts_requests_of_a_key(make_call: Any, problem: Any) -> None:
    call = make_call(RATE_LIMIT_MAX="2", RATE_LIMIT_WINDOW_MS="60000")
    assert (await call("GET", "/ping")).status_code == 200
    assert problem(await call("GET", "/nowhere"))[0] == 404
    response = await call("GET", "/ping")
    assert problem(response) == (429, "Too many requests", "rate_limited")
    assert 1 <= int(response.headers["retry-after"]) <= 60
    # The key is judged first, and probes are not counted.
    assert problem(await call("GET", "/ping", key="wrong")) == WRONG_KEY
    assert (await call("GET", "/livez", key=None)).status_code == 200


async def test_without_a_key_addresses_are_counted(make_call: Any) -> None:
    call = make_call(API_KEY="", RATE_LIMIT_MAX="1", RATE_LIMIT_WINDOW_MS="60000", TRUST_PROXY="on")
    for address in ("1.1.1.1", "2.2.2.2, 9.9.9.9"):
        headers = {"host": "localhost", "x-forwarded-for": address}
        assert (await call("GET", "/ping", headers=headers)).status_code == 200
        assert (await call("GET", "/ping", headers=headers)).status_code == 429


async def test_forwarded_addresses_are_not_believed_unasked(make_call: Any) -> None:
    call = make_call(API_KEY="", RATE_LIMIT_MAX="1", RATE_LIMIT_WINDOW_MS="60000")
    for address, status in (("1.1.1.1", 200), ("2.2.2.2", 429)):
        headers = {"host": "localhost", "x-forwarded-for": address}
        assert (await call("GET", "/ping", headers=headers)).status_code == status


async def test_of_forwarded_addresses_the_proxys_own_word_counts(make_call: Any) -> None:
    limits = {"RATE_LIMIT_MAX": "1", "RATE_LIMIT_WINDOW_MS": "60000"}
    call = make_call(TRUST_PROXY="true", **limits)
    # The caller makes up an address at each guess; the proxy adds the true one.
    for made_up, status in (("1.1.1.1", 401), ("2.2.2.2", 429)):
        headers = {"x-forwarded-for": f"{made_up}, 9.9.9.9"}
        assert (await call("GET", "/ping", key="guess", headers=headers)).status_code == status
