"""Several keys: who may call what, and how they come and go."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from waport.api import head
from waport.api.app import all_operations
from waport.api.errors import HttpError, InvalidRequest
from waport.api.keys import KeyRing
from waport.api.routers import ALL
from waport.api.scopes import READS_TOO, SCOPES, scope_of
from waport.crypto import sha256
from waport.errors import StoreError
from waport.events import EventFeed, EventHub, Frame
from waport.model import ApiKey, Scope, SessionState
from waport.store import LoggedEvent

KEY = "test_api_key"
OPERATIONS = [operation for routes in ALL for operation in routes.operations]
GUARDED = [operation for operation in OPERATIONS if not operation.is_open]


class Kept:
    """A key store in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[bytes, ApiKey] = {}
        self.error: Exception | None = None

    async def api_keys(self) -> Mapping[bytes, ApiKey]:
        return dict(self.rows)

    async def add_api_key(self, key: ApiKey, digest: bytes) -> None:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.rows[digest] = key

    async def delete_api_key(self, key_id: str) -> bool:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        gone = [digest for digest, key in self.rows.items() if key.id == key_id]
        for digest in gone:
            del self.rows[digest]
        return bool(gone)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def ring(kept: Kept) -> KeyRing:
    return KeyRing(KEY, kept, clock_ms=lambda: 1_700_000_000_000)


async def secret_for(ring: KeyRing, *scopes: Scope, sessions: set[str] | None = None) -> str:
    _, secret = await ring.make(
        "test", frozenset(scopes), None if sessions is None else frozenset(sessions)
    )
    return secret


def path_of(operation: Any, session_id: str = "nobody") -> str:
    path: str = operation.path.replace("{sessionId}", session_id)
    return path.replace("{keyId}", "none")


# --- scopes --------------------------------------------------------------------------------------


def test_every_route_has_its_scope_in_the_table(make_settings: Any) -> None:
    example = {"ENABLE_LOCAL_CALLBACK_EXAMPLE": "true"}
    every = all_operations(make_settings(**example))
    every += all_operations(make_settings(**example, LEGACY_STRICT="true"))
    guarded = [operation for operation in every if not operation.is_open]
    assert len(guarded) > len(GUARDED), "the older server's paths are among them"
    missing = [f"{o.method} {o.path}: {o.name}" for o in guarded if o.name not in SCOPES]
    assert missing == [], "name them in waport/api/scopes.py"


def test_what_starts_links_and_ends_sessions_is_for_managers() -> None:
    named = {o.path.split("/")[2]: scope_of(o) for o in GUARDED if o.path.startswith("/session/")}
    readable = {"getSessions", "status", "getPageScreenshot"}
    assert {name for name, scope in named.items() if scope is not Scope.MANAGE} <= readable
    assert {scope_of(o) for o in GUARDED if "apiKeys" in o.path} == {Scope.MANAGE}


@pytest.mark.parametrize("scope", list(Scope))
async def test_each_route_is_open_to_its_scope_alone(
    ring: KeyRing, make_call: Any, scope: Scope
) -> None:
    call = make_call(ring)
    secret = await secret_for(ring, scope)
    for operation in GUARDED:
        response = await call(operation.method, path_of(operation), key=secret, json={})
        is_refused = response.status_code == 403
        is_another = scope_of(operation) is not scope or operation.name in READS_TOO
        assert is_refused is is_another, operation.path
        if is_refused:
            assert response.json() == {
                "success": False,
                "error": "This API key may not do that",
                "message": "forbidden",
            }


async def test_a_method_by_name_needs_the_scope_of_its_route(ring: KeyRing, make_call: Any) -> None:
    call = make_call(ring)
    managing = await secret_for(ring, Scope.MANAGE)
    sending = await secret_for(ring, Scope.MANAGE, Scope.SEND)
    for method, mine, other in (("archiveChat", sending, managing), ("getChats", KEY, sending)):
        body = {"method": method, "options": "15559990000@c.us"}
        response = await call("POST", "/client/runMethod/on", key=other, json=body)
        assert response.status_code == 403, method
        response = await call("POST", "/client/runMethod/on", key=mine, json=body)
        assert response.status_code not in (401, 403), method


