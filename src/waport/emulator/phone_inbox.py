"""What the phone receives: decrypts messages, keeps them, and answers each with a receipt.

Source: docs/protocol/messages.md, "Receiving", "Receipts" and "Retries".
"""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..errors import CorruptRecord, DecodeError, DecryptError, DecryptFailure, InvalidInput
from ..proto import pb
from ..wire import AttrValue, Jid, Node
from .link import DeviceLink
from .phone_devices import OwnAddress
from .phone_keys import retry_keys
from .phone_received import ReceivedMessage, parse_message
from .phone_signal import PhoneSignal
from .saved import Saved

_log = logging.getLogger(__name__)

_SEEN = 20_000  # ids remembered to recognise what the server delivers twice
_MAX_RETRIES = 5
_IDS_PER_RECEIPT = 256
_INVALID_PROTOBUF = 491
_SINGLE = ("pkmsg", "msg")
_SHARED = "skmsg"
_READABLE = (*_SINGLE, _SHARED)

OnPeer = Callable[[Jid, str, pb.ProtocolMessage], Awaitable[None]]
"""Handles what a companion of ours asks its phone: the companion, the message id, the request."""


class Inbox:
    """Receives messages for the phone."""

    def __init__(
        self,
        link: DeviceLink,
        signal: PhoneSignal,
        own: OwnAddress,
        on_peer: OnPeer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.messages: list[ReceivedMessage] = []
        self.names: dict[Jid, str] = {}
        self._clock = clock
        self._link = link
        self._signal = signal
        self._own = own
        self._on_peer = on_peer
        self._seen: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._retries: Counter[tuple[str, str, str]] = Counter()

    async def receive(self, stanza: Node) -> None:
        """Take one `<message>` and answer it.

        Raises:
            StanzaError: it has no id or no sender; it cannot be answered at all.
        """
        stanza.attr("id")
        source = stanza.jid("from")
        if source.is_newsletter:
            await self._receive_post(stanza, source)
            return
        sender = stanza.get_jid("participant") or source
        self._learn(stanza, source, sender)
        key = (self._chat_key(stanza), self._signal.address(sender), stanza.attr("id"))
        if key in self._seen:
            await self._dismiss(stanza, sender)
            return
        if not any(enc.get("type") in _READABLE for enc in stanza.children("enc")):
            _log.info("message %s has nothing that this phone reads", stanza.attr("id"))
            await self._ack(stanza)
            return
        try:
            message = self._open(stanza, sender)
        except DecryptError as exc:
            await self._refuse(stanza, sender, exc)
            return
        except DecodeError:
            await self._ack(stanza, error=_INVALID_PROTOBUF)
            return
        self._seen[key] = None
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        if stanza.get("category") == "peer":
            await self._ack(stanza)
            # Baileys sends its own phone what it sends all own devices: a copy.
            inner = message.deviceSentMessage.message
            asked = inner if message.HasField("deviceSentMessage") else message
            if sender in self._own and asked.HasField("protocolMessage"):
                await self._on_peer(sender, stanza.attr("id"), asked.protocolMessage)
            return
        names = {described.name for described, _ in message.ListFields()}
        if names - {"messageContextInfo"}:  # nothing is left of a message that only brought a key
            self._store(stanza, sender, message)
        await self._send_receipt(stanza, sender)

    async def _receive_post(self, stanza: Node, channel: Jid) -> None:
        """Take a post of a channel, or its change; neither is encrypted."""
        meta, plaintext = stanza.find("meta"), stanza.find("plaintext")
        changed = meta.get("msg_edit_t", "") if meta is not None else ""
        key = (str(channel), changed, stanza.attr("id"))
        if key not in self._seen and plaintext is not None:
            self._seen[key] = None
            content = plaintext.content
            message = parse_message(content) if isinstance(content, bytes) else pb.Message()
            post = self._received(stanza, channel, channel, message)
            self.messages.append(post)
        await self._ack(stanza)

    def _learn(self, stanza: Node, source: Jid, sender: Jid) -> None:
        for name in ("sender_lid", "sender_pn", "participant_lid", "participant_pn"):
            self._signal.learn(sender.bare, stanza.get_jid(name))
        recipient = stanza.get_jid("recipient")
        if recipient is not None:
            for name in ("peer_recipient_lid", "peer_recipient_pn"):
                self._signal.learn(recipient.bare, stanza.get_jid(name))
        notify = stanza.get("notify")
        if notify and source not in self._own:
            self.names[sender.bare] = notify

    def _chat_key(self, stanza: Node) -> str:
        chat = stanza.get_jid("recipient") or stanza.jid("from")
        return self._signal.address(chat.bare)

    def _open(self, stanza: Node, sender: Jid) -> pb.Message:
        """Decrypt what is for this device alone, then what is for the whole chat."""
        encs = stanza.children("enc")
        single = [enc for enc in encs if enc.get("type") in _SINGLE]
        shared = [enc for enc in encs if enc.get("type") == _SHARED]
        identity = stanza.find("device-identity")
        signed = None if identity is None else identity.data
        message = pb.Message()
        for enc in single:
            try:
                plaintext = self._signal.decrypt(sender, enc.attr("type"), _body(enc), signed)
            except DecryptError as exc:
                # The key in a part that was read before is known; in any other it is missing.
                if shared and exc.reason is DecryptFailure.DUPLICATE:
                    continue
                raise
            message = parse_message(plaintext)
            self._take_sender_key(stanza, sender, message)
        chat, address = str(stanza.jid("from")), self._signal.address(sender)
        for enc in shared:
            message = parse_message(self._signal.sender_keys.decrypt(chat, address, _body(enc)))
        return message

    def _take_sender_key(self, stanza: Node, sender: Jid, message: pb.Message) -> None:
        """Keep the key that may come with a message for this device, and take it out."""
        for holder in (message, message.deviceSentMessage.message):
            if not holder.HasField("senderKeyDistributionMessage"):
                continue
            given = holder.senderKeyDistributionMessage
            if given.groupId == str(stanza.jid("from")):
                address = self._signal.address(sender)
                data = given.axolotlSenderKeyDistributionMessage
                try:
                    self._signal.sender_keys.accept(given.groupId, address, data)
                except DecodeError as exc:
                    _log.warning("a sender key of %s is void: %s", sender.masked, exc)
            holder.ClearField("senderKeyDistributionMessage")

    def _store(self, stanza: Node, sender: Jid, message: pb.Message) -> None:
        chat = stanza.jid("from").bare
        if message.HasField("deviceSentMessage"):
            if sender not in self._own:
                _log.warning("dropped a device-sent message of a stranger")
                return
            copy = message.deviceSentMessage
            chat = _jid(copy.destinationJid) or stanza.get_jid("recipient") or chat
            inner = copy.message
            if not inner.HasField("messageContextInfo") and message.HasField("messageContextInfo"):
                inner.messageContextInfo.CopyFrom(message.messageContextInfo)
            message = inner
        self.messages.append(self._received(stanza, sender, chat.bare, message))

    def _received(
        self, stanza: Node, sender: Jid, chat: Jid, message: pb.Message
    ) -> ReceivedMessage:
        return ReceivedMessage(
            seq=len(self.messages) + 1,
            id=stanza.attr("id"),
            sender=sender,
            chat=chat,
            participant=stanza.get_jid("participant"),
            timestamp=stanza.get_int("t", int(self._clock())),
            message=message,
            edit=stanza.get("edit"),
            server_id=stanza.get_int("server_id"),
        )

    # --- answers ---------------------------------------------------------------------------------

    async def _send_receipt(self, stanza: Node, sender: Jid) -> None:
        attrs: dict[str, AttrValue] = {"id": stanza.attr("id"), "to": stanza.jid("from")}
        if sender in self._own:
            attrs["type"] = "sender"
        _copy(stanza, attrs, "participant", "recipient")
        await self._link.send(Node("receipt", attrs))

    async def _ack(self, stanza: Node, error: int | None = None) -> None:
        attrs: dict[str, AttrValue] = {
            "class": "message",
            "id": stanza.attr("id"),
            "to": stanza.jid("from"),
        }
        _copy(stanza, attrs, "participant", "recipient")
        if error is not None:
            attrs["error"] = str(error)
        await self._link.send(Node("ack", attrs))

    async def _refuse(self, stanza: Node, sender: Jid, cause: DecryptError) -> None:
        """Ask the sender to send the message again, in a way that this phone can read."""
        if cause.reason is DecryptFailure.CORRUPT_PLAINTEXT:
            await self._ack(stanza, error=_INVALID_PROTOBUF)
            return
        if cause.reason is DecryptFailure.DUPLICATE:
            # Its text is lost if the sender used one counter for two messages.
            _log.warning("message %s from %s: counter used before", stanza.get("id"), sender.masked)
            await self._dismiss(stanza, sender)
        elif await self._ask_again(stanza, sender, cause.reason):
            await self._ack(stanza)
        else:
            await self._dismiss(stanza, sender)

    async def _dismiss(self, stanza: Node, sender: Jid) -> None:
        """Say that this stanza need not come again; own copies end only with a receipt."""
        if sender in self._own and stanza.get("category") != "peer":
            await self._send_receipt(stanza, sender)
        else:
            await self._ack(stanza)

    async def _ask_again(self, stanza: Node, sender: Jid, reason: DecryptFailure) -> bool:
        """Send a retry receipt; False when the sender has been asked often enough."""
        name = stanza.attr("id")
        key = (self._chat_key(stanza), self._signal.address(sender), name)
        if len(self._retries) > _SEEN:
            self._retries.clear()
        told = max(enc.get_int("count", 0) for enc in stanza.children("enc"))
        self._retries[key] = max(self._retries[key], told) + 1
        count = self._retries[key]
        _log.warning("message %s from %s: %s, retry %d", name, sender.masked, reason.name, count)
        if count > _MAX_RETRIES:
            return False
        retry: dict[str, AttrValue] = {"v": "1", "count": str(count), "id": name}
        _copy(stanza, retry, "t")
        if 0 < reason < DecryptFailure.UNSUPPORTED_VERSION:
            retry["error"] = str(int(reason))
        local = self._signal.local
        children = [
            Node("retry", retry),
            Node("registration", {}, local.registration_id.to_bytes(4, "big")),
        ]
        if count > 1 or reason is DecryptFailure.INVALID_KEY_ID:
            (key_pair,) = self._signal.make_pre_keys(1)
            children.append(retry_keys(local, self._signal.signed_pre_key, key_pair))
        attrs: dict[str, AttrValue] = {
            "id": name,
            "to": stanza.jid("from"),
            "type": "retry",
        }
        _copy(stanza, attrs, "participant", "recipient", "category")
        await self._link.send(Node("receipt", attrs, children))
        return True

    async def mark_read(self, chat: Jid, ids: Iterable[str] | None = None) -> list[str]:
        """Tell the senders that their messages were read.

        Args:
            chat: whose messages, by PN or LID; or of which group.
            ids: which of them; all of them when None. Others than received ones are left out.

        Returns:
            the ids that the receipts name.
        """
        wanted = None if ids is None else set(ids)
        address = self._signal.address(chat.bare)
        by_sender: dict[tuple[Jid, Jid | None], list[str]] = {}
        for message in self.messages:
            if message.sender in self._own or (wanted is not None and message.id not in wanted):
                continue
            if self._signal.address(message.chat) == address:
                place = (message.chat, message.participant)
                by_sender.setdefault(place, []).append(message.id)
        for (to, participant), named in by_sender.items():
            for start in range(0, len(named), _IDS_PER_RECEIPT):
                first, *rest = named[start : start + _IDS_PER_RECEIPT]
                attrs: dict[str, AttrValue] = {"id": first, "to": to, "type": "read"}
                if participant is not None:
                    attrs["participant"] = participant
                attrs["t"] = str(int(self._clock()))
                items = [Node("item", {"id": name}) for name in rest]
                listed = [Node("list", {}, items)] if items else None
                await self._link.send(Node("receipt", attrs, listed))
        return [name for named in by_sender.values() for name in named]

    # --- the state folder ------------------------------------------------------------------------

    def dump(self) -> dict[str, object]:
        """Messages and names as JSON values."""
        return {
            "messages": [
                {
                    "id": m.id,
                    "sender": str(m.sender),
                    "chat": str(m.chat),
                    "participant": "" if m.participant is None else str(m.participant),
                    "timestamp": m.timestamp,
                    "message": m.message.SerializeToString().hex(),
                    "edit": m.edit or "",
                    "server_id": -1 if m.server_id is None else m.server_id,
                }
                for m in self.messages
            ],
            "names": {str(jid): name for jid, name in self.names.items()},
        }

    def restore(self, saved: Saved) -> None:
        """Take back what `dump` gave; CorruptRecord when it is something else."""
        for number, item in enumerate(saved.parts("messages"), 1):
            try:
                message = pb.Message.FromString(item.data("message"))
                sender, chat = Jid.parse(item.text("sender")), Jid.parse(item.text("chat"))
            except (InvalidInput, ProtobufDecodeError) as exc:
                raise CorruptRecord("a received message cannot be read") from exc
            has_edit = "edit" in item.names()  # not in what older emulators have saved
            server_id = item.number("server_id") if has_edit else -1
            self.messages.append(
                ReceivedMessage(
                    number,
                    item.text("id"),
                    sender,
                    chat,
                    _jid(item.text("participant")),
                    item.number("timestamp"),
                    message,
                    edit=item.text("edit") or None if has_edit else None,
                    server_id=server_id if server_id >= 0 else None,
                )
            )
            self._seen[
                (
                    self._signal.address(chat),
                    self._signal.address(sender),
                    item.text("id"),
                )
            ] = None
        names = saved.part("names")
        for name in names.names():
            if (jid := _jid(name)) is not None:
                self.names[jid] = names.text(name)


def _body(enc: Node) -> bytes:
    return enc.content if isinstance(enc.content, bytes) else b""


def _jid(text: str) -> Jid | None:
    try:
        return Jid.parse(text)
    except InvalidInput:
        return None


def _copy(stanza: Node, attrs: dict[str, AttrValue], *names: str) -> None:
    for name in names:
        value = stanza.attrs.get(name)
        if value is not None:
            attrs[name] = value
