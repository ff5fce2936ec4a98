"""Pieces of history as a phone sends them, and an account that takes them in."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

from waport.client.devices import Devices
from waport.client.features.history import History
from waport.client.history_requests import HistoryRequests
from waport.client.history_sync import HistorySync
from waport.client.peer import Peer as PeerSender
from waport.client.queries import Queries
from waport.client.work import Work
from waport.proto import pb
from waport.stanza.history import Notice
from waport.wire import Jid, Node

from .account import NOW, OWN_LID, OWN_PN, SESSION, Account, Peer
from .clock import TIMEOUT_S, FakeClock
from .server import FakeServer

BOB = Jid("15550002222", "s.whatsapp.net")
CAROL = Jid("15550003333", "s.whatsapp.net")
CAROL_LID = Jid("100000000000003", "lid")
GROUP = Jid("120363000000000001", "g.us")


def said(
    message_id: str,
    text: str = "hello",
    *,
    at: int = NOW - 1000,
    from_me: bool = False,
    participant: Jid | None = None,
    **more: Any,
) -> pb.WebMessageInfo:
    """A text of a chat."""
    key = pb.MessageKey(id=message_id, fromMe=from_me)
    if participant is not None:
        key.participant = str(participant)
    message = more.pop("message", None) or pb.Message(conversation=text)
    return pb.WebMessageInfo(key=key, message=message, messageTimestamp=at, **more)


def noted(message_id: str, stub: str, *parameters: str, at: int = NOW - 1000) -> pb.WebMessageInfo:
    """A note of the phone's in a chat."""
    return pb.WebMessageInfo(
        key=pb.MessageKey(id=message_id),
        messageStubType=stub,
        messageStubParameters=parameters,
        messageTimestamp=at,
    )


def chat(jid: Jid, messages: Iterable[pb.WebMessageInfo] = (), **more: Any) -> pb.Conversation:
    """A chat, its messages from the newest on."""
    wrapped = [pb.HistorySyncMsg(message=message) for message in messages]
    return pb.Conversation(id=str(jid), messages=wrapped, **more)


def piece(kind: str = "RECENT", **more: Any) -> bytes:
    """A piece of history, deflated."""
    return zlib.compress(pb.HistorySync(syncType=kind, **more).SerializeToString())


def inline(data: bytes, kind: str | int = "RECENT", **more: Any) -> pb.HistorySyncNotification:
    """The notice that has a piece inside."""
    return pb.HistorySyncNotification(syncType=kind, initialHistBootstrapInlinePayload=data, **more)


class HistoryScene:
    """An account, its phone, and the media hosts in the test's hands.

    Attributes:
        blobs: what lies on the media hosts, or what fetching it raises.
        fetched: the paths that were fetched.
    """

    def __init__(self, account: Account, folder: Path) -> None:
        self.account = account
        self.clock = FakeClock(NOW)
        self.phone = Peer(OWN_PN.with_device(0))
        self.queries = Queries(5)
        self.server = FakeServer(self.queries, [self.phone], {OWN_PN.bare: OWN_LID.bare})
        self.blobs: dict[str, bytes | Exception] = {}
        self.fetched: list[str] = []
        self.announced = 0
        self.requests = HistoryRequests()
        self._folder = folder
        self._tasks: list[asyncio.Task[Any]] = []
        self._count = 0
        self.sync = self.new_sync()
        self.history = History(
            account.database, SESSION, self.peer, self.requests, self.clock, lambda n: bytes(n)
        )

    def new_sync(self) -> HistorySync:
        """The part under test, as it is after a restart of the program."""
        database = self.account.database
        devices = Devices(database, SESSION, self.queries)
        self.peer = PeerSender(
            database, SESSION, self.queries, devices, self.server.transmit, self.clock
        )
        self.sync = HistorySync(
            database,
            SESSION,
            self.queries,
            self.peer,
            self.account.sink,
            open_blob=self._open,
            requests=self.requests,
            announce=self._announce,
            clock=self.clock,
        )
        return self.sync

    @contextlib.asynccontextmanager
    async def _open(self, notice: Notice) -> AsyncIterator[Path]:
        self.fetched.append(notice.direct_path)
        found = self.blobs[notice.direct_path]
        if isinstance(found, Exception):
            raise found
        path = self._folder / hashlib.sha256(notice.direct_path.encode()).hexdigest()
        path.write_bytes(found)
        yield path

    async def _announce(self) -> None:
        self.announced += 1

    def upload(self, data: bytes | Exception, kind: str = "RECENT", **more: Any) -> Any:
        """The notice of a piece on the media hosts."""
        path = f"/piece/{len(self.blobs)}"
        self.blobs[path] = data
        return pb.HistorySyncNotification(syncType=kind, directPath=path, **more)

    async def announce(
        self, notice: pb.HistorySyncNotification, message_id: str | None = None
    ) -> Work:
        """The phone announces a piece, and nobody works on it yet."""
        self._count += 1
        name = message_id or f"H{self._count}"
        return await self.account.handle(
            lambda work, _: self.sync.take_notice(work, name, notice), Node("message")
        )

    async def take(self, *notices: pb.HistorySyncNotification) -> None:
        """The phone sends pieces, and they are worked off."""
        for notice in notices:
            await self.announce(notice)
        await self.work_off()

    async def work_off(self) -> None:
        """Until nothing is left to be done."""
        async with asyncio.timeout(TIMEOUT_S):
            await self.sync.resume()

    def begin(self) -> asyncio.Task[None]:
        """Work in the background, for a piece that will not be done at once."""
        task = asyncio.create_task(self.sync.resume())
        self._tasks.append(task)
        return task

    def start(self, work: Any) -> asyncio.Task[Any]:
        """Anything else in the background."""
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def handled(self) -> list[str]:
        """The pieces that the phone was told are stored."""
        return [
            node.attr("id")
            for node in self.server.sent
            if node.tag == "receipt" and node.get("type") == "hist_sync"
        ]

    def asked(self) -> Sequence[pb.PeerDataOperationRequestMessage]:
        """What the phone was asked for since the last call."""
        messages, self.server.sent = (
            self.server.messages,
            [node for node in self.server.sent if node.tag != "message"],
        )
        return [
            self.phone.decrypt(node.child("enc")).protocolMessage.peerDataOperationRequestMessage
            for node in messages
        ]

    async def read(self, job: Any) -> Any:
        return await self.account.read(job)

    async def texts(self, chat: Jid = BOB) -> list[str]:
        """The texts of a chat as they are stored, from the oldest on."""
        page = await self.read(lambda store: store.messages.page(chat, 10_000))
        return [message.text for message in reversed(page)]

    async def notices(self) -> Any:
        return await self.read(lambda store: store.history.notices())
