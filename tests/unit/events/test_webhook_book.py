"""Which webhooks an event is for, and what of them changes at run time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.database import open_database
from waport.errors import InvalidInput
from waport.events import Frame, WebhookBook
from waport.events.webhook_book import GONE, OLD_SECRET_S
from waport.store import Database, Delivery, StoredWebhook, WebhookSecret

CHAT = "15550001111@s.whatsapp.net"
MESSAGE = Frame.of("message", {"type": "image", "hasMedia": True}, CHAT)
ACK = Frame.of("message_ack", {"message": {"type": "chat", "hasMedia": False}, "ack": 1}, CHAT)
QR = Frame.of("qr", {"qr": "x"})
HOOK = StoredWebhook("", None, "http://127.0.0.1:1/")


class Time:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path)
    yield database
    await database.close()


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def book(database: Database, clock: Time) -> WebhookBook:
    return WebhookBook(database, lambda _: "http://own/", clock=clock)


@pytest.mark.parametrize(
    ("hook", "wanted"),
    [
        (HOOK, [MESSAGE, ACK, QR]),
        (replace(HOOK, session="main"), [MESSAGE, ACK, QR]),
        (replace(HOOK, session="other"), []),
        (replace(HOOK, events=("qr", "message")), [MESSAGE, QR]),
        (replace(HOOK, chats=("15550001111@c.us",)), [MESSAGE, ACK]),
        (replace(HOOK, chats=("15550001111@s.whatsapp.net",)), [MESSAGE, ACK]),
        (replace(HOOK, chats=("15550002222@c.us",)), []),
        (replace(HOOK, types=("image",)), [MESSAGE, QR]),
        (replace(HOOK, types=("chat",), events=("message", "message_ack")), [ACK]),
        (replace(HOOK, disabled="why"), []),
    ],
)
async def test_an_event_is_for_those_whose_filters_it_passes(
    book: WebhookBook, hook: StoredWebhook, wanted: list[Frame]
) -> None:
    number = (await book.add(hook)).number
    assert [f for f in (MESSAGE, ACK, QR) if book.wanting("main", f)] == wanted
    assert all(book.wanting("main", frame) == [number] for frame in wanted)


async def test_queues_lead_to_their_receivers(book: WebhookBook) -> None:
    one = await book.add(replace(HOOK, session="main", url="http://one/"))
    every = await book.add(replace(HOOK, url="http://every/"))
    assert list(book.queues_of("main")) == ["main", f"main/{one.number}", f"main/{every.number}"]
    assert list(book.queues_of("other")) == ["other", f"other/{every.number}"]
    assert book.url_of("main") == "http://own/"
    assert book.url_of(f"main/{one.number}") == "http://one/"
    await book.change(one.number, lambda found: replace(found, disabled="off"))
    assert book.url_of(f"main/{one.number}") is None
    await book.delete(every.number)
    assert book.url_of(f"main/{every.number}") is None
    assert list(book.queues_of("other")) == ["other"]


async def test_webhooks_are_there_again_after_a_restart(
    book: WebhookBook, database: Database, clock: Time
) -> None:
    made = await book.add(replace(HOOK, headers=(("x-a", "b"),)), "ed25519")
    again = WebhookBook(database, lambda _: None, clock=clock)
    await again.load()
    assert again.all == [made]
    receiver = again.receiver_of(made.number)
    assert receiver is not None
    assert receiver.headers == ((b"x-a", b"b"),)
    assert [signer.signing for signer in receiver.signers] == ["ed25519"]


async def test_two_secrets_sign_for_a_day_after_a_rotation(book: WebhookBook, clock: Time) -> None:
    made = await book.add(HOOK)
    changed = await book.rotate(made.number)
    assert changed is not None

    def signatures() -> list[str]:
        receiver = book.receiver_of(made.number)
        assert receiver is not None
        return [signer.sign("evt_1", 1, "{}") for signer in receiver.signers]

    new, old = signatures()
    assert new != old
    clock.now += OLD_SECRET_S + 1
    assert signatures() == [new]
    assert changed.secrets[1] == WebhookSecret(
        made.secrets[0].secret, int((1_700_000_000 + OLD_SECRET_S) * 1000)
    )


async def test_a_receiver_that_is_gone_is_switched_off_for_good(
    book: WebhookBook, database: Database
) -> None:
    made = await book.add(HOOK)
    await book.on_gone(Delivery(1, "main", "", "qr", "{}", 0, webhook=made.number))
    assert book.wanting("main", QR) == []
    assert [each.disabled for each in await database.webhooks()] == [GONE]


async def test_what_cannot_be_used_is_not_stored(book: WebhookBook, database: Database) -> None:
    for bad in (
        replace(HOOK, secrets=(WebhookSecret("x"),)),
        replace(HOOK, chats=("not a chat",)),
    ):
        with pytest.raises(InvalidInput):
            await book.add(bad)
    assert await database.webhooks() == []


class Slow:
    """A store whose changes wait until they are let go."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.go = asyncio.Event()

    async def put_webhook(self, webhook: StoredWebhook) -> None:
        await self.go.wait()
        await self._database.put_webhook(webhook)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


async def test_changes_at_the_same_time_undo_none_of_each_other(database: Database) -> None:
    slow = Slow(database)
    book = WebhookBook(slow, lambda _: None)
    made = await book.add(HOOK)
    rotating = asyncio.create_task(book.rotate(made.number))
    changing = asyncio.create_task(
        book.change(made.number, lambda found: replace(found, url="http://127.0.0.1:2/"))
    )
    deleting = asyncio.create_task(book.delete(made.number))
    await asyncio.sleep(0)
    slow.go.set()
    rotated, changed = await rotating, await changing
    assert rotated is not None
    assert changed == replace(rotated, url="http://127.0.0.1:2/")
    assert await deleting is True
    assert (book.all, await database.webhooks()) == ([], [])
    assert await book.change(made.number, lambda found: found) is None
    assert await book.delete(made.number) is False
