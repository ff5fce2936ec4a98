"""What was decrypted takes effect: kept and announced, or applied to another message."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from ...errors import DecodeError, InvalidInput
from ...model import Ack, Message, MessageAdded, MessageKey, MessageKind
from ...model.contents import Protocol, Text, Unknown
from ...proto import pb
from ...stanza.contents import DecodedMessage, read_message
from ...wire import Jid
from .. import addons
from ..app_state_effects import apply_waiting
from ..fanout import canonical
from ..work import Work
from .arrival import Arrival

log = logging.getLogger(__name__)

_MACHINERY = frozenset(("", "stickerSyncRmrMessage", "messageHistoryNotice"))
"""Members of a message that nobody is to see; the empty name is that of a message without any."""


@dataclass(frozen=True, slots=True)
class Written:
    """Who wrote a content, where and when.

    Attributes:
        key: in our view: chat and author by phone number where that is known.
        chat: as the stanza names it, bare.
        sender: the author as the stanza names them.
        timestamp: Unix seconds.
        push_name: the author's name; empty when unknown.
    """

    key: MessageKey
    chat: Jid
    sender: Jid
    timestamp: int
    push_name: str = ""

    @classmethod
    def of(cls, arrival: Arrival) -> Written:
        """What a stanza says."""
        incoming = arrival.incoming
        return cls(
            arrival.key, incoming.chat, incoming.sender, arrival.timestamp, incoming.push_name
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a content.

    Attributes:
        is_shown: it is a message that people see.
        is_known: it was here already.
    """

    is_shown: bool
    is_known: bool = False


def is_empty(message: pb.Message) -> bool:
    """Whether a message only brings keys."""
    try:
        content = read_message(message).content
    except DecodeError:
        return False
    return content == Unknown()


def keep(work: Work, written: Written, message: pb.Message, destination: str | None = None) -> Kept:
    """Store a content, announce it, and let it act on other messages.

    Args:
        message: as decrypted, out of its `deviceSentMessage`.
        destination: the chat that an own other device wrote to, as it says inside.

    Raises:
        DecodeError: it is wrapped deeper than any real message.
    """
    decoded = read_message(message)
    content = decoded.content
    written = replace(written, key=_redirected(work, written.key, destination))
    if isinstance(content, Protocol) or _is_machinery(decoded):
        _close_place(work, written)
        return Kept(is_shown=False)
    message = _without_key(message)
    if addons.is_add_on(content):
        return _keep_add_on(work, written, message, decoded)
    kind = MessageKind.TEXT if isinstance(content, Text) else MessageKind.OTHER
    return _keep_message(work, written, message, kind)


def _is_machinery(decoded: DecodedMessage) -> bool:
    """Machinery of a kind that we know; a content that the schema lacks is kept."""
    content = decoded.content
    if not isinstance(content, Unknown) or content.name not in _MACHINERY:
        return False
    return bool(content.name) or not content.raw


def _close_place(work: Work, written: Written) -> None:
    """What a place was kept for turns out to be machinery: it is shown no more."""
    stored = work.store.messages.get_exact(written.key)
    if stored is not None and stored.kind is MessageKind.CIPHERTEXT:
        work.store.messages.add(_message(written, pb.Message(), MessageKind.ADD_ON))


def _without_key(message: pb.Message) -> pb.Message:
    """A content without the sender key that came along; that is kept elsewhere."""
    if not message.HasField("senderKeyDistributionMessage"):
        return message
    content = pb.Message()
    content.CopyFrom(message)
    content.ClearField("senderKeyDistributionMessage")
    return content


def _message(written: Written, message: pb.Message, kind: MessageKind) -> Message:
    return Message(
        key=written.key,
        timestamp=written.timestamp,
        content=message.SerializeToString(),
        kind=kind,
        push_name=written.push_name,
        ack=Ack.SERVER,
    )


def _keep_message(work: Work, written: Written, message: pb.Message, kind: MessageKind) -> Kept:
    stored = work.store.messages.add(_message(written, message, kind))
    if stored is None:
        return Kept(is_shown=True, is_known=True)
    announce(work, stored)
    return Kept(is_shown=True)


def announce(work: Work, stored: Message) -> None:
    """A message is in the store: the chat, the author's name and the world learn of it."""
    key = stored.key
    work.store.chats.touch(key.chat, stored.timestamp, unread_delta=0 if key.from_me else 1)
    if stored.push_name and not key.from_me:
        work.store.contacts.set_push_name(key.sender, stored.push_name)
    work.emit(MessageAdded(stored))
    addons.apply_waiting(work, stored)
    apply_waiting(work.store, stored, work.emit)


def _keep_add_on(
    work: Work, written: Written, message: pb.Message, decoded: DecodedMessage
) -> Kept:
    stored = work.store.messages.add(_message(written, message, MessageKind.ADD_ON))
    if stored is None:
        return Kept(is_shown=False, is_known=True)
    addons.apply(
        work,
        addons.Arrival(
            key=written.key,
            sender=written.sender,
            chat=written.chat,
            content=decoded.content,
            timestamp=written.timestamp,
            message=stored,
        ),
    )
    return Kept(is_shown=False)


def _redirected(work: Work, key: MessageKey, destination: str | None) -> MessageKey:
    """The chat that an own other device wrote to, as it says inside the encryption."""
    if not destination:
        return key
    try:
        chat = canonical(work.store, Jid.parse(destination))
    except InvalidInput:
        log.warning("an own device wrote to an unreadable address; the stanza's is taken")
        return key
    return MessageKey(chat=chat, id=key.id, from_me=True, sender=key.sender)
