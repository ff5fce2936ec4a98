"""What the phone sends: messages to chats, peer messages to companions, and both again on request.

Source: docs/protocol/messages.md, "Sending", "Server ack" and "Retries".
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import RandomBytes
from ..errors import (
    ConnectionClosed,
    CorruptRecord,
    CryptoError,
    InvalidInput,
    QueryTimeout,
    StanzaError,
    query_error,
)
from ..proto import pb
from ..wire import AttrValue, Jid, Node
from .link import DeviceLink
from .phone_compose import Composed, Composer, own_copy
from .phone_content import traits
from .phone_devices import OwnAddress
from .phone_keys import parse_bundle
from .phone_signal import PhoneSignal
from .phone_trouble import NO_TROUBLE, Trouble
from .saved import Saved

_KEPT = 512  # sent messages that can be sent again
_MAX_RETRIES = 5
_MAX_REPEATS = 10
_ACK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the server has taken.

    Attributes:
        id: of the stanza.
        timestamp: the server's, unix seconds.
        server_id: the number of a post in its channel; None elsewhere.
    """

    id: str
    timestamp: int
    server_id: int | None = None


@dataclass(frozen=True, slots=True)
class SentContent:
    """What was sent, to which chat, and when (unix seconds)."""

    chat: Jid
    message: pb.Message
    timestamp: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is needed to send a message again."""

    chat: Jid
    message: bytes
    timestamp: int
    is_peer: bool


class Outbox:
    """Encrypts and sends; remembers what it sent."""

    def __init__(
        self,
        link: DeviceLink,
        signal: PhoneSignal,
        own: OwnAddress,
        *,
        clock: Callable[[], float],
        random_bytes: RandomBytes = os.urandom,
        ack_timeout_s: float = _ACK_TIMEOUT_S,
    ) -> None:
        self._link = link
        self._signal = signal
        self._own = own
        self._composer = Composer(link, signal, own)
        self._contacts, self._groups = self._composer.contacts, self._composer.groups
        self._clock = clock
        self._random_bytes = random_bytes
        self._ack_timeout_s = ack_timeout_s
        # One message at a time leaves the phone, so each chat keeps the order of the calls.
        self._sending = asyncio.Lock()
        self._acks: dict[str, asyncio.Future[Node]] = {}
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._base_keys: dict[tuple[str, str], bytes] = {}
        self._repeats: Counter[tuple[str, str]] = Counter()

    def new_id(self) -> str:
        """A message id as a web client makes it: 3EB0 and 18 hex digits."""
        return "3EB0" + self._random_bytes(9).hex().upper()

    # --- texts -----------------------------------------------------------------------------------

    async def send_text(self, to: Jid, text: str, message_id: str | None = None) -> SentMessage:
        """Send a text to all devices of a chat, our own companions included.

        Args:
            to: a bare PN or LID, in which case the stanza uses that kind of address throughout; a
                group; a channel; or the status feed, which everybody sees whose LID the phone knows
                and whom the account lets see its posts.
            text: not empty.
            message_id: made up when None.

        Returns:
            the message, once the server has acknowledged it.

        Raises:
            InvalidInput: `to` is neither a person nor a group, a channel or the status feed.
            NotFound: there is no such account or group.
            QueryError: the server or every device of the recipient refused it.
            QueryTimeout: no ack came.
        """
        message = pb.Message(
            conversation=text,
            messageContextInfo=pb.MessageContextInfo(messageSecret=self._random_bytes(32)),
        )
        return await self.send_message(to, message, message_id)

    async def send_message(
        self,
        to: Jid,
        message: pb.Message,
        message_id: str | None = None,
        *,
        trouble: Trouble = NO_TROUBLE,
        media_id: str | None = None,
    ) -> SentMessage:
        """Send any message; see `send_text`.

        Args:
            to: see there.
            message: what to send.
            message_id: made up when None; an edit in a channel has the id of the post.
            trouble: what is to be wrong with it.
            media_id: handle of the file of a post in a channel.
        """
        if not (to.is_group or to.is_status or to.is_newsletter or to.is_pn or to.is_lid):
            raise InvalidInput("the phone writes to people, groups, channels and the status feed")
        to = to.bare
        if message_id in self._acks:
            raise InvalidInput(f"message {message_id} is being sent already")
        async with self._sending:
            composed = await self._composer.compose(to, message, trouble, media_id)
            if composed is None:
                # A note to self without companions never leaves the phone.
                return SentMessage(message_id or self.new_id(), int(self._clock()))
            name = composed.name or message_id or self.new_id()
            if not to.is_newsletter:
                plaintext = message.SerializeToString()
                self._keep(name, _Kept(to, plaintext, int(self._clock()), is_peer=False))
            acked = await self._send(name, to, composed)
        ack = await self._acknowledged(name, acked)
        if composed.prepared is not None:
            self._groups.acknowledged(to, composed.prepared)
        t = ack.get_int("t", int(self._clock()))
        return SentMessage(name, t, ack.get_int("server_id"))

    async def _send(self, name: str, to: Jid, composed: Composed) -> asyncio.Future[Node]:
        """Hand a message to the server; its ack."""
        if name in self._acks:
            raise InvalidInput(f"message {name} is being sent already")
        acked: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        self._acks[name] = acked
        attrs: dict[str, AttrValue] = {"id": name, "to": to, **composed.attrs}
        await self._link.send(Node("message", attrs, composed.content))
        return acked

    async def _acknowledged(self, name: str, acked: asyncio.Future[Node]) -> Node:
        """The server's ack."""
        try:
            return await asyncio.wait_for(acked, self._ack_timeout_s)
        except TimeoutError as exc:
            raise QueryTimeout(f"no ack for message {name}") from exc
        finally:
            del self._acks[name]

    async def react_in_newsletter(self, to: Jid, server_id: int, code: str) -> SentMessage:
        """React to a post of a channel; an empty code takes the reaction back.

        Raises:
            QueryError: the server refused it.
        """
        attrs: dict[str, AttrValue] = {"type": "reaction", "server_id": str(server_id)}
        if not code:
            attrs["edit"] = "7"
        name = self.new_id()
        reaction = Node("reaction", {"code": code} if code else {})
        acked = await self._send(name, to.bare, Composed(attrs, [reaction]))
        ack = await self._acknowledged(name, acked)
        return SentMessage(name, ack.get_int("t", int(self._clock())), server_id)

    def on_ack(self, ack: Node) -> None:
        """Take the server's ack of a message."""
        waiting = self._acks.get(ack.get("id", ""))
        if waiting is None or waiting.done():
            return
        error = ack.get_int("error")
        if error is None:
            waiting.set_result(ack)
        else:
            waiting.set_exception(query_error(error, "the server refused the message"))

    def close(self) -> None:
        """Give up on acks that are still awaited."""
        for waiting in self._acks.values():
            if not waiting.done():
                waiting.set_exception(ConnectionClosed("the phone is off", will_retry=False))

    # --- peer messages ---------------------------------------------------------------------------

    async def send_peer(self, companion: Jid, message: pb.ProtocolMessage) -> str:
        """Send a companion of ours something for its machinery; no ack is awaited.

        Returns:
            the message's id.

        Raises:
            QueryError, CryptoError: the companion has no usable bundle.
        """
        name = self.new_id()
        plaintext = pb.Message(protocolMessage=message).SerializeToString()
        async with self._sending:
            failed = await self._contacts.open_sessions([companion])
            if companion in failed:
                raise failed[companion]
            self._keep(name, _Kept(companion, plaintext, int(self._clock()), is_peer=True))
            await self._send_peer(companion, name, self._composer.encrypt(companion, plaintext))
        return name

    async def _send_peer(self, companion: Jid, name: str, enc: Node) -> None:
        attrs: dict[str, AttrValue] = {
            "id": name,
            "to": companion,
            "type": "text",
            "category": "peer",
            "push_priority": "high",
        }
        meta = Node("meta", {"appdata": "default"})
        await self._link.send(Node("message", attrs, [meta, enc]))

    # --- sending again ---------------------------------------------------------------------------

    async def answer_retry(self, receipt: Node) -> None:
        """Answer a retry receipt: repair the session and send the message to that device again.

        Raises:
            StanzaError: the receipt lacks something.
            QueryError, CryptoError: there is no way to reach the device.
        """
        name = receipt.attr("id")
        device = receipt.get_jid("participant") or receipt.jid("from")
        count = receipt.child("retry").get_int("count", 1)
        kept = self._kept.get(name)
        if kept is None or count >= _MAX_RETRIES or not await self._may_ask(device, kept, receipt):
            return
        key = (self._signal.address(device), name)
        self._repeats[key] += 1
        if self._repeats[key] >= _MAX_REPEATS:
            return
        async with self._sending:
            self._repair(device, receipt, key, count)
            failed = await self._contacts.open_sessions([device])
            if device in failed:
                raise failed[device]
            await self._send_again(name, device, kept, count)

    async def _may_ask(self, device: Jid, kept: _Kept, receipt: Node) -> bool:
        if kept.chat.is_group or kept.chat.is_status:
            if receipt.jid("from") != kept.chat:
                return False
            self._groups.doubt(kept.chat, device)
            # A status post is not sent again; the next one brings the key.
            return kept.chat.is_group and await self._groups.may_ask(kept.chat, device)
        if device in self._own:
            return True
        return self._signal.address(device.bare) == self._signal.address(kept.chat.bare)

    def _repair(self, device: Jid, receipt: Node, key: tuple[str, str], count: int) -> None:
        registration = receipt.find("registration")
        keys = receipt.find("keys")
        record = self._signal.session(device)
        known = record.remote_registration_id if record else 0
        if keys is not None:
            published = parse_bundle(keys, registration)
            if device in self._own and known not in (0, published.bundle.registration_id):
                raise CryptoError("an own device has changed keys and registration id together")
            self._signal.open_session(device, published)
            return
        told = int.from_bytes(registration.data, "big") if registration else 0
        if record is not None and known and told and known != told:
            self._signal.forget_session(device)
        elif record is not None and count == 2:
            self._base_keys[key] = record.base_key
        elif record is not None and count > 2 and self._base_keys.get(key) == record.base_key:
            self._signal.forget_session(device)

    async def _send_again(self, name: str, device: Jid, kept: _Kept, count: int) -> None:
        if kept.is_peer:
            enc = self._composer.encrypt(device, kept.message, {"count": str(count)})
            await self._send_peer(device, name, enc)
            return
        message = pb.Message.FromString(kept.message)
        shown = traits(message)
        attrs: dict[str, AttrValue] = {
            "id": name,
            "to": device,
            **shown.attrs,
            "t": str(kept.timestamp),
            "device_fanout": "false",
        }
        plaintext = kept.message
        if kept.chat.is_group:
            attrs |= {"to": kept.chat, "participant": device}
            attrs["addressing_mode"] = await self._groups.mode(kept.chat)
            del attrs["device_fanout"]
            plaintext = self._groups.distribution(kept.chat, message).SerializeToString()
        elif device in self._own:
            plaintext = own_copy(kept.chat, message).SerializeToString()
            attrs["recipient"] = kept.chat
        enc = self._composer.encrypt(device, plaintext, {"count": str(count), **shown.enc})
        await self._link.send(Node("message", attrs, [enc, *shown.children]))

    def sent(self, name: str) -> SentContent | None:
        """A message that can still be sent again; None for machinery, and what is unknown."""
        kept = self._kept.get(name)
        if kept is None or kept.is_peer:
            return None
        return SentContent(kept.chat, pb.Message.FromString(kept.message), kept.timestamp)

    async def group_mode(self, group: Jid) -> str:
        """The addressing mode of a group; see `GroupSender.mode`."""
        return await self._groups.mode(group)

    def _keep(self, name: str, kept: _Kept) -> None:
        self._kept[name] = kept
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    # --- the state folder ------------------------------------------------------------------------

    def dump(self) -> list[dict[str, object]]:
        """The messages that can be sent again, as JSON values."""
        return [
            {
                "id": name,
                "chat": str(kept.chat),
                "message": kept.message.hex(),
                "timestamp": kept.timestamp,
                "peer": kept.is_peer,
            }
            for name, kept in self._kept.items()
        ]

    def restore(self, saved: list[Saved]) -> None:
        """Take back what `dump` gave; CorruptRecord when it is something else."""
        for item in saved:
            try:
                chat = Jid.parse(item.text("chat"))
                pb.Message.FromString(item.data("message"))
            except (InvalidInput, ProtobufDecodeError, StanzaError) as exc:
                raise CorruptRecord("a sent message cannot be read") from exc
            kept = _Kept(chat, item.data("message"), item.number("timestamp"), item.flag("peer"))
            self._keep(item.text("id"), kept)