async def test_webhooks_are_for_managers_who_read(ring: KeyRing, make_call: Any) -> None:
    call = make_call(ring)
    managing = await secret_for(ring, Scope.MANAGE)
    for method, path in (
        ("POST", "/webhooks"),
        ("PATCH", "/webhooks/x"),
        ("GET", "/webhooks/x/deadLetters"),
    ):
        assert (await call(method, path, key=managing, json={})).status_code == 403
        both = await secret_for(ring, Scope.MANAGE, Scope.READ)
        assert (await call(method, path, key=both, json={})).status_code != 403


async def test_what_links_an_account_is_told_to_managers_alone(
    ring: KeyRing, serve: Any, hub: EventHub
) -> None:
    reading = await secret_for(ring, Scope.READ)
    managing = await secret_for(ring, Scope.READ, Scope.MANAGE)
    frames = [Frame(kind, "s", {}, "{}") for kind in ("qr", "code", "passkey", "ready")]
    async with serve(hub, ring) as port:
        for secret, kinds in (
            (reading, ["ready"]),
            (managing, ["qr", "code", "passkey", "ready"]),
        ):
            async with connect(port, "/ws", secret) as socket:
                await socket.recv()
                hub.publish("mine", frames)
                told = [json.loads(await socket.recv())["dataType"] for _ in kinds]
                assert told == kinds


async def test_a_key_of_named_sessions_opens_no_other(
    ring: KeyRing, make_call: Any, sessions: Any
) -> None:
    call = make_call(ring)
    secret = await secret_for(ring, *Scope, sessions={"nobody"})
    for operation in GUARDED:
        other = await call(operation.method, path_of(operation, "on"), key=secret, json={})
        own = await call(operation.method, path_of(operation), key=secret, json={})
        if "{sessionId}" in operation.path:
            assert other.status_code == 403, operation.path
            assert own.status_code != 403, operation.path
        elif "apiKeys" in operation.path:
            assert own.status_code == 403, operation.path
    assert all("on" not in made for made in sessions.calls)


async def test_lists_show_only_the_named_sessions(
    ring: KeyRing, make_call: Any, sessions: Any
) -> None:
    sessions.states = {"on": SessionState.CONNECTED, "qr": SessionState.QR}
    call = make_call(ring)
    secret = await secret_for(ring, Scope.READ, sessions={"qr"})
    answer = (await call("GET", "/session/getSessions", key=secret)).json()
    assert answer["sessions"] == [{"sessionId": "qr", "status": "qr"}]
    everything = (await call("GET", "/session/getSessions")).json()
    assert len(everything["sessions"]) == 2


