"""Message keys between the view of their writer and ours.

In a private chat each side knows the other one as the chat, and "from me" means the writer.

Source: docs/protocol/messages.md, "Message keys".
"""

from __future__ import annotations

from ...errors import DecodeError
from ...model import MessageKey
from ...model.contents import TargetKey
from ...wire import STATUS, Jid
from ..message import OwnAddresses


def target_of(key: MessageKey, *, chat: Jid | None = None, author: Jid | None = None) -> TargetKey:
    """How a message of ours names another one.

    Args:
        key: the message that is named.
        chat: the chat's address on the wire, if it is another one than in the key.
        author: the author as the message itself named them. Revokes and reactions in groups need
            the same address kind as the original.
    """
    chat = chat or key.chat
    participant = None
    if not key.from_me and (key.chat.is_group or key.chat.is_broadcast):
        participant = (author or key.sender).bare
    return TargetKey(key.id, chat.bare, key.from_me, participant)


def key_of(
    target: TargetKey, *, chat: Jid, sender: Jid, from_me: bool, own: OwnAddresses
) -> MessageKey:
    """Which message a received one names.

    Args:
        target: as it stands in the received message.
        chat: where that one stands, bare.
        sender: who wrote it.
        from_me: it was written by an own device.
        own: this account's addresses.

    Returns:
        The key in our view. Its chat is that of the naming message, or the status feed: nobody can
        name messages of other chats.

    Raises:
        DecodeError: it has no id, or no author where one is needed.
    """
    if not target.id:
        raise DecodeError("the message named has no id")
    if target.chat is not None and target.chat.is_status:
        chat = STATUS
    if target.from_me:
        author = sender
    elif chat.is_group or chat.is_broadcast:
        if target.participant is None:
            raise DecodeError("the message named has no author")
        author = target.participant
    elif chat.is_newsletter or from_me:
        author = chat
    else:
        author = own.pn
    return MessageKey(chat.bare, target.id, own.is_own(author), author.bare)
