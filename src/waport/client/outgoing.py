"""A message's way into the send queue: encrypted for every device, stored, announced. One
transaction, so that what was committed is what is sent.

Source: docs/protocol/messages.md, "Sending".
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import CryptoError, InvalidInput, SessionError
from ..model import Ack, Credentials, Message, MessageAdded, MessageKey, MessageKind
from ..noise import MAX_FRAME
from ..proto import pb
from ..stanza.content import add_quote, device_sent
from ..stanza.message import build_message
from ..stanza.prekeys import BundleAnswer
from ..store import UnitOfWork
from ..wire import Jid, encode_stanza
from .encryption import check_bundle, encrypt_for, install_bundle
from .fanout import Fanout, NeedDevices, canonical, plan, without_session
from .work import EventSink, own_addresses

log = logging.getLogger(__name__)

DEVICE_GONE = 406

MAX_STANZA = MAX_FRAME - 16
"""Bytes of a stanza that still fit into a frame once they are encrypted."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent, before it is known to which devices."""

    chat: Jid
    id: str
    content: pb.Message
    kind: MessageKind
    now: int
    quoted_id: str | None = None


@dataclass(frozen=True, slots=True)
class NeedBundles:
    """The key bundles of these devices must be asked for first."""

    devices: tuple[Jid, ...]


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There is no device that the message could be encrypted for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Encrypted, stored and, once the transaction ends well, committed.

    Attributes:
        stanza: the encoded stanza, as it stands in the send queue.
        frames: what the event sink returned.
    """

    message: Message
    stanza: bytes
    frames: Sequence[Any]


Outcome = Prepared | NeedDevices | NeedBundles | Unreachable


def prepare(
    store: UnitOfWork, draft: Draft, bundles: Mapping[Jid, BundleAnswer], sink: EventSink
) -> Outcome:
    """Encrypt a draft for every device, store it, queue it and announce it.

    Says what is missing instead, when devices or bundles are unknown.

    Args:
        bundles: what was fetched for this draft; empty entries for devices that have none.

    Raises:
        SessionError: the account is not linked.
        InvalidInput: there is a message of this id, or the copies are too long for one stanza.
    """
    credentials = store.devices.get()
    if credentials is None:
        raise SessionError(store.session_id, "not linked")
    own = own_addresses(credentials)
    fanout = plan(store, own, draft.chat, draft.now)
    if isinstance(fanout, NeedDevices):
        return fanout
    missing = without_session(store, fanout.devices)
    unasked = tuple(device for device in missing if device not in bundles)
    if unasked:
        return NeedBundles(unasked)
    reachable = set(fanout.devices)
    for device in missing:
        if not _begin_session(store, credentials, device, bundles[device]):
            reachable.discard(device)
    # Copies for our own devices alone are never sent, save in the chat with ourselves.
    wanted = fanout.own if fanout.chat == own.pn.bare else fanout.peers
    if not reachable.intersection(wanted):
        return Unreachable()
    content = draft.content
    if draft.quoted_id is not None:
        content = _quoting(store, draft, draft.quoted_id)
    stanza = _encrypt(store, draft, content, fanout, reachable, credentials.account)
    message = store.messages.add(
        Message(
            key=MessageKey(fanout.chat, draft.id, from_me=True, sender=own.pn.bare),
            timestamp=draft.now,
            content=content.SerializeToString(),
            kind=draft.kind,
            push_name=credentials.push_name,
            ack=Ack.PENDING,
        )
    )
    if message is None:
        raise InvalidInput("a message of this id exists already")
    store.chats.touch(fanout.chat, draft.now)
    store.send_queue.add(draft.id, fanout.chat, stanza, draft.now * 1000)
    frames = sink.record(store, MessageAdded(message), own.pn.bare)
    return Prepared(message, stanza, frames)


def _begin_session(
    store: UnitOfWork, credentials: Credentials, device: Jid, answer: BundleAnswer
) -> bool:
    """Begin a session from a fetched bundle; False when the device has to be left out."""
    try:
        install_bundle(store, credentials, device, check_bundle(store, device, answer))
    except CryptoError as exc:
        log.warning("left out a device: %s", exc)
        if answer.error == DEVICE_GONE:
            store.addresses.forget_devices(canonical(store, device))
        return False
    return True


def _quoting(store: UnitOfWork, draft: Draft, quoted_id: str) -> pb.Message:
    content = pb.Message()
    content.CopyFrom(draft.content)
    chat = canonical(store, draft.chat)
    quoted = store.messages.get(chat, quoted_id) or store.messages.find(quoted_id)
    if quoted is not None and quoted.content:
        add_quote(content, quoted.proto(), quoted.key.id, quoted.key.sender)
    return content


def _encrypt(
    store: UnitOfWork,
    draft: Draft,
    content: pb.Message,
    fanout: Fanout,
    reachable: set[Jid],
    account: bytes,
) -> bytes:
    plaintext = content.SerializeToString()
    own_plaintext = device_sent(content, fanout.to).SerializeToString()
    copies = [
        (device, encrypt_for(store, device, text))
        for devices, text in ((fanout.peers, plaintext), (fanout.own, own_plaintext))
        for device in devices
        if device in reachable
    ]
    node = build_message(
        draft.id,
        fanout.to,
        copies,
        device_identity=account,
        peer_recipient_pn=fanout.chat if fanout.to.is_lid and fanout.chat.is_pn else None,
    )
    stanza = encode_stanza(node)
    if len(stanza) > MAX_STANZA:
        raise InvalidInput("the message is too long for so many devices")
    return stanza