async def test_the_scope_is_judged_before_the_body_and_the_session(
    ring: KeyRing, make_call: Any
) -> None:
    call = make_call(ring)
    secret = await secret_for(ring, Scope.READ)
    response = await call(
        "POST",
        "/client/sendMessage/on",
        key=secret,
        content=b"{broken",
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 403
    assert (await call("POST", "/client/sendMessage/a b", key=secret)).status_code == 422
    assert (await call("POST", "/nothing", key=secret)).status_code == 404


async def test_keys_are_compared_in_a_time_that_tells_nothing(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's whole, by a comparison made for it; the others by their hashes alone."""
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def watched(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return compare(given, expected)

    monkeypatch.setattr(head.hmac, "compare_digest", watched)
    secret = await secret_for(ring, Scope.READ)
    for given in (KEY, KEY[:-1], "", secret, secret[:-1]):
        holder = ring.holder([given.encode()])
        assert (holder is not None) is (given in (KEY, secret))
    assert [given for given, _ in compared] == [
        each.encode() for each in (KEY, KEY[:-1], "", secret, secret[:-1])
    ]
    assert {expected for _, expected in compared} == {KEY.encode()}
    assert secret.encode() not in ring._keys


# --- making and revoking -------------------------------------------------------------------------


async def test_a_key_is_shown_once_and_kept_as_a_hash(
    kept: Kept, ring: KeyRing, make_call: Any
) -> None:
    call = make_call(ring)
    body = {"name": "reports", "scopes": ["send", "read"], "sessions": ["on"]}
    made = (await call("POST", "/apiKeys", json=body)).json()
    secret = made["apiKey"].pop("key")
    assert made["apiKey"] == {
        "id": made["apiKey"]["id"],
        "name": "reports",
        "scopes": ["read", "send"],
        "sessions": ["on"],
        "createdAt": 1_700_000_000_000,
    }
    assert list(kept.rows) == [sha256(secret.encode())]
    assert len(secret) >= 40
    listed = await call("GET", "/apiKeys")
    assert listed.json() == {"success": True, "apiKeys": [made["apiKey"]]}
    assert secret not in listed.text
    assert secret not in repr(kept.rows)
    again = KeyRing(KEY, kept)
    await again.load()
    assert again.holder([secret.encode()]) == ring.holder([secret.encode()])
    assert (await call("GET", "/ping", key=secret)).status_code == 200


async def test_a_revoked_key_is_an_invalid_one(ring: KeyRing, make_call: Any, problem: Any) -> None:
    call = make_call(ring)
    body = {"name": "reports", "scopes": ["read"]}
    made = (await call("POST", "/apiKeys", json=body)).json()["apiKey"]
    response = await call("DELETE", f"/apiKeys/{made['id']}")
    assert response.json() == {"success": True, "message": "API key revoked"}
    assert problem(await call("GET", "/ping", key=made["key"])) == (
        401,
        "Invalid API key",
        "unauthorized",
    )
    gone = await call("DELETE", f"/apiKeys/{made['id']}")
    assert problem(gone) == (404, "API key not found", "api_key_not_found")


async def test_a_key_that_is_revoked_while_a_body_comes_does_nothing_any_more(
    ring: KeyRing, make_call: Any, problem: Any
) -> None:
    call = make_call(ring)
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        secret = await secret_for(ring, *Scope)

        async def slowly() -> AsyncIterator[bytes]:
            await ring.revoke(ring.keys[0].id)
            yield b"{}" if kind == "application/json" else b"--x--\r\n"  # noqa: B023

        response = await call(
            "POST",
            "/client/sendMessage/on",
            key=secret,
            headers={"content-type": kind},
            content=slowly(),
        )
        assert problem(response) == (401, "Invalid API key", "unauthorized")


async def test_a_key_makes_none_after_it_was_revoked(kept: Kept) -> None:
    ring = KeyRing(KEY, kept)
    key, _ = await ring.make("x", frozenset(Scope), None)
    results = await asyncio.gather(
        ring.revoke(key.id), ring.make("y", frozenset(Scope), None, key), return_exceptions=True
    )
    assert isinstance(results[1], HttpError)
    assert results[1].problem.status == 401
    assert ring.keys == []


async def test_of_two_first_keys_that_are_made_at_once_one_is(kept: Kept, make_call: Any) -> None:
    ring = KeyRing("", kept)
    call = make_call(ring, API_KEY="", ALLOW_UNAUTHENTICATED="true")
    body = {"name": "x", "scopes": ["manage"]}
    answers = await asyncio.gather(
        *(call("POST", "/apiKeys", key=None, json=body) for _ in range(2))
    )
    # Behind the first one a key is needed.
    assert [answer.status_code for answer in answers] == [200, 401]
    assert len(ring.keys) == 1


async def test_what_the_database_refuses_changes_nothing(
    kept: Kept, ring: KeyRing, make_call: Any
) -> None:
    call = make_call(ring)
    secret = await secret_for(ring, Scope.READ)
    kept.error = StoreError("disk full")
    key = ring.keys[0]
    assert (await call("DELETE", f"/apiKeys/{key.id}")).status_code == 500
    assert (await call("GET", "/ping", key=secret)).status_code == 200
    body = {"name": "x", "scopes": ["read"]}
    assert (await call("POST", "/apiKeys", json=body)).status_code == 500
    assert len(ring.keys) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "name and scopes array are required"),
        ({"name": "x", "scopes": "read"}, "name and scopes array are required"),
        ({"name": "x", "scopes": []}, "scopes must be an array of read, send, manage"),
        ({"name": "x", "scopes": ["all"]}, "scopes must be an array of read, send, manage"),
        ({"name": "x\n", "scopes": ["read"], "sessions": []}, "sessions must be an array of"),
        ({"name": "x", "scopes": ["read"], "sessions": ["../x"]}, "sessions must be an array of"),
        ({"name": "a\nb", "scopes": ["read"]}, "name must be printable text"),
        ({"name": "x" * 101, "scopes": ["read"]}, "name must be printable text"),
    ],
)
async def test_a_key_needs_a_name_and_known_scopes(
    ring: KeyRing, make_call: Any, problem: Any, body: Any, error: str
) -> None:
    status, text, code = problem(await make_call(ring)("POST", "/apiKeys", json=body))
    assert (status, code) == (400, "validation_error")
    assert text.startswith(error)
    assert ring.keys == []


