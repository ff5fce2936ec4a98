"""A linked account over a real database, and people who write to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from waport.client.work import Work, own_addresses
from waport.crypto import KeyPair
from waport.model import Credentials, DomainEvent
from waport.proto import pb
from waport.signal import (
    Ciphertext,
    LocalIdentity,
    PreKey,
    PreKeyBundle,
    SessionRecord,
    SignedPreKey,
    decrypt_message,
    decrypt_pre_key_message,
    encrypt,
    generate_pre_keys,
    pad,
    start_session,
    unpad,
)
from waport.store import Database, UnitOfWork
from waport.wire import Jid, Node

from .clock import TIMEOUT_S

OWN_PN = Jid("15550001111", "s.whatsapp.net", 1)
OWN_LID = Jid("100000000000001", "lid", 1)
PEER_PN = Jid("15550002222", "s.whatsapp.net")
PEER_LID = Jid("100000000000002", "lid")
SESSION = "main"
NOW = 1_700_000_000


E = TypeVar("E")


@dataclass
class RecordingSink:
    """Keeps what was recorded and what was published."""

    recorded: list[DomainEvent] = field(default_factory=list)
    published: list[Any] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def record(self, work: UnitOfWork, event: DomainEvent, own: Jid | None) -> Sequence[Any]:
        self.recorded.append(event)
        return [event]

    def publish(self, session_id: str, frames: Sequence[Any]) -> None:
        self.published.extend(frames)
        self._news.set()

    def of(self, kind: type[E]) -> list[E]:
        """Published events of a kind."""
        return [event for event in self.published if isinstance(event, kind)]

    async def until(self, kind: type[E], count: int = 1) -> E:
        """Wait until so many events of a kind were published; the last of them."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[count - 1]


class Peer:
    """Another device with its own keys; it talks to the account through the signal room alone."""

    def __init__(self, device: Jid) -> None:
        self.device = device
        self.identity = KeyPair.generate()
        self.registration_id = 4711
        self.signed_pre_key = SignedPreKey.create(self.identity, 1)
        self.pre_keys = {key.id: key for key in generate_pre_keys(1, 5)}
        self.record: SessionRecord | None = None

    @property
    def local(self) -> LocalIdentity:
        return LocalIdentity(self.identity, self.registration_id)

    def bundle(self) -> PreKeyBundle:
        key = next(iter(self.pre_keys.values()))
        return PreKeyBundle(
            registration_id=self.registration_id,
            identity=self.identity.public,
            signed_pre_key_id=self.signed_pre_key.id,
            signed_pre_key=self.signed_pre_key.pair.public,
            signature=self.signed_pre_key.signature,
            pre_key_id=key.id,
            pre_key=key.pair.public,
        )

    def open(self, bundle: PreKeyBundle) -> None:
        self.record = start_session(self.local, bundle, self.record)

    def encrypt(self, plaintext: bytes, *, padded: bool = True) -> Ciphertext:
        assert self.record is not None
        body = pad(plaintext) if padded else plaintext
        self.record, ciphertext = encrypt(self.record, body)
        return ciphertext

    def decrypt(self, enc: Node) -> pb.Message:
        assert isinstance(enc.content, bytes)
        if enc.get("type") == "pkmsg":
            result = decrypt_pre_key_message(
                self.local,
                self.record,
                enc.content,
                signed_pre_key=lambda _: self.signed_pre_key.pair,
                pre_key=lambda key_id: self.pre_keys[key_id].pair,
            )
            self.record, plaintext = result.record, result.plaintext
        else:
            self.record, plaintext = decrypt_message(self.record, enc.content)
        return pb.Message.FromString(unpad(plaintext))


@dataclass
class Account:
    """The account under test."""

    database: Database
    sink: RecordingSink
    credentials: Credentials
    pre_keys: list[PreKey]

    async def handle(self, handler: Callable[[Work, Node], None], node: Node) -> Work:
        """Run a handler in a transaction, as the dispatcher does."""

        def job(store: UnitOfWork) -> Work:
            credentials = store.devices.get()
            assert credentials is not None

            async def announce() -> None:
                return None

            work = Work(
                store=store,
                credentials=credentials,
                own=own_addresses(credentials),
                now=NOW,
                sink=self.sink,
                available=True,
                seen_receipt="",
                announce=announce,
            )
            handler(work, node)
            return work

        return await self.database.write(SESSION, job)

    async def read(self, job: Callable[[UnitOfWork], Any]) -> Any:
        return await self.database.read(SESSION, job)

    async def write(self, job: Callable[[UnitOfWork], Any]) -> Any:
        return await self.database.write(SESSION, job)

    def bundle(self, *, with_pre_key: bool = True) -> PreKeyBundle:
        c = self.credentials
        key = self.pre_keys.pop(0) if with_pre_key else None
        return PreKeyBundle(
            registration_id=c.registration_id,
            identity=c.identity.public,
            signed_pre_key_id=c.signed_pre_key.id,
            signed_pre_key=c.signed_pre_key.pair.public,
            signature=c.signed_pre_key.signature,
            pre_key_id=key.id if key else None,
            pre_key=key.pair.public if key else None,
        )

    async def snapshot(self) -> tuple[Any, ...]:
        """Everything of the Signal state that a refusal must leave alone."""

        def job(store: UnitOfWork) -> tuple[Any, ...]:
            names = [PEER_PN.signal_name, PEER_LID.signal_name]
            sessions = {
                address: store.signal.session(address)
                for name in names
                for address in store.signal.session_addresses(name)
            }
            keys = [store.signal.pre_key(key_id) for key_id in range(1, 21)]
            return sessions, keys

        result: tuple[Any, ...] = await self.read(job)
        return result


def text(words: str) -> bytes:
    return pb.Message(conversation=words).SerializeToString()


def stanza(
    ciphertext: Ciphertext, message_id: str = "3EB0AA", source: Jid = PEER_LID, **attrs: Any
) -> Node:
    """A `<message>` as the server delivers it."""
    node = Node(
        "message",
        {"from": source, "id": message_id, "t": str(NOW), "type": "text", "notify": "Bob"},
        [Node("enc", {"v": "2", "type": ciphertext.type}, ciphertext.body)],
    )
    node.attrs.update(attrs)
    return node
