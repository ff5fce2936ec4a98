"""Every test of the contract runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.database import open_database
from support.postgres import PostgresServer, postgres_server
from waport.crypto import KeyPair
from waport.model import (
    AddOn,
    AddOnKind,
    Credentials,
    LinkState,
    Message,
    MessageKey,
    MessageKind,
)
from waport.signal import SignedPreKey
from waport.store import Database, UnitOfWork
from waport.store.backend import Backend
from waport.wire import Jid


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own, started once by whichever test is the first to need it."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database: a new file, or a database of the PostgreSQL server.

    Whoever wants a `Database` gets the one that has all tables already; it is emptied each time.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data/waport.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    if "database" in request.fixturenames:
        filled: str = request.getfixturevalue("postgres_filled")
        server.empty(filled)
        yield filled
        return
    with server.database() as empty:
        yield empty


@pytest.fixture(scope="session")
def postgres_filled(postgres: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database with all tables: making them takes longer than emptying them."""
    with postgres.database() as made:
        backend = Backend(made)
        backend.prepare()
        backend.release()
        yield made


class Clock:
    """Milliseconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(url: str, clock: Clock) -> AsyncIterator[Database]:
    database = await open_database(url, now_ms=clock)
    yield database
    await database.close()


class Gate:
    """Holds the writer, so that what is handed in meanwhile becomes one batch."""

    def __init__(self) -> None:
        self._may_go = threading.Event()
        self._is_held = asyncio.Event()
        self._job: asyncio.Future[None] | None = None

    @classmethod
    async def shut(cls, database: Database) -> Gate:
        gate, loop = cls(), asyncio.get_running_loop()

        def hold(_work: UnitOfWork) -> None:
            loop.call_soon_threadsafe(gate._is_held.set)
            gate._may_go.wait(60)

        gate._job = database.submit("gate", hold)
        await gate._is_held.wait()
        return gate

    async def open(self) -> None:
        assert self._job is not None
        self._may_go.set()
        await self._job


@pytest.fixture
def credentials() -> Credentials:
    """Credentials of a linked device, every field filled."""
    identity = KeyPair.generate()
    return Credentials(
        noise=KeyPair.generate(),
        identity=identity,
        registration_id=4711,
        signed_pre_key=SignedPreKey.create(identity, 1),
        adv_secret=bytes(range(32)),
        next_pre_key_id=813,
        state=LinkState.LINKED,
        pn=Jid.parse("15551230000:7@s.whatsapp.net"),
        lid=Jid.parse("100000000000001:7@lid"),
        account=b"account",
        platform="android",
        push_name="Ärger & Söhne",
        routing_info=b"\x00\xff",
        pre_keys_uploaded=True,
        login_counter=3,
    )


MakeMessage = Callable[..., Message]


@pytest.fixture
def make_message() -> MakeMessage:
    """Builds a text message; keyword arguments replace its fields and those of its key."""

    def make(
        message_id: str = "3EB0",
        chat: str = "15550001111@s.whatsapp.net",
        *,
        from_me: bool = False,
        sender: str | None = None,
        **fields: Any,
    ) -> Message:
        key = MessageKey(Jid.parse(chat), message_id, from_me, Jid.parse(sender or chat))
        values: dict[str, Any] = {
            "timestamp": 1_700_000_000,
            "content": b"\x0a\x05hello",
            "kind": MessageKind.TEXT,
            "push_name": "Ann",
        }
        return Message(key, **(values | fields))

    return make


def add_on(
    target_id: str = "3EB0",
    chat: str = "15550001111@s.whatsapp.net",
    *,
    author: str | None = None,
    sender: str | None = None,
    from_me: bool = False,
    kind: AddOnKind = AddOnKind.REACTION,
    data: bytes = b"+",
    timestamp_ms: int = 1_700_000_000_000,
    key_id: str = "3EBR",
) -> AddOn:
    """A reaction in a chat, by default by and to the other person.

    Args:
        author: of the message reacted to; "" for an own one.
    """
    where = Jid.parse(chat)
    who = Jid.parse(sender or chat)
    whose = Jid.parse(author or ("15551230000@s.whatsapp.net" if author == "" else chat))
    target = MessageKey(where, target_id, author == "", whose)
    return AddOn(target, kind, who, MessageKey(where, key_id, from_me, who), data, timestamp_ms)