async def test_a_key_makes_none_that_may_do_more(ring: KeyRing, make_call: Any) -> None:
    call = make_call(ring)
    secret = await secret_for(ring, Scope.MANAGE)
    more = {"name": "x", "scopes": ["manage", "send"]}
    assert (await call("POST", "/apiKeys", key=secret, json=more)).status_code == 403
    less = {"name": "x", "scopes": ["manage"], "sessions": ["on"]}
    assert (await call("POST", "/apiKeys", key=secret, json=less)).status_code == 200


async def test_without_an_operator_key_somebody_can_always_manage(
    kept: Kept, make_call: Any
) -> None:
    ring = KeyRing("", kept)
    call = make_call(ring, API_KEY="", ALLOW_UNAUTHENTICATED="true")
    assert (await call("GET", "/ping", key=None)).status_code == 200
    first = {"name": "x", "scopes": ["read"]}
    assert (await call("POST", "/apiKeys", key=None, json=first)).status_code == 400
    first = {"name": "x", "scopes": ["read", "manage"]}
    made = (await call("POST", "/apiKeys", key=None, json=first)).json()["apiKey"]
    # From now on a key is needed.
    assert (await call("GET", "/ping", key=None)).status_code == 401
    assert (await call("GET", "/ping", key=made["key"])).status_code == 200
    second = {"name": "y", "scopes": ["read"]}
    await call("POST", "/apiKeys", key=made["key"], json=second)
    refused = await call("DELETE", f"/apiKeys/{made['id']}", key=made["key"])
    assert refused.status_code == 400
    assert (await call("GET", "/ping", key=made["key"])).status_code == 200


async def test_of_two_managers_that_go_at_once_one_stays(kept: Kept) -> None:
    ring = KeyRing("", kept)
    for scopes in ({Scope.MANAGE}, {Scope.MANAGE}, {Scope.READ}):
        await ring.make("x", frozenset(scopes), None)
    first, second, reader = ring.keys
    results = await asyncio.gather(
        ring.revoke(first.id), ring.revoke(second.id), return_exceptions=True
    )
    assert [type(each) for each in results] == [type(None), InvalidRequest]
    assert ring.keys == [second, reader]


