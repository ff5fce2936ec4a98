"""How far a message of ours has come, and with whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..model import Ack, AddOnKind, Message, MessageKind
from ..store import UnitOfWork
from ..wire import Jid
from .fanout import canonical
from .groups import own_of
from .receipt_times import ReceiptTimes, times_of
from .refusals import refusal

_NOTHING = ReceiptTimes(Ack.SERVER, None, None, None)


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """How far a message of ours has come.

    Attributes:
        message: the message; its `ack` is the lowest of all people, and `pending` says that the
            server did not answer in time.
        people: whom it is for, as far as that is known, bare, and how far it came with each.
    """

    message: Message
    people: tuple[tuple[Jid, ReceiptTimes], ...]

    @property
    def error_text(self) -> str:
        """Why it failed, for people; empty if it did not."""
        message = self.message
        if message.ack is not Ack.ERROR:
            return ""
        return refusal(message.refusal, is_group=message.key.chat.is_group).text


def status_of(store: UnitOfWork, chats: Iterable[Jid], ids: Iterable[str]) -> MessageStatus | None:
    """The status of a message by what may be its id; None if no message of ours has it.

    Args:
        chats: where it may be; it is found in others, too.
    """
    message = _find(store, [canonical(store, chat) for chat in chats], [one for one in ids if one])
    if message is None:
        return None
    reached = {
        receipt.sender: times
        for receipt in store.add_ons.of(message.key, AddOnKind.RECEIPT)
        if (times := times_of(receipt)) is not None
    }
    if message.ack >= Ack.SERVER:
        audience = dict.fromkeys(_audience(store, message.key.chat), _NOTHING)
        reached = {**audience, **reached}
    return MessageStatus(message, tuple(reached.items()))


def _find(store: UnitOfWork, chats: list[Jid], ids: list[str]) -> Message | None:
    found = [store.messages.get(chat, message_id) for chat in chats for message_id in ids]
    found += [store.messages.find(message_id) for message_id in ids]
    return next(
        (each for each in found if each and each.key.from_me and each.kind is not MessageKind.STUB),
        None,
    )


def _audience(store: UnitOfWork, chat: Jid) -> list[Jid]:
    own = own_of(store)
    if chat.is_group:
        group = store.groups.get(chat)
        members = [] if group is None else [member.jid for member in group.members]
    else:
        members = [chat] if chat.is_user else []
    return [canonical(store, member) for member in members if not own.is_own(member)]
