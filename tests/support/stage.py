"""One account of ours on a stage: what happens around it, and what both event channels tell."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from websockets.asyncio.client import connect

from waport.emulator.accounts import Account
from waport.emulator.appstate import Mutation
from waport.emulator.phone import Phone
from waport.emulator.phone_received import ReceivedMessage
from waport.emulator.server import Emulator, EmulatorOptions
from waport.proto import pb
from waport.wire import Jid

from .linked import Linked, ServerAddress, linked_client
from .talk import heard_by
from .waport_server import API_KEY, Inbox, WaportServer, webhook_inbox
from .who import without_addresses

SESSION = "main"
TIMEOUT_S = 20.0

Data = dict[str, Any]


def c_us(jid: Jid) -> str:
    """An address as events name it."""
    return f"{jid.user}@{'c.us' if jid.is_pn else jid.server}"


def id_of(jid: Jid) -> Data:
    """An address as an object."""
    text = c_us(jid)
    return {"_serialized": text, "user": jid.user, "server": text.partition("@")[2]}


def message_id(chat: Jid, name: str, *, from_me: bool = False, author: Jid | None = None) -> Data:
    """A message's id as an object."""
    mark = "true" if from_me else "false"
    shape: Data = {
        "_serialized": f"{mark}_{c_us(chat)}_{name}",
        "fromMe": from_me,
        "remote": c_us(chat),
        "id": name,
    }
    return shape if author is None else {**shape, "participant": c_us(author)}


def raw(message: pb.Message) -> Data:
    """A content in protobuf JSON, by protobuf's own writer."""
    shape: Data = MessageToDict(message)
    return shape


