"""Requests with an Idempotency-Key: carried out once, answered as often as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.database import open_database
from support.fake_client import PEER, FakeMessages
from support.fake_server import KEY
from waport.api import create_app, idempotency
from waport.api.idempotency import MAX_ANSWER, MAX_KEY, ONCE, read_key
from waport.api.kept_answers import KEPT_MS, AnswerStore, HeldAnswers, KeptAnswer, StoredAnswers
from waport.api.keys import KeyRing
from waport.api.routers import ALL
from waport.api.scopes import SCOPES
from waport.client.derived_ids import DerivedIds, derived_ids, deriving_from
from waport.errors import ChatNotFound, CorruptRecord, MessageRefused, StoreError
from waport.events import EventHub
from waport.model import Scope
from waport.store import Database

SEND = "/client/sendMessage/on"
TEXT = {"chatId": "15559990000@c.us", "contentType": "string", "content": "hello"}


@dataclass
class Server:
    """An application over a fake account."""

    api: httpx.AsyncClient
    sessions: Any

    async def post(
        self, path: str = SEND, body: Any = None, key: str = "k1", **options: Any
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key, **options.pop("headers", {})}
        if body is not None or not options:
            options["json"] = TEXT if body is None else body
        return await self.api.post(path, headers=headers, **options)

    @property
    def sent(self) -> int:
        return len(self.sessions.account.sent)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path / "kept")
    yield database
    await database.close()


@dataclass
class Makes:
    """Makes servers; each is like a new process over the same store."""

    settings: Any
    sessions: Any
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def __call__(self, store: AnswerStore | None = None, keys: KeyRing | None = None) -> Server:
        app = create_app(self.settings, self.sessions, EventHub(), keys=keys, answers=store)
        api = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://test",
            headers={"x-api-key": KEY},
        )
        self.clients.append(api)
        return Server(api, self.sessions)


@pytest.fixture
async def make(make_settings: Any, sessions: Any) -> AsyncIterator[Makes]:
    makes = Makes(make_settings(ENABLE_LEGACY_ROUTER="true"), sessions)
    yield makes
    for client in makes.clients:
        await client.aclose()


@pytest.fixture
def server(make: Makes) -> Server:
    return make()


def code(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"success", "error", "message"}
    return response.status_code, body["message"]


async def test_a_message_is_sent_once_and_answered_twice(server: Server) -> None:
    first, second = await server.post(), await server.post()
    assert (first.status_code, server.sent) == (200, 1)
    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


async def test_without_a_key_every_request_counts(server: Server) -> None:
    for _ in range(2):
        assert (await server.api.post(SEND, json=TEXT)).status_code == 200
    assert server.sent == 2


async def test_another_key_path_or_caller_is_another_request(make: Makes) -> None:
    ring = KeyRing(KEY)
    server = make(keys=ring)
    _, other = await ring.make("other", frozenset(Scope), None)
    await server.post()
    await server.post(key="k2")
    await server.post("/legacy" + SEND)
    await server.post(headers={"x-api-key": other})
    assert server.sent == 4


async def test_the_spelling_of_path_key_and_body_does_not_matter(server: Server) -> None:
    first = await server.post(key="abc")
    body = b'{"content" :"hello", "contentType":"string","chatId":"15559990000@c.us" }'
    json = {"content-type": "application/json"}
    for response in (
        await server.post("/CLIENT/sendmessage/on/", key="abc"),
        await server.post(key='"abc"'),
        await server.post(key="abc", content=body, headers=json),
    ):
        assert response.content == first.content
        assert response.headers["idempotent-replayed"] == "true"
    assert server.sent == 1


async def test_a_key_does_not_come_with_another_body(server: Server) -> None:
    await server.post()
    response = await server.post(body={**TEXT, "content": "bye"})
    assert code(response) == (422, "idempotency_key_reused")
    assert server.sent == 1


async def test_while_a_request_is_answered_it_is_in_conflict(
    server: Server, monkeypatch: Any
) -> None:
    gate, begun, send = asyncio.Event(), asyncio.Event(), FakeMessages.send

    async def slow(*args: Any) -> Any:
        begun.set()
        await gate.wait()
        return await send(*args)

    monkeypatch.setattr(FakeMessages, "send", slow)
    first = asyncio.create_task(server.post())
    await begun.wait()
    response = await server.post(body={"chatId": 1})
    assert code(response) == (409, "idempotency_key_in_use")
    gate.set()
    answer = await first
    assert (await server.post()).content == answer.content
    assert server.sent == 1


@pytest.mark.parametrize(
    "keys", [[""], ["  "], ['""'], ["x" * (MAX_KEY + 1)], ["ä"], ["a\tb"], ["a", "b"]]
)
async def test_an_unusable_key_is_refused(server: Server, keys: list[str]) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1")) for key in keys]
    response = await server.api.post(SEND, json=TEXT, headers=headers)
    assert code(response) == (400, "validation_error")
    assert "Idempotency-Key" in response.json()["error"]
    assert server.sent == 0


def test_a_key_is_a_text_with_or_without_quotes() -> None:
    assert read_key([]) is None
    assert read_key([b' "a b" ']) == read_key([b"a b"]) == b"a b"
    assert read_key([b'"']) == b'"'
    assert read_key([b"x" * MAX_KEY]) == b"x" * MAX_KEY


async def test_what_was_refused_may_be_mended_under_the_same_key(server: Server) -> None:
    assert (await server.post(body={**TEXT, "contentType": "nonsense"})).status_code == 400
    server.sessions.account.error = MessageRefused(463, "no")
    assert (await server.post()).status_code == 500
    server.sessions.account.error = None
    first = await server.post()
    assert first.status_code == 200
    assert (await server.post()).content == first.content


async def test_other_methods_have_no_keys(server: Server) -> None:
    for _ in range(2):
        response = await server.api.get("/ping", headers={"Idempotency-Key": ""})
        assert response.status_code == 200
        assert "idempotent-replayed" not in response.headers


async def test_a_request_is_forgotten_after_a_day(make: Makes, monkeypatch: Any) -> None:
    now = [1_000_000_000_000]
    monkeypatch.setattr(idempotency.Repeats.__init__, "__defaults__", (lambda: now[0],))
    server = make()
    await server.post()
    now[0] += KEPT_MS - 1
    await server.post()
    assert server.sent == 1
    now[0] += 1
    await server.post(body={**TEXT, "content": "another day"})
    assert server.sent == 2


async def test_answers_outlive_the_process(make: Makes, database: Database) -> None:
    first = await make(StoredAnswers(database)).post()
    server = make(StoredAnswers(database))
    assert (await server.post()).content == first.content
    assert server.sent == 1
    rows = await database.ask(lambda db: db.ask_once(_rows()))
    assert len(rows) == 1
    stored = b"|".join(bytes(value) for value in rows[0] if isinstance(value, bytes))
    assert b"hello" not in stored
    assert b"k1" not in stored
    await StoredAnswers(database).prune(2**52)
    assert await database.ask(lambda db: db.ask_once(_rows())) == []


def _rows() -> Any:
    from sqlalchemy import select

    from waport.store.schema import kept_answers

    return select(kept_answers)


async def test_a_file_counts_by_what_is_in_it(server: Server) -> None:
    fields = {"chatId": TEXT["chatId"]}
    texts = [b"one", b"one", b"two"]
    answers = [
        await server.api.post(
            SEND,
            data=fields,
            files={"file": ("a.txt", text, "text/plain")},
            headers={"Idempotency-Key": "file"},
        )
        for text in texts
    ]
    assert [response.status_code for response in answers] == [200, 200, 422]
    assert server.sent == 1


async def test_a_long_answer_is_asked_for_again_or_said_to_be_gone(
    server: Server, monkeypatch: Any
) -> None:
    monkeypatch.setattr(idempotency, "MAX_ANSWER", 10)
    for _ in range(2):
        response = await server.post("/client/getContacts/on", body={})
        assert response.status_code == 200
        assert "idempotent-replayed" not in response.headers
    body = {"name": "Friends", "participants": [TEXT["chatId"]]}
    assert (await server.post("/client/createGroup/on", body=body)).status_code == 200
    response = await server.post("/client/createGroup/on", body=body)
    assert code(response) == (409, "idempotency_answer_not_kept")
    assert MAX_ANSWER > 100_000


class Dying(HeldAnswers):
    """A store that a crash leaves with requests but without answers."""

    async def keep(self, digest: bytes, status: int, answer: bytes | None) -> None:
        raise StoreError("dead")


async def test_after_a_crash_messages_go_out_under_the_same_ids(
    make: Makes, monkeypatch: Any
) -> None:
    store, send = Dying(), FakeMessages.send
    found: list[tuple[str | None, bool]] = []

    async def tell(*args: Any) -> Any:
        ids = derived_ids()
        assert ids is not None
        found.append((ids.next(PEER), ids.is_repeat))
        return await send(*args)

    monkeypatch.setattr(FakeMessages, "send", tell)
    for _ in range(2):
        assert (await make(store).post()).status_code == 200
    assert found == [(found[0][0], False), (found[0][0], True)]
    # A refusal does not make it forget: the first try may have sent something.
    make.sessions.account.error = ChatNotFound(404, "no")
    assert (await make(store).post()).status_code == 404
    make.sessions.account.error = None
    assert (await make(store).post()).status_code == 200
    assert found[2:] == found[1:2] * 2


async def test_after_a_crash_nothing_is_made_a_second_time(make: Makes) -> None:
    store = Dying()
    body = {"name": "Friends", "participants": [TEXT["chatId"]]}
    assert (await make(store).post("/client/createGroup/on", body=body)).status_code == 200
    response = await make(store).post("/client/createGroup/on", body=body)
    assert code(response) == (409, "idempotency_outcome_unknown")


async def test_a_request_that_can_not_be_remembered_is_not_carried_out(make: Makes) -> None:
    class Full(HeldAnswers):
        async def claim(self, digest: bytes, fingerprint: bytes, now_ms: int) -> Any:
            raise StoreError("full")

    server = make(Full())
    assert code(await server.post()) == (500, "internal_error")
    assert server.sent == 0


def test_derived_ids_differ_by_request_chat_and_count() -> None:
    ids, same = DerivedIds(b"1" * 32, is_repeat=False), DerivedIds(b"1" * 32, is_repeat=True)
    given = [ids.next(PEER), ids.next(PEER), ids.next(PEER.with_device(0).bare)]
    assert [same.next(PEER) for _ in range(3)] == given
    assert DerivedIds(b"2" * 32, is_repeat=False).next(PEER) not in given
    assert len(set(given)) == 3
    assert all(len(each or "") == 22 and (each or "").startswith("3EB0") for each in given)
    with deriving_from(ids):
        assert derived_ids() is ids
    assert derived_ids() is None
    assert ids.next(PEER) is None


def test_a_kept_answer_is_read_with_its_key_alone() -> None:
    answer = KeptAnswer([(b"content-type", b"text/plain")], b"\x00body")
    sealed = answer.seal(b"k1")
    assert KeptAnswer.open(b"k1", sealed) == answer
    for key, stored in ((b"k2", sealed), (b"k1", sealed[:-1]), (b"k1", b"")):
        with pytest.raises(CorruptRecord):
            KeptAnswer.open(key, stored)


def test_every_operation_that_is_done_once_exists_and_changes_something() -> None:
    names = {operation.name for routes in ALL for operation in routes.operations}
    assert names >= ONCE - {"takeCallback"}
    assert all(SCOPES[name] is not Scope.READ for name in ONCE)