async def test_a_key_lets_in_from_elsewhere_where_only_this_machine_may_call(
    kept: Kept, make_call: Any
) -> None:
    ring = KeyRing("", kept)
    call = make_call(ring, API_KEY="")
    elsewhere = {"host": "bot.example"}
    assert (await call("GET", "/ping", key=None, headers=elsewhere)).status_code == 403
    secret = await secret_for(ring, *Scope)
    assert (await call("GET", "/ping", key=secret, headers=elsewhere)).status_code == 200
    assert (await call("GET", "/ping", key=None, headers=elsewhere)).status_code == 401


async def test_a_repeated_key_is_a_wrong_one(ring: KeyRing, make_app: Any) -> None:
    secret = await secret_for(ring, Scope.READ)
    assert ring.holder([secret.encode()]) is not None
    assert ring.holder([secret.encode(), secret.encode()]) is None
    assert ring.holder([KEY.encode(), secret.encode()]) is None
    assert ring.holder([]) is None
    assert ring.holder([b"\xff" * 10_000]) is None


async def test_the_rate_is_counted_for_each_key(ring: KeyRing, make_call: Any) -> None:
    call = make_call(ring, RATE_LIMIT_MAX="2", RATE_LIMIT_WINDOW_MS="60000")
    first, second = await secret_for(ring, Scope.READ), await secret_for(ring, Scope.READ)
    assert [(await call("GET", "/ping", key=first)).status_code for _ in range(3)] == [
        200,
        200,
        429,
    ]
    response = await call("GET", "/ping", key=first)
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert response.json()["message"] == "rate_limited"
    assert (await call("GET", "/ping", key=second)).status_code == 200
    assert (await call("GET", "/ping")).status_code == 200


async def test_guessing_is_counted_for_the_address_and_hinders_nobody_with_a_key(
    ring: KeyRing, make_call: Any
) -> None:
    call = make_call(ring, RATE_LIMIT_MAX="2", RATE_LIMIT_WINDOW_MS="60000")
    guesses = [(await call("GET", "/ping", key=f"guess {n}")).status_code for n in range(4)]
    assert guesses == [401, 401, 429, 429]
    secret = await secret_for(ring, Scope.READ)
    assert (await call("GET", "/ping", key=secret)).status_code == 200
    assert (await call("GET", "/ping")).status_code == 200


# --- event sockets -------------------------------------------------------------------------------


def connect(port: int, path: str, key: str) -> Any:
    return websockets.connect(f"ws://127.0.0.1:{port}{path}", additional_headers={"x-api-key": key})


async def _read_on(socket: Any) -> None:
    while True:
        await socket.recv()


async def closed(socket: Any) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(10):
            await _read_on(socket)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_an_event_socket_needs_a_key_that_reads(
    ring: KeyRing, serve: Any, hub: EventHub
) -> None:
    sending = await secret_for(ring, Scope.SEND, Scope.MANAGE)
    reading = await secret_for(ring, Scope.READ)
    async with serve(hub, ring) as port:
        async with connect(port, "/ws", sending) as socket:
            assert await closed(socket) == (1008, "Forbidden")
        async with connect(port, "/ws", "wpk_wrong") as socket:
            assert await closed(socket) == (1008, "Unauthorized")
        async with connect(port, "/ws", reading) as socket:
            assert json.loads(await socket.recv())["type"] == "connected"


async def test_an_event_socket_tells_of_the_keys_sessions_alone(
    ring: KeyRing, serve: Any, hub: EventHub
) -> None:
    secret = await secret_for(ring, Scope.READ, sessions={"mine"})
    async with serve(hub, ring) as port:
        async with connect(port, "/ws?sessionId=other", secret) as socket:
            assert await closed(socket) == (1008, "Forbidden")
        async with connect(port, "/ws", secret) as socket:
            await socket.recv()
            for session_id in ("other", "mine"):
                hub.publish(session_id, [Frame("ready", "s", {}, "{}")])
            assert json.loads(await socket.recv())["sessionId"] == "mine"


