"""A received message, where it belongs, and the ways to answer it."""

from __future__ import annotations

from dataclasses import dataclass

from ...model import Ack, Message, MessageKey, MessageKind, MessageUndecryptable
from ...stanza.message import IncomingMessage
from ...stanza.receipt import ack, receipt
from ..fanout import canonical
from ..work import Work


@dataclass(frozen=True, slots=True)
class Arrival:
    """One `<message>` on its way into the store.

    Attributes:
        key: in our view: chat and author by phone number where that is known.
    """

    work: Work
    incoming: IncomingMessage
    key: MessageKey

    @classmethod
    def of(cls, work: Work, incoming: IncomingMessage) -> Arrival:
        """The arrival of a message that was parsed."""
        key = MessageKey(
            chat=canonical(work.store, incoming.chat),
            id=incoming.id,
            from_me=incoming.from_me,
            sender=work.own.pn.bare if incoming.from_me else canonical(work.store, incoming.sender),
        )
        return cls(work, incoming, key)

    @property
    def is_known(self) -> bool:
        """This very message is stored already. Authors choose ids: two may use the same."""
        stored = self.work.store.messages.get_exact(self.key)
        return stored is not None and stored.kind is not MessageKind.CIPHERTEXT

    @property
    def timestamp(self) -> int:
        """When it was written, Unix seconds."""
        return self.incoming.timestamp or self.work.now

    def confirm(self) -> None:
        """The receipt that takes the message off the server's queue."""
        work, incoming = self.work, self.incoming
        node = incoming.node
        source = node.jid("from")
        if incoming.is_peer:
            work.reply(receipt(work.own.pn.bare, [incoming.id], "peer_msg"))
            return
        if source.is_newsletter or node.tag != "message":
            work.reply(ack(node, own=work.own.pn))
            return
        participant = node.get_jid("participant")
        if incoming.from_me:
            recipient = None if participant is not None else incoming.chat
            work.reply(
                receipt(
                    source, [incoming.id], "sender", participant=participant, recipient=recipient
                )
            )
            return
        kind = "" if work.available else "inactive"
        work.reply(receipt(source, [incoming.id], kind, participant=participant))

    def dismiss(self, error: int | None = None) -> None:
        """Answer a message that was not read.

        An ack does, but not for what an own other device sent to a person: that stays in the
        server's queue until its receipt (docs/protocol/messages.md, "Offline queue"). A status
        that is refused would block the whole queue: it gets a plain ack.
        """
        incoming = self.incoming
        if incoming.from_me and not incoming.is_peer and incoming.chat.is_user:
            self.confirm()
            return
        error = None if incoming.chat.is_status else error
        self.work.reply(ack(incoming.node, own=self.work.own.pn, error=error))

    def mark_seen(self) -> None:
        """Tell that the message was read."""
        node = self.incoming.node
        chat = node.jid("from")
        participant = node.get_jid("participant")
        to = chat.with_device(0) if participant is None else chat
        ids = [self.incoming.id]
        self.work.reply(
            receipt(
                to,
                ids,
                self.work.seen_receipt,
                participant=participant,
                timestamp=self.work.now,
            )
        )

    def keep_place(self, content: bytes = b"") -> bool:
        """Keep a message's place until it can be read; whether there is a place for it.

        Args:
            content: what was decrypted but makes no sense.
        """
        incoming, store = self.incoming, self.work.store
        if incoming.is_peer or any(enc.hide for enc in incoming.encs):
            return False
        if store.messages.get_exact(self.key) is not None:
            return True
        stored = store.messages.add(
            Message(
                key=self.key,
                timestamp=self.timestamp,
                content=content,
                kind=MessageKind.CIPHERTEXT,
                push_name=incoming.push_name,
                ack=Ack.SERVER,
            )
        )
        if stored is not None:
            self.work.emit(MessageUndecryptable(stored))
        return True
