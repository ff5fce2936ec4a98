"""Looking into what is stored of messages: by any id, what is answered, who got and read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import DecodeError, InvalidInput
from ..model import AddOnKind, Message, MessageKey, MessageKind
from ..model.contents import Content, Context, MediaFile
from ..stanza.contents import read_message
from ..store import UnitOfWork
from ..wire import Jid
from .fanout import canonical
from .groups import own_of
from .receipt_times import ReceiptTimes, times_of


@dataclass(frozen=True, slots=True)
class MessageReceipts:
    """Who got, read and played a message of ours.

    Attributes:
        people: everybody of whom a receipt came, bare, in the order of their first one.
        audience: how many people it was for; 0 where that is not known.
    """

    people: tuple[tuple[Jid, ReceiptTimes], ...] = ()
    audience: int = 0


def find(store: UnitOfWork, chats: Iterable[Jid], ids: Iterable[str]) -> Message | None:
    """A message by what may be its id: in these chats, in their order, else in any chat.

    What only speaks of another message, such as a reaction, is none.
    """
    ids = [message_id for message_id in ids if message_id]
    for chat in chats:
        jid = canonical(store, chat)
        for message_id in ids:
            message = store.messages.get(jid, message_id)
            if _is_listed(message):
                return message
    for message_id in ids:
        message = store.messages.find(message_id)
        if _is_listed(message):
            return message
    return None


def _is_listed(message: Message | None) -> bool:
    return message is not None and message.kind not in (MessageKind.ADD_ON, MessageKind.STUB)


def quoted(store: UnitOfWork, message: Message) -> Message | None:
    """The message that another one answers; None when it answers none.

    One that is not stored is made of what the quote says of it, with the time of the answer.
    """
    try:
        content = read_message(message.proto()).content
    except DecodeError:
        return None
    context = getattr(content, "context", None)
    if not isinstance(context, Context) or context.quote is None:
        return None
    quote = context.quote
    chat = canonical(store, quote.chat or message.key.chat)
    # In that chat alone: the quote is what its sender says, and may name any id.
    found = store.messages.get(chat, quote.id)
    if found is not None and _is_listed(found):
        return found
    own = own_of(store)
    is_own = quote.author is not None and own.is_own(quote.author)
    if is_own or quote.author is None:
        author = own.pn.bare if is_own else chat
    else:
        author = canonical(store, quote.author)
    key = MessageKey(chat, quote.id, is_own, author)
    return Message(key, message.timestamp, quote.content, MessageKind.OTHER)


def receipts(store: UnitOfWork, message: Message) -> MessageReceipts:
    """Who got, read and played a message; nobody for one that others wrote."""
    key = message.key
    if not key.from_me:
        return MessageReceipts()
    told = [
        (receipt.sender, times)
        for receipt in store.add_ons.of(key, AddOnKind.RECEIPT)
        if (times := times_of(receipt)) is not None
    ]
    return MessageReceipts(tuple(told), _audience(store, key.chat))


def _audience(store: UnitOfWork, chat: Jid) -> int:
    own = own_of(store)
    if chat.is_group:
        group = store.groups.get(chat)
        members = () if group is None else group.members
        return sum(not own.is_own(member.jid) for member in members)
    return 1 if chat.is_user and not own.is_own(chat) else 0


def reacted(store: UnitOfWork, messages: Iterable[Message]) -> frozenset[MessageKey]:
    """Which of these messages have a reaction that stands."""
    return frozenset(
        message.key
        for message in messages
        if any(reaction.data for reaction in store.add_ons.of(message.key, AddOnKind.REACTION))
    )


def check_file_for(content: Content, to: Jid) -> None:
    """Files of chats are encrypted, those of channels are not.

    Raises:
        InvalidInput: the file of this content can't be read there.
    """
    file = getattr(content, "file", None)
    if isinstance(file, MediaFile) and bool(file.media_key) is to.is_newsletter:
        raise InvalidInput("a file cannot be forwarded between a chat and a channel")
