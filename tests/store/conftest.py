"""Every test of the contract runs on SQLite, and on PostgreSQL too if a URL of one is given."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from support.database import open_database
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
from waport.wire import Jid

POSTGRESQL = os.environ.get("WAPORT_TEST_POSTGRES_URL")


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRESQL else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database: a new file, or a new schema of the PostgreSQL database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data/waport.db"
        return
    assert POSTGRESQL is not None
    server = make_url(POSTGRESQL).set(drivername="postgresql+psycopg")
    engine = create_engine(server, poolclass=NullPool)
    schema = f"test_{uuid4().hex}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    own = server.update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


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