@dataclass
class Socket:
    """The texts of an event socket, as they come."""

    frames: list[Data] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, url: str, is_open: asyncio.Event) -> None:
        """Listen until the server closes."""
        async with connect(url, proxy=None, max_size=2**26) as socket:
            assert json.loads(await socket.recv())["type"] == "connected"
            is_open.set()
            async for text in socket:
                self.frames.append(json.loads(text))
                self.news.set()

    async def until(self, matches: Callable[[Data], bool], since: int) -> Data:
        """The first frame that matches, past or future."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                for frame in self.frames[since:]:
                    if matches(frame):
                        return frame
                self.news.clear()
                await self.news.wait()


@dataclass
class Mark:
    """A moment: how much had been told on either channel."""

    posted: int
    sent: int


class Stage:
    """WhatsApp's side, our server, and its two event channels."""

    def __init__(self, emulator: Emulator, server: WaportServer, inbox: Inbox) -> None:
        self.emulator = emulator
        self.server = server
        self.inbox = inbox
        self.socket = Socket()
        self.listening: asyncio.Task[None] | None = None
        self.ahead = 0
        """Events that the webhook was told while there was no socket."""
        self.own: Account
        self.own_phone: Phone
        self.alice: Account
        self.phone: Phone
        self.dave: Account
        self.group: Jid
        self.ann: Linked

    async def person(self, name: str) -> tuple[Account, Phone]:
        """A new account with its phone."""
        account = await self.emulator.create_account(None, name)
        return account, self.emulator.phone_of(account)

    def device(self, account: Account) -> Jid:
        """The address of the linked session."""
        return account.jid.with_device(1)

    async def listen(self) -> None:
        """Open the event socket."""
        is_open = asyncio.Event()
        url = self.server.url.replace("http", "ws") + f"/ws?apiKey={API_KEY}"
        self.ahead = len(self.inbox.events) - len(self.socket.frames)
        self.listening = asyncio.create_task(self.socket.read(url, is_open))
        async with asyncio.timeout(TIMEOUT_S):
            await is_open.wait()

    async def hear_end(self) -> None:
        """Wait until the server has closed the event socket."""
        if self.listening is not None:
            async with asyncio.timeout(TIMEOUT_S):
                await self.listening
            self.listening = None

    async def begin(self) -> Mark:
        """Now, once both channels have told the same."""
        while (lead := len(self.socket.frames) + self.ahead - len(self.inbox.events)) != 0:
            if lead > 0:
                posted = len(self.inbox.events)
                await self.inbox.until(lambda _: True, since=posted, what="what the socket told")
            else:
                await self.socket.until(lambda _: True, len(self.socket.frames))
        return Mark(len(self.inbox.events), len(self.socket.frames))

    async def told(
        self,
        kind: str,
        since: Mark,
        matches: Callable[[Data], bool] = lambda _: True,
        *,
        session_id: str = SESSION,
        strangers: tuple[str, ...] = (),
    ) -> Data:
        """The data of an event, which both channels must tell alike; {} for none at all.

        The addresses of people are looked at, and left out.

        Args:
            strangers: ids in it of which our server knows nothing more.
        """
        data = await self.told_whole(kind, since, matches, session_id=session_id)
        return without_addresses(data, self.emulator, strangers)

    async def told_whole(
        self,
        kind: str,
        since: Mark,
        matches: Callable[[Data], bool] = lambda _: True,
        *,
        session_id: str = SESSION,
    ) -> Data:
        """Likewise, with the addresses of people."""

        def fits(event: Any) -> bool:
            is_kind = (event["dataType"], event["sessionId"]) == (kind, session_id)
            return is_kind and matches(event.get("data", {}))

        posted = dict(
            await self.inbox.until(fits, since=since.posted, timeout_s=TIMEOUT_S, what=kind)
        )
        sent = await self.socket.until(fits, since.sent)
        has_data = ["data"] if "data" in posted else []
        assert list(posted) == ["sessionId", "dataType", *has_data]
        assert list(sent) == [*posted, "timestamp"]
        assert {name: sent[name] for name in posted} == posted
        data: Data = posted.get("data", {})
        return data

    def kinds(self, since: Mark, session_id: str = SESSION) -> list[str]:
        """The kinds of event on the webhook since then."""
        events = self.inbox.events[since.posted :]
        return [event["dataType"] for event in events if event["sessionId"] == session_id]

    def of(self, kind: str, since: Mark, session_id: str = SESSION) -> list[Data]:
        """The data of all events of a kind on the webhook since then."""
        events = self.inbox.events[since.posted :]
        name = (kind, session_id)
        return [
            without_addresses(event["data"], self.emulator)
            for event in events
            if (event["dataType"], event["sessionId"]) == name
        ]

    async def shared(
        self, collection: str, index: tuple[str, ...], value: pb.SyncActionValue, version: int
    ) -> None:
        """The own phone writes a record of what the account's devices share."""
        await self.own_phone.app_state.write(collection, [Mutation("SET", index, value, version)])

    async def heard(self, name: str) -> ReceivedMessage:
        """A message of ours as Alice's phone has decrypted it."""
        return await heard_by(self.phone).until(lambda message: message.id == name)

    def sent(self, name: str) -> pb.Message:
        """What Alice's phone sent, and has not taken back."""
        sent = self.phone.outbox.sent(name)
        assert sent is not None
        return sent.message

    async def newest(self, chat: Jid, name: str = "") -> Data:
        """The newest message of a chat, or one by its id, as the API shows it."""
        for message in await self.server.messages(SESSION, c_us(chat), 20):
            if name in ("", message["id"]["id"]):
                newest: Data = message
                return newest
        raise AssertionError(f"no message {name}")

    # --- what the server should tell -------------------------------------------------------------

    def message(
        self,
        name: str,
        content: pb.Message,
        timestamp: int,
        *,
        chat: Jid | None = None,
        author: Jid | None = None,
        from_me: bool = False,
        push_name: str = "",
        **more: Any,
    ) -> Data:
        """A Message with all its keys.

        Args:
            chat: Alice's where None.
            author: in groups.
            more: what is not as in a plain text of Alice's.
        """
        chat = chat or self.alice.jid
        key: Data = {"remoteJid": str(chat), "fromMe": from_me, "id": name}
        if author is not None:
            key["participant"] = str(author)
        data: Data = {"key": key, "message": raw(content), "messageTimestamp": timestamp}
        if from_me:
            words = ("PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ")
            data |= {"messageTimestamp": str(timestamp), "status": words[more.get("ack", 1)]}
        data["pushName"] = push_name or ("Bot" if from_me else "Alice")
        shape: Data = {
            "id": message_id(chat, name, from_me=from_me, author=author),
            "body": content.conversation,
            "type": "chat",
            "timestamp": timestamp,
            "from": c_us(self.own.jid) if from_me else c_us(chat),
            "to": c_us(chat) if from_me else c_us(self.own.jid),
            "isForwarded": False,
            "forwardingScore": 0,
            "isStatus": False,
            "isStarred": False,
            "broadcast": False,
            "fromMe": from_me,
            "hasQuotedMsg": False,
            "hasMedia": False,
            "hasReaction": False,
            "ack": 1,
            "mentionedIds": [],
            "groupMentions": [],
            "links": [],
            "deviceType": "android" if len(name) > 21 else "web",
            "vCards": [],
            "isGif": False,
            "_data": data,
        }
        if author is not None:
            shape["author"] = c_us(author)
        return {**shape, **more}

    def notification(
        self, group: Jid, name: str, kind: str, timestamp: int, *people: Jid, author: Jid
    ) -> Data:
        """A GroupNotification with all its keys."""
        return {
            "id": message_id(group, name, author=author),
            "body": "",
            "type": kind,
            "timestamp": timestamp,
            "chatId": str(group),
            "recipientIds": [c_us(person) for person in people],
            "author": c_us(author),
        }

    def chat(self, jid: Jid, name: str, last: Data | None, **more: Any) -> Data:
        """A Chat with all its keys."""
        shape: Data = {
            "id": id_of(jid),
            "name": name,
            "isGroup": jid.is_group,
            "isReadOnly": False,
            "unreadCount": 0,
            "timestamp": 0 if last is None else last["timestamp"],
            "archived": False,
            "pinned": False,
            "isMuted": False,
            "muteExpiration": 0,
        }
        if last is not None:
            shape["lastMessage"] = last
        return {**shape, **more}


@contextlib.asynccontextmanager
async def open_stage(folder: Path, settings: dict[str, str]) -> AsyncIterator[Stage]:
    """Everything but the linked account."""
    async with Emulator(EmulatorOptions()) as emulator, webhook_inbox() as inbox:
        server = WaportServer(
            folder,
            {
                "BASE_WEBHOOK_URL": inbox.url,
                "WA_WEBSOCKET_URL": emulator.ws_url,
                "WA_NOISE_ROOT_KEY": emulator.root_key.hex(),
                "WA_CA_FILE": str(emulator.ca_file),
                **settings,
            },
        )
        stage = Stage(emulator, server, inbox)
        stage.own, stage.own_phone = await stage.person("Bot")
        stage.alice, stage.phone = await stage.person("Alice")
        _, ann_phone = await stage.person("Ann")
        address = ServerAddress(
            emulator.ws_url, emulator.root_key.hex(), Path(str(emulator.ca_file))
        )
        (folder / "ann").mkdir()
        await server.start()
        await stage.listen()
        try:
            async with linked_client(folder / "ann", address, ann_phone.pair_by_qr) as stage.ann:
                yield stage
        finally:
            await server.kill()
            if stage.listening is not None:
                stage.listening.cancel()
                await asyncio.gather(stage.listening, return_exceptions=True)
