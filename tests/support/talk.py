"""An account of ours that talks with Alice, as its API and her phone tell of it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import httpx

from waport.emulator.accounts import Account
from waport.emulator.phone import Phone
from waport.emulator.phone_received import ReceivedMessage
from waport.emulator.server import Emulator
from waport.proto import pb
from waport.wire import Jid

from .shared_state import SharedState
from .waport_server import Inbox, WaportServer
from .who import without_addresses

SESSION = "main"
TIMEOUT_S = 20.0
WRAPPERS = (
    "viewOnceMessage",
    "viewOnceMessageV2",
    "documentWithCaptionMessage",
    "groupMentionedMessage",
    "editedMessage",
)


class World(Protocol):
    """WhatsApp's side, our server, and what its webhook was told."""

    emulator: Emulator
    server: WaportServer
    inbox: Inbox

    async def person(self, name: str) -> tuple[Account, Phone]:
        """A new account with its phone."""
        ...

    def device(self, account: Account) -> Any:
        """The address of the linked session."""
        ...


def c_us(jid: Jid) -> str:
    """An address as the API names it."""
    return f"{jid.user}@c.us"


def encoded(data: bytes) -> str:
    """Bytes as JSON carries them."""
    return base64.b64encode(data).decode()


def innermost(message: pb.Message) -> pb.Message:
    """A message without its wrappers."""
    for name in WRAPPERS:
        if message.HasField(name):
            return innermost(getattr(message, name).message)
    return message


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and machine word of an error."""
    return response.status_code, response.json()["message"]


class Heard(list[ReceivedMessage]):
    """What a phone has decrypted; one can wait for more."""

    def __init__(self, messages: Iterable[ReceivedMessage]) -> None:
        super().__init__(messages)
        self._news = asyncio.Event()

    def append(self, message: ReceivedMessage) -> None:
        super().append(message)
        self._news.set()

    async def until(self, matches: Callable[[ReceivedMessage], bool]) -> ReceivedMessage:
        """The first message that matches, past or future."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                for message in self:
                    if matches(message):
                        return message
                self._news.clear()
                await self._news.wait()


def heard_by(phone: Phone) -> Heard:
    """What a phone has decrypted, from now on as a list that tells of news."""
    if not isinstance(phone.inbox.messages, Heard):
        phone.inbox.messages = Heard(phone.inbox.messages)
    return phone.inbox.messages


@dataclass
class Talk:
    """A linked account of ours that talks with Alice, who has but a phone."""

    world: World
    own: Account
    own_phone: Phone
    alice: Account
    phone: Phone
    prefix: ClassVar[str] = ""
    """Of every path that is called."""

    @property
    def chat(self) -> str:
        return c_us(self.alice.jid)

    async def call(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.world.server.api.post(f"{self.prefix}{path}/{SESSION}", json=body)

    async def ok(self, path: str, **body: Any) -> dict[str, Any]:
        """Call a route about the chat with Alice; it must succeed."""
        response = await self.call(path, {"chatId": self.chat, **body})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        assert answer.pop("success") is True
        return without_addresses(answer, self.world.emulator, strangers=None)

    async def send(
        self, content: object, content_type: str = "string", to: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """Send something; the message as answered, which the server has acknowledged."""
        body = {"contentType": content_type, "content": content, "options": options}
        answer = await self.ok("/client/sendMessage", **body, **({"chatId": to} if to else {}))
        message: dict[str, Any] = answer["message"]
        assert message["ack"] == 1
        return message

    async def seen(self, message_id: str, phone: Phone | None = None) -> ReceivedMessage:
        """A message as a phone has decrypted it."""
        heard = heard_by(phone or self.phone)
        return await heard.until(lambda message: message.id == message_id)

    async def newest(self, after: int) -> ReceivedMessage:
        """What Alice's phone has decrypted next."""
        return await heard_by(self.phone).until(lambda message: message.seq == after + 1)

    async def listed(self, message_id: str, chat: str | None = None) -> dict[str, Any]:
        """A message as the next fetchMessages shows it."""
        for message in await self.world.server.messages(SESSION, chat or self.chat):
            if message["id"]["id"] == message_id:
                found: dict[str, Any] = message
                return found
        raise AssertionError(f"no message {message_id}")

    async def shares(self) -> SharedState:
        """What the account's devices share, once our session has read all of it.

        Before that nothing is told of what the phone writes: it is no news.
        """
        shared = SharedState(self.own_phone)
        await self.ok("/chat/pin")  # goes up once everything is read
        await shared.until("regular_low", "pin_v1", str(self.alice.jid))
        return shared

    async def received(self, text: str) -> dict[str, Any]:
        """A text of Alice's, as our webhook was told of it."""
        since = len(self.world.inbox.events)
        await self.phone.send_text(self.own.jid, text)
        event = await self.world.inbox.text(text, since=since)
        data: dict[str, Any] = event["data"]
        return data