async def test_revoking_closes_what_the_key_had_open(
    ring: KeyRing, serve: Any, hub: EventHub
) -> None:
    secret = await secret_for(ring, Scope.READ)
    async with serve(hub, ring) as port, connect(port, "/ws", secret) as socket:
        await socket.recv()
        await ring.revoke(ring.keys[0].id)
        assert await closed(socket) == (1008, "Unauthorized")


class SlowLog:
    """An empty log; something happens while it is asked."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._meanwhile = meanwhile

    async def events_after(
        self, after: int, limit: int, session_id: str | None = None
    ) -> list[LoggedEvent]:
        return []

    async def last_event_id(self) -> int:
        await self._meanwhile()
        return 0


async def test_a_key_that_is_revoked_while_it_opens_something_opens_nothing(
    ring: KeyRing, serve: Any
) -> None:
    async def revoke() -> None:
        await ring.revoke(ring.keys[0].id)

    hub = EventHub(feed=EventFeed(SlowLog(revoke)))
    async with serve(hub, ring) as port:
        secret = await secret_for(ring, Scope.READ)
        async with connect(port, "/ws?ids=true", secret) as socket:
            assert await closed(socket) == (1008, "Unauthorized")
        secret = await secret_for(ring, Scope.READ)
        async with (
            asyncio.timeout(10),
            httpx.AsyncClient(headers={"x-api-key": secret}, trust_env=False) as client,
        ):
            answer = await client.get(f"http://127.0.0.1:{port}/events/stream")
            assert answer.text == ": events\n\n"


async def test_the_first_key_closes_what_is_opened_without_one_meanwhile(
    kept: Kept, serve: Any
) -> None:
    ring = KeyRing("", kept)

    async def lock() -> None:
        await secret_for(ring, *Scope)

    hub = EventHub(feed=EventFeed(SlowLog(lock)))
    async with (
        serve(hub, ring, API_KEY="") as port,
        websockets.connect(f"ws://127.0.0.1:{port}/ws?ids=true") as socket,
    ):
        assert await closed(socket) == (1008, "Unauthorized")


async def test_the_first_key_closes_what_was_open_without_one(
    kept: Kept, serve: Any, hub: EventHub
) -> None:
    ring = KeyRing("", kept)
    async with serve(hub, ring, API_KEY="") as port:
        async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as socket:
            await socket.recv()
            secret = await secret_for(ring, *Scope)
            assert await closed(socket) == (1008, "Unauthorized")
        async with connect(port, "/ws", secret) as socket:
            await socket.recv()
            await secret_for(ring, Scope.READ)
            hub.publish("mine", [Frame("ready", "s", {}, "{}")])
            assert json.loads(await socket.recv())["dataType"] == "ready"


async def test_event_sockets_count_as_requests(ring: KeyRing, serve: Any, hub: EventHub) -> None:
    limits = {"RATE_LIMIT_MAX": "1", "RATE_LIMIT_WINDOW_MS": "60000"}
    async with serve(hub, ring, **limits) as port:
        async with connect(port, "/ws", KEY) as socket:
            await socket.recv()
        with pytest.raises(InvalidStatus) as caught:
            await connect(port, "/ws", KEY)
        assert caught.value.response.status_code == 429
        assert "retry-after" in caught.value.response.headers


async def test_guessing_at_event_sockets_is_counted(
    ring: KeyRing, serve: Any, hub: EventHub
) -> None:
    limits = {"RATE_LIMIT_MAX": "1", "RATE_LIMIT_WINDOW_MS": "60000"}
    async with serve(hub, ring, **limits) as port:
        async with connect(port, "/ws", "a guess") as socket:
            assert await closed(socket) == (1008, "Unauthorized")
        with pytest.raises(InvalidStatus) as caught:
            await connect(port, "/ws", "another guess")
        assert caught.value.response.status_code == 429
        async with connect(port, "/ws", KEY) as socket:
            assert json.loads(await socket.recv())["type"] == "connected"
