"""A received message: decrypt, keep, announce, answer. One transaction."""

from __future__ import annotations

import logging

from ...errors import DecodeError, DecryptError, DecryptFailure
from ...model import Ack, Message, MessageAdded, MessageKey, MessageKind, MessageUndecryptable
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
    key = _key(work, incoming)
    stored = work.store.messages.get(key.chat, incoming.id)
    if stored is not None and stored.kind is not MessageKind.CIPHERTEXT:
        _confirm(work, incoming)
        return
    pairwise = [enc for enc in incoming.encs if enc.kind in _PAIRWISE and enc.version == "2"]
    if not pairwise:
        _store_placeholder(work, incoming, key)
        work.reply(ack(node, own=work.own.pn))
        return
    for enc in pairwise:
        _take_in(work, incoming, key, enc)


def _key(work: Work, incoming: IncomingMessage) -> MessageKey:
    return MessageKey(
        chat=canonical(work.store, incoming.chat),
        id=incoming.id,
        from_me=incoming.from_me,
        sender=canonical(work.store, incoming.sender),
    )


def _take_in(work: Work, incoming: IncomingMessage, key: MessageKey, enc: Enc) -> None:
    try:
        plaintext = decrypt_enc(
            work.store,
            work.credentials,
            incoming.sender,
            enc,
            device_identity=incoming.device_identity,
            from_own=incoming.from_me,
        )
    except DecryptError as exc:
        _could_not_read(work, incoming, key, enc, exc)
        return
    try:
        opened = open_device_sent(parse_content(plaintext))
        kind = kind_of(opened.message)
        inner = unwrap(opened.message)
    except DecodeError:
        log.warning("a message was decrypted but is no valid content")
        _store_placeholder(work, incoming, key)
        work.reply(ack(incoming.node, own=work.own.pn, error=491))
        return
    if opened.destination is not None:
        if not incoming.from_me:
            log.warning("somebody else's message claims to be ours; dropped")
            work.reply(ack(incoming.node, own=work.own.pn))
            return
        key = _redirected(work, key, opened.destination)
    if inner.HasField("protocolMessage"):
        handle_protocol_message(work, incoming, inner.protocolMessage)
    if kind is not None and not incoming.is_peer:
        message = Message(
            key=key,
            timestamp=incoming.timestamp or work.now,
            content=opened.message.SerializeToString(),
            kind=kind,
            push_name=incoming.push_name,
            ack=Ack.SERVER,
        )
        _keep(work, message)
        _confirm(work, incoming)
        if work.mark_seen and not incoming.from_me:
            _mark_seen(work, incoming)
        return
    _confirm(work, incoming)


def _redirected(work: Work, key: MessageKey, destination: str) -> MessageKey:
    """The chat that an own other device wrote to, as it says inside the encryption."""
    if not destination:
        return key
    chat = canonical(work.store, Jid.parse(destination))
    return MessageKey(chat=chat, id=key.id, from_me=True, sender=key.sender)


def _keep(work: Work, message: Message) -> None:
    """Store and announce a message, once."""
    stored = work.store.messages.add(message)
    if stored is None:
        return
    unread = 0 if message.key.from_me else 1
    work.store.chats.touch(message.key.chat, message.timestamp, unread_delta=unread)
    if message.push_name and not message.key.from_me:
        work.store.contacts.set_push_name(message.key.sender, message.push_name)
    work.emit(MessageAdded(stored))


def _confirm(work: Work, incoming: IncomingMessage) -> None:
    """The receipt that takes the message off the server's queue."""
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
            receipt(source, [incoming.id], "sender", participant=participant, recipient=recipient)
        )
        return
    kind = "" if work.available else "inactive"
    work.reply(receipt(source, [incoming.id], kind, participant=participant))


def _mark_seen(work: Work, incoming: IncomingMessage) -> None:
    node = incoming.node
    chat = node.jid("from")
    participant = node.get_jid("participant")
    to = chat.with_device(0) if participant is None else chat
    work.reply(receipt(to, [incoming.id], "read", participant=participant, timestamp=work.now))


def _store_placeholder(work: Work, incoming: IncomingMessage, key: MessageKey) -> None:
    """Keep a message's place until it can be read."""
    if incoming.is_peer:
        return
    placeholder = Message(
        key=key,
        timestamp=incoming.timestamp or work.now,
        content=b"",
        kind=MessageKind.CIPHERTEXT,
        push_name=incoming.push_name,
        ack=Ack.SERVER,
    )
    if work.store.messages.get(key.chat, key.id) is None:
        stored = work.store.messages.add(placeholder)
        if stored is not None and not any(enc.hide for enc in incoming.encs):
            work.emit(MessageUndecryptable(stored))


def _could_not_read(
    work: Work, incoming: IncomingMessage, key: MessageKey, enc: Enc, error: DecryptError
) -> None:
    node = incoming.node
    if error.reason is DecryptFailure.DUPLICATE:
        # Read before: the ratchet and the message were committed together. A copy of our own
        # leaves the server's queue by its receipt alone.
        if incoming.from_me:
            _confirm(work, incoming)
        else:
            work.reply(ack(node, own=work.own.pn))
        return
    if error.reason is DecryptFailure.CORRUPT_PLAINTEXT:
        _store_placeholder(work, incoming, key)
        work.reply(ack(node, own=work.own.pn, error=491))
        return
    log.warning("could not read a message: %s", error.reason.name)
    _store_placeholder(work, incoming, key)
    asked = work.store.messages.bump_retry(key.chat, incoming.id, "self")
    count = max(asked, min(enc.retry_count + 1, MAX_RETRIES + 1))
    if count <= MAX_RETRIES:
        keys = None
        if count > 1 or error.reason in _FORCE_KEYS:
            keys = _retry_keys(work)
        work.reply(
            retry_receipt(
                node,
                count=count,
                reason=error.reason,
                registration_id=work.credentials.registration_id,
                keys=keys,
            )
        )
    work.reply(ack(node, own=work.own.pn))


def _retry_keys(work: Work) -> RetryKeys:
    work.credentials, (pre_key,) = take_pre_keys(work.store, work.credentials, 1, uploaded=True)
    return RetryKeys(
        identity=work.credentials.identity.public,
        pre_key=pre_key,
        signed_pre_key=work.credentials.signed_pre_key,
        device_identity=work.credentials.account,
    )
