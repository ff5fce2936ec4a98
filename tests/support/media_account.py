"""An account whose media host, and whose phone as far as files go, are in a test's hands."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from starlette.responses import Response

from waport.client.addresses import AllowList
from waport.client.config import ClientConfig, MediaConfig
from waport.client.credentials import new_credentials
from waport.client.features.media import Media
from waport.client.queries import Queries
from waport.media import MediaKind, encrypt_media, upload_token
from waport.model import LinkState, Message, MessageKey, MessageKind
from waport.model.contents import Content, MediaFile
from waport.stanza.contents import encode
from waport.store import UnitOfWork
from waport.wire import Jid, Node

from .account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account, RecordingSink
from .clock import TIMEOUT_S, FakeClock
from .database import open_database
from .media_host import MediaStore
from .web_host import WebHost

KEY = bytes(range(32))
FILE = b"any bytes" * 1000
RETRY_S = 60.0


@dataclass
class FakeLink:
    """The server's answers to `media_conn`, and what else it was told."""

    queries: Queries
    host: str
    sent: list[Node] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, node: Node) -> None:
        if node.tag == "iq":
            hosts = [Node("host", {"hostname": self.host, "type": "primary"})]
            conn = Node("media_conn", {"auth": "good", "ttl": "300", "auth_ttl": "300"}, hosts)
            reply = Node("iq", {"id": node.attr("id"), "type": "result"}, [conn])
            asyncio.get_running_loop().call_soon(self.queries.resolve, reply)
            return
        self.sent.append(node)
        self.news.set()

    async def told(self, count: int = 1) -> Node:
        """The receipt with which the phone is asked; the latest of so many."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.sent) < count:
                self.news.clear()
                await self.news.wait()
        return self.sent[count - 1]


class MediaScene:
    """An account whose media host is in the test's hands."""

    def __init__(self, account: Account, host: WebHost, folder: Path) -> None:
        self.account = account
        self.host = host
        self.store = MediaStore()
        host.answer = self.store.answer
        self.clock = FakeClock()
        self.queries = Queries(5)
        self.link = FakeLink(self.queries, host.name)
        self.queries.attach(self.link)  # type: ignore[arg-type]
        self.folder = folder / "temporary"
        self.config = MediaConfig(
            folder=self.folder,
            url_max_bytes=100_000,
            retry_timeout_s=RETRY_S,
            outbound_allow=AllowList.parse([host.name]),
        )
        self.media = self.with_config(self.config)

    def with_config(self, config: MediaConfig) -> Media:
        return Media(
            self.account.database,
            SESSION,
            self.queries,
            ClientConfig(tls=self.host.client_tls, media=config),
            clock=self.clock,
        )

    def serve(self, answer: Callable[[], Response]) -> None:
        """What URLs give; the media host's own paths stay."""
        self.host.answer = lambda asked: (
            self.store.answer(asked) if asked.path.startswith(("/mms/", "/v/")) else answer()
        )

    def put(
        self, data: bytes = FILE, kind: MediaKind = MediaKind.IMAGE, **claims: Any
    ) -> MediaFile:
        """A file that the host has."""
        encrypted, digest = encrypt_media(data, KEY, kind)
        path = f"/v/{upload_token(digest.file_enc_sha256)}"
        self.store.files[path] = encrypted
        values = {
            "mimetype": "image/png",
            "direct_path": path,
            "media_key": KEY,
            "sha256": digest.file_sha256,
            "enc_sha256": digest.file_enc_sha256,
            "length": digest.file_length,
            **claims,
        }
        return MediaFile(**values)

    def lose(self) -> dict[str, bytes]:
        """The host forgets everything; what it had."""
        had, self.store.files = self.store.files, {}
        return had

    def left(self) -> list[str]:
        """What lies in the folder for temporary files."""
        return os.listdir(self.folder) if self.folder.exists() else []


@contextlib.asynccontextmanager
async def media_scene(server: WebHost, folder: Path) -> AsyncIterator[MediaScene]:
    """A linked account; at the end no temporary file may be left."""
    server.reset()
    database = await open_database(folder)
    credentials = replace(
        new_credentials(), state=LinkState.LINKED, pn=OWN_PN, lid=OWN_LID, account=bytes(40)
    )

    def job(store: UnitOfWork) -> None:
        store.devices.create(credentials)
        store.addresses.learn(PEER_PN, PEER_LID)

    await database.write(SESSION, job)
    account = Account(database, RecordingSink(), credentials, [])
    scene = MediaScene(account, server, folder)
    try:
        yield scene
    finally:
        await scene.media.close()
        await database.close()
    assert scene.left() == []


def message(
    content: Content,
    *,
    chat: Jid = PEER_PN,
    sender: Jid | None = None,
    from_me: bool = False,
    message_id: str = "3EB0AA",
) -> Message:
    """A stored message."""
    return Message(
        MessageKey(chat, message_id, from_me, sender or chat),
        NOW,
        encode(content).SerializeToString(),
        MessageKind.OTHER,
    )
