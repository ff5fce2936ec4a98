"""Our own client inside the test: linked to an account of an emulator, its events in a list."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from waport.client import Client, ClientConfig, Close, VersionSource
from waport.client.clock import SYSTEM_CLOCK, Clock
from waport.model import DomainEvent, Message, MessageAdded, QrReady, Ready
from waport.pairing import DEFAULT_VERSION
from waport.store import Database, UnitOfWork
from waport.wire import Jid

SESSION = "main"
EVENT_TIMEOUT_S = 30.0
LINK_TIMEOUT_S = 30.0

Scan = Callable[[str], Awaitable[object]]
"""What the phone does with a QR code's text."""

E = TypeVar("E")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where an emulator listens, and what proves that it is the right one.

    Attributes:
        ws_url: of the WebSocket.
        root_key: hex of the key that its certificate chain leads to.
        ca_file: of the authority that signed its TLS certificate.
    """

    ws_url: str
    root_key: str
    ca_file: Path | None


class Events:
    """The sink of one client: every event, in the order in which it was committed."""

    def __init__(self) -> None:
        self.all: list[DomainEvent] = []
        self._news = asyncio.Event()

    def record(self, work: UnitOfWork, event: DomainEvent, own: Jid | None) -> Sequence[Any]:
        """On the store's writer thread, inside the transaction: nothing is told yet."""
        return [event]

    def publish(self, session_id: str, frames: Sequence[Any]) -> None:
        """On the event loop, after the commit."""
        self.all.extend(frames)
        self._news.set()

    @property
    def mark(self) -> int:
        """A point in the events, for waits that must not be met by older ones."""
        return len(self.all)

    def of(self, kind: type[E], since: int = 0) -> list[E]:
        """All events of a kind so far."""
        return [event for event in self.all[since:] if isinstance(event, kind)]

    async def until(
        self,
        kind: type[E],
        matches: Callable[[E], bool] = lambda _: True,
        *,
        since: int = 0,
        timeout_s: float = EVENT_TIMEOUT_S,
    ) -> E:
        """The first event of a kind that matches, past or future.

        Raises:
            AssertionError: none came in time.
        """
        position = since
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    while position < len(self.all):
                        position += 1
                        event = self.all[position - 1]
                        if isinstance(event, kind) and matches(event):
                            return event
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            last = [type(event).__name__ for event in self.all[-12:]]
            raise AssertionError(
                f"no {kind.__name__} within {timeout_s} s; last events: {last}"
            ) from None


@dataclass(frozen=True, slots=True)
class Linked:
    """A client that is logged in.

    Attributes:
        client: with all its features.
        events: what it told so far.
        jid: its account by phone number, bare.
        lid: its account by hidden id, bare.
    """

    client: Client
    events: Events
    jid: Jid
    lid: Jid
    _database: Database

    async def read(self, job: Callable[[UnitOfWork], T]) -> T:
        """Look into its store."""
        return await self._database.read(SESSION, job)

    async def wait_message(
        self, matches: Callable[[Message], bool], *, since: int = 0, timeout_s: float | None = None
    ) -> Message:
        """The first message that was announced and matches, past or future."""
        added = await self.events.until(
            MessageAdded,
            lambda event: matches(event.message),
            since=since,
            timeout_s=timeout_s or EVENT_TIMEOUT_S,
        )
        return added.message

    async def wait_id(self, message_id: str, **wait: Any) -> Message:
        """The announced message of this id."""
        return await self.wait_message(lambda message: message.key.id == message_id, **wait)

    async def wait_text(self, text: str, **wait: Any) -> Message:
        """The first message with this text, in or out."""
        return await self.wait_message(lambda message: message.text == text, **wait)

    def texts(self, chat: Jid | None = None, since: int = 0) -> list[str]:
        """The texts that others wrote, in the order of their arrival, doubles included."""
        return [
            event.message.text
            for event in self.events.of(MessageAdded, since)
            if not event.message.key.from_me
            and event.message.text
            and chat in (None, event.message.key.chat)
        ]


@contextlib.asynccontextmanager
async def linked_client(
    folder: Path, server: ServerAddress, scan: Scan, clock: Clock = SYSTEM_CLOCK
) -> AsyncIterator[Linked]:
    """Start a client, link it by QR, and stop it at the end.

    Args:
        folder: for its database; a folder that holds one already needs no QR.
        server: what it connects to.
        scan: hands the QR to the phone.
        clock: the client's time.
    """
    events = Events()
    database = await Database.open(f"sqlite:///{folder / 'waport.db'}")
    try:
        tls = ssl.create_default_context(cafile=server.ca_file)
        config = ClientConfig(
            websocket_url=server.ws_url,
            noise_root_key=bytes.fromhex(server.root_key),
            tls=tls,
            version=DEFAULT_VERSION,
            backoff_base_s=0.1,
        )
        versions = VersionSource(config.web_url, pinned=DEFAULT_VERSION)
        client = Client(database, SESSION, config, events, versions, clock=clock)
        running = asyncio.create_task(client.run())
        try:
            yield await _ready(database, client, events, running, scan)
        finally:
            client.stop()
            await running
    finally:
        await database.close()


async def _ready(
    database: Database,
    client: Client,
    events: Events,
    running: asyncio.Task[Close],
    scan: Scan,
) -> Linked:
    """Link if need be, and wait until the account can be used."""
    linking = asyncio.create_task(_link(events, scan))
    try:
        done, _ = await asyncio.wait(
            (linking, running), timeout=LINK_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        if linking not in done:
            how = running.result() if running in done else "still at it"
            raise AssertionError(f"the client did not get ready: {how}; events: {events.all}")
        ready = linking.result()
    finally:
        linking.cancel()
        await asyncio.gather(linking, return_exceptions=True)
    credentials = await database.read(SESSION, lambda store: store.devices.get())
    assert credentials is not None
    assert credentials.lid is not None
    return Linked(client, events, ready.jid, credentials.lid.bare, database)


async def _link(events: Events, scan: Scan) -> Ready:
    first = await events.until(object, lambda event: isinstance(event, QrReady | Ready))
    if isinstance(first, QrReady):
        await scan(first.text)
    return await events.until(Ready)
