"""A received message: decrypt, keep, announce, answer. One transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ...errors import DecodeError, DecryptError, DecryptFailure, InvalidInput
from ...model import Ack, Message, MessageAdded, MessageKey, MessageKind, MessageUndecryptable
from ...proto import pb
from ...signal import unpad
from ...stanza.content import kind_of, open_device_sent, parse_content, unwrap
from ...stanza.message import Enc, IncomingMessage, parse_message
from ...stanza.receipt import MAX_RETRIES, RetryKeys, ack, receipt, retry_receipt
from ...wire import Jid, Node
from ..encryption import decrypt_enc, learn_mapping
from ..fanout import canonical
from ..prekeys import take_pre_keys
from ..work import Work
from .protocol import handle_protocol_message

log = logging.getLogger(__name__)

NACK_INVALID_CONTENT = 491

_FORCE_KEYS = frozenset(
    (
        DecryptFailure.NO_SESSION,
        DecryptFailure.INVALID_KEY_ID,
        DecryptFailure.INVALID_KEY,
        DecryptFailure.UNSUPPORTED_VERSION,
    )
)
"""Failures that only fresh keys can mend; they go along with the first request already."""

_PAIRWISE = frozenset(("pkmsg", "msg"))


def handle_message(work: Work, node: Node) -> None:
    """Take in one `<message>`.

    Raises:
        StanzaError: it can't be attributed; the dispatcher refuses it.

    Source: docs/protocol/messages.md, "Receiving".
    """
    incoming = parse_message(node, work.own)
    for pn, lid in incoming.mappings:
        learn_mapping(work.store, pn, lid)
    arrival = _Arrival(work, incoming, _key(work, incoming))
    if _is_known(work, arrival.key):
        arrival.confirm()
        return
    pairwise = [enc for enc in incoming.encs if enc.kind in _PAIRWISE and enc.version == "2"]
    if not pairwise:
        if node.find("plaintext") is None:
            arrival.keep_place()
        arrival.dismiss()
        return
    failures = []
    for enc in pairwise:
        try:
            padded = _decrypt(work, incoming, enc)
        except DecryptError as exc:
            failures.append((enc, exc))
        else:
            # One good part is enough.
            _take_in(arrival, padded)
            return
    _could_not_read(arrival, *failures[0])


def _key(work: Work, incoming: IncomingMessage) -> MessageKey:
    return MessageKey(
        chat=canonical(work.store, incoming.chat),
        id=incoming.id,
        from_me=incoming.from_me,
        sender=canonical(work.store, incoming.sender),
    )


def _is_known(work: Work, key: MessageKey) -> bool:
    """Whether this very message is stored already. Authors choose ids: two may use the same."""
    stored = work.store.messages.get(key.chat, key.id)
    if stored is None or stored.kind is MessageKind.CIPHERTEXT:
        return False
    if stored.key.from_me or key.from_me:
        return stored.key.from_me and key.from_me
    return stored.key.sender == key.sender


def _decrypt(work: Work, incoming: IncomingMessage, enc: Enc) -> bytes:
    return decrypt_enc(
        work.store,
        work.credentials,
        incoming.sender,
        enc,
        device_identity=incoming.device_identity,
        from_own=incoming.from_me,
    )


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A message, where it belongs, and the ways to answer it."""

    work: Work
    incoming: IncomingMessage
    key: MessageKey

    def confirm(self) -> None:
        """The receipt that takes the message off the server's queue."""
        work, incoming = self.work, self.incoming
        node = incoming.node
        source = node.jid("from")
        if incoming.is_peer:
            work.reply(receipt(work.own.pn.bare, [incoming.id], "peer_msg"))
            return
        if source.is_newsletter:
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
        server's queue until its receipt (docs/protocol/messages.md, "Offline queue").
        """
        incoming = self.incoming
        if incoming.from_me and not incoming.is_peer and incoming.chat.is_user:
            self.confirm()
        else:
            self.work.reply(ack(incoming.node, own=self.work.own.pn, error=error))

    def mark_seen(self) -> None:
        """Tell the author that the message was read."""
        node = self.incoming.node
        chat = node.jid("from")
        participant = node.get_jid("participant")
        to = chat.with_device(0) if participant is None else chat
        ids = [self.incoming.id]
        self.work.reply(receipt(to, ids, "read", participant=participant, timestamp=self.work.now))

    def keep_place(self, content: bytes = b"") -> None:
        """Keep a message's place until it can be read.

        Args:
            content: what was decrypted but makes no sense.
        """
        incoming, store = self.incoming, self.work.store
        if incoming.is_peer or any(enc.hide for enc in incoming.encs):
            return
        if store.messages.get(self.key.chat, self.key.id) is not None:
            return
        stored = store.messages.add(
            Message(
                key=self.key,
                timestamp=incoming.timestamp or self.work.now,
                content=content,
                kind=MessageKind.CIPHERTEXT,
                push_name=incoming.push_name,
                ack=Ack.SERVER,
            )
        )
        if stored is not None:
            self.work.emit(MessageUndecryptable(stored))


def _take_in(arrival: _Arrival, padded: bytes) -> None:
    """Act on what was decrypted."""
    work, incoming = arrival.work, arrival.incoming
    try:
        plaintext = unpad(padded)
    except DecryptError:
        _refuse_content(arrival, padded)
        return
    try:
        message = parse_content(plaintext)
    except DecodeError:
        _refuse_content(arrival, plaintext)
        return
    opened = open_device_sent(message)
    try:
        kind = kind_of(opened.message)
        inner = unwrap(opened.message)
    except DecodeError as exc:
        log.warning("a message makes no sense: %s", exc)
        arrival.keep_place(plaintext)
        arrival.dismiss()
        return
    if opened.destination is not None and not incoming.from_me:
        log.warning("somebody else's message claims to be ours; dropped")
        arrival.dismiss()
        return
    if inner.HasField("protocolMessage"):
        handle_protocol_message(work, incoming, inner.protocolMessage)
    if kind is not None and not incoming.is_peer:
        _keep(arrival, opened.message, kind, opened.destination)
    elif _has_unread_part(incoming):
        # What came was a key; the message itself is in a form that is not understood.
        arrival.keep_place()
        arrival.dismiss()
        return
    arrival.confirm()
    is_shown = kind is not None and kind is not MessageKind.ADD_ON
    if is_shown and work.mark_seen and not incoming.from_me:
        arrival.mark_seen()


def _has_unread_part(incoming: IncomingMessage) -> bool:
    return any(enc.kind not in _PAIRWISE for enc in incoming.encs)


def _refuse_content(arrival: _Arrival, content: bytes) -> None:
    log.warning("a message was decrypted but is no valid content")
    arrival.keep_place(content)
    arrival.dismiss(NACK_INVALID_CONTENT)


def _keep(
    arrival: _Arrival, content: pb.Message, kind: MessageKind, destination: str | None
) -> None:
    """Store and announce a message, once."""
    work, incoming = arrival.work, arrival.incoming
    message = Message(
        key=_redirected(work, arrival.key, destination),
        timestamp=incoming.timestamp or work.now,
        content=content.SerializeToString(),
        kind=kind,
        push_name=incoming.push_name,
        ack=Ack.SERVER,
    )
    stored = work.store.messages.add(message)
    if stored is None or kind is MessageKind.ADD_ON:
        return
    unread = 0 if message.key.from_me else 1
    work.store.chats.touch(message.key.chat, message.timestamp, unread_delta=unread)
    if message.push_name and not message.key.from_me:
        work.store.contacts.set_push_name(message.key.sender, message.push_name)
    work.emit(MessageAdded(stored))


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


def _could_not_read(arrival: _Arrival, enc: Enc, error: DecryptError) -> None:
    work, incoming = arrival.work, arrival.incoming
    if error.reason is DecryptFailure.DUPLICATE:
        # Read before: the ratchet and the message were committed together.
        if incoming.from_me:
            arrival.confirm()
        else:
            arrival.dismiss()
        return
    log.warning("could not read a message: %s", error.reason.name)
    arrival.keep_place()
    asked = work.store.messages.bump_retry(arrival.key.chat, incoming.id, "self")
    count = max(asked, min(enc.retry_count + 1, MAX_RETRIES + 1))
    if count <= MAX_RETRIES:
        keys = None
        if count > 1 or error.reason in _FORCE_KEYS:
            keys = _retry_keys(work)
        work.reply(
            retry_receipt(
                incoming.node,
                count=count,
                reason=error.reason,
                registration_id=work.credentials.registration_id,
                keys=keys,
            )
        )
    arrival.dismiss()


def _retry_keys(work: Work) -> RetryKeys:
    work.credentials, (pre_key,) = take_pre_keys(work.store, work.credentials, 1, uploaded=True)
    return RetryKeys(
        identity=work.credentials.identity.public,
        pre_key=pre_key,
        signed_pre_key=work.credentials.signed_pre_key,
        device_identity=work.credentials.account,
    )
