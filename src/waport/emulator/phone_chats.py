"""The phone's chats: what it got and what it sent, found again by id.

Source: docs/protocol/messages.md, "Message keys", "Add-on crypto" and "Retries".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import NotFound
from ..proto import pb
from ..wire import Jid
from .phone_addons import Target, opened, target_key
from .phone_devices import OwnAddress
from .phone_inbox import Inbox
from .phone_outbox import Outbox
from .phone_received import ReceivedMessage
from .phone_signal import PhoneSignal


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message of one chat.

    Attributes:
        chat: bare, as it was addressed.
        author: bare; None for who owns the phone.
        message: the content.
        timestamp: unix seconds.
    """

    chat: Jid
    author: Jid | None
    message: pb.Message
    timestamp: int


class PhoneChats:
    """Looks messages up for whoever asks for one again, or adds something to one."""

    def __init__(self, inbox: Inbox, outbox: Outbox, signal: PhoneSignal, own: OwnAddress) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._signal = signal
        self._own = own

    def find(self, message_id: str, chat: Jid | None = None) -> KnownMessage | None:
        """A message by its id, the newest if there are several.

        Args:
            message_id: of the stanza.
            chat: where it is, by either address; None: anywhere.
        """
        for received in reversed(self._inbox.messages):
            if received.id == message_id and self._is_in(received.chat, chat):
                sender = (received.participant or received.sender).bare
                author = None if sender in self._own else sender
                return KnownMessage(received.chat, author, received.message, received.timestamp)
        sent = self._outbox.sent(message_id)
        if sent is None or not self._is_in(sent.chat, chat):
            return None
        return KnownMessage(sent.chat, None, sent.message, sent.timestamp)

    def _is_in(self, known: Jid, chat: Jid | None) -> bool:
        if chat is None:
            return True
        return self._signal.address(known.bare) == self._signal.address(chat.bare)

    def web_message(self, key: pb.MessageKey) -> pb.WebMessageInfo | None:
        """A message as one companion is told of it that could not read it; None without any.

        Args:
            key: names it, as the companion sees it.
        """
        found = self.find(key.id)
        if found is None:
            return None
        info = pb.WebMessageInfo(key=key, message=found.message, messageTimestamp=found.timestamp)
        if found.author is None:
            info.status = pb.WebMessageInfo.SERVER_ACK
            return info
        info.status = pb.WebMessageInfo.DELIVERY_ACK
        if name := self._inbox.names.get(found.author):
            info.pushName = name
        if not found.chat.is_user:
            info.participant = str(found.author)
        return info

    async def target(self, chat: Jid, message_id: str) -> tuple[Target, Jid]:
        """A message that the phone is about to add something to, and the address to do it under.

        Raises:
            NotFound: there is no such message in the chat.
            QueryError: the server does not say who is in the group.
        """
        found = self.find(message_id, chat)
        if found is None:
            raise NotFound(404, "the phone knows no such message")
        if found.author is not None:
            sender = self._own.like(found.author)
        elif chat.is_group:
            is_pn = await self._outbox.group_mode(chat) == "pn"
            sender = self._own.pn if is_pn else self._own.lid
        else:
            sender = self._own.lid if chat.is_status else self._own.like(chat)
        key = pb.MessageKey(remoteJid=str(chat.bare), fromMe=found.author is None, id=message_id)
        if found.author is not None and not chat.is_user:
            key.participant = str(found.author)
        return Target(key, found.author or sender, found.message), sender

    def opened(self, received: ReceivedMessage) -> dict[str, object] | None:
        """What an encrypted add-on says; None for other messages, and what cannot be read."""
        key = target_key(received.message)
        found = self.find(key.id) if key is not None else None
        if key is None or found is None:
            return None
        return opened(received.message, self._tries(key, found, received))

    def _tries(
        self, key: pb.MessageKey, found: KnownMessage, received: ReceivedMessage
    ) -> Iterator[tuple[Target, Jid]]:
        sender = (received.participant or received.sender).bare
        for who in self._both(sender):
            for author in self._both(found.author or self._own.lid):
                yield Target(key, author, found.message), who

    def _both(self, person: Jid) -> list[Jid]:
        """Both addresses of a person, as far as they are known."""
        if person in self._own:
            return [self._own.lid, self._own.pn]
        if person.is_pn:
            lid = self._signal.lids.get(person.user)
            return [person] if lid is None else [person, Jid(lid, self._own.lid.server)]
        pns = [pn for pn, lid in self._signal.lids.items() if lid == person.user]
        return [person, *(Jid(pn, self._own.pn.server) for pn in pns)]
