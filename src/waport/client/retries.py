"""Answering devices that could not read a message of ours.

Source: docs/protocol/messages.md, "Retries".
"""

from __future__ import annotations

import asyncio
import logging

from ..errors import ConnectionClosed, CryptoError, QueryTimeout, StoreError, WhatsAppError
from ..model import Credentials, GroupMember, Message, MessageKind
from ..stanza.content import device_sent
from ..stanza.contents.traits import traits
from ..stanza.message import OwnAddresses
from ..stanza.outgoing import build_resend
from ..stanza.prekeys import BundleAnswer
from ..stanza.receipt import MAX_RETRIES, Receipt, RetryRequest
from ..store import Database, UnitOfWork
from ..wire import AttrValue, Jid, Node
from .clock import SYSTEM_CLOCK, Clock
from .devices import Devices
from .encryption import (
    check_bundle,
    close_session,
    encrypt_for,
    has_session,
    install_bundle,
    load_session,
    signal_device,
)
from .fanout import canonical
from .group_encryption import distribution_content, own_sender_key, rotate
from .queries import Queries
from .stuck import StuckSessions
from .work import own_addresses

log = logging.getLogger(__name__)

MAX_ANSWERS = 10
"""Requests of one device for one message that are answered, whatever count they give."""

PARALLEL_RESENDS = 4

CLOCKS_APART_S = 300
"""How far the server's clock, which says when a member joined, may be ahead of ours."""

_UNREADABLE = frozenset((MessageKind.REVOKED, MessageKind.CIPHERTEXT, MessageKind.STUB))


class Retries:
    """Sends messages again, repairing the session with the asking device first."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        devices: Devices,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._devices = devices
        self._slots = asyncio.Semaphore(PARALLEL_RESENDS)
        self._stuck = StuckSessions(clock)

    async def answer(self, receipt: Receipt, acknowledgement: Node) -> None:
        """Send again what a retry receipt asks for, then acknowledge it.

        A request that must not or can't be answered is acknowledged alone.

        Raises:
            ConnectionClosed, QueryTimeout, StoreError: it could not be answered now; the request is
                not acknowledged, so it comes again with the next login.
        """
        try:
            await self._resend(receipt)
        except (ConnectionClosed, QueryTimeout, StoreError):
            raise
        except WhatsAppError as exc:
            log.warning("a message was not sent again: %s", exc)
        self._queries.link.send(acknowledgement)

    async def _resend(self, receipt: Receipt) -> None:
        retry = receipt.retry
        device = receipt.participant or receipt.source
        if retry is None or not 0 < retry.count < MAX_RETRIES:
            return
        async with self._slots:
            for message_id in receipt.ids:
                await self._resend_one(receipt, message_id, device, retry)

    async def _resend_one(
        self, receipt: Receipt, message_id: str, device: Jid, retry: RetryRequest
    ) -> None:
        needs_bundle = await self._database.write(
            self._session_id,
            lambda store: self._repair(store, receipt, message_id, device, retry),
        )
        if needs_bundle is None:
            return
        answer = None
        if needs_bundle:
            answer = (await self._devices.bundles([device])).get(device)
        stanza = await self._database.write(
            self._session_id,
            lambda store: _encrypt_again(store, receipt, message_id, device, retry, answer),
        )
        if stanza is not None:
            self._queries.link.send(stanza)

    def _repair(
        self,
        store: UnitOfWork,
        receipt: Receipt,
        message_id: str,
        device: Jid,
        retry: RetryRequest,
    ) -> bool | None:
        """Make the session fit; True when a bundle is needed, None when nothing is to be sent.

        Source: docs/protocol/signal.md, "Repair of sessions".
        """
        credentials = store.devices.get()
        if credentials is None:
            return None
        own = own_addresses(credentials)
        if receipt.source.is_group and not _may_ask(store, own, receipt.source, device):
            log.warning("a retry receipt of a device that is not in the group")
            # Who asks without being a member may have got hold of the key.
            rotate(store, [receipt.source], own)
            return None
        message = _sent_message(store, receipt, message_id)
        if message is None or not _may_have(store, own, message, device):
            log.warning("a retry receipt for a message that its sender can't ask for")
            return None
        address = signal_device(store, device).signal_address
        if store.messages.bump_retry(message.key.chat, message_id, address) > MAX_ANSWERS:
            return None
        chat = message.key.chat
        if chat.is_group or address in store.sender_keys.told_devices(chat):
            store.sender_keys.mark_cold(chat, address)
        if chat.is_status:
            # The next post brings the key.
            return None
        return self._mend(store, credentials, message_id, device, retry)

    def _mend(
        self,
        store: UnitOfWork,
        credentials: Credentials,
        message_id: str,
        device: Jid,
        retry: RetryRequest,
    ) -> bool | None:
        address = signal_device(store, device).signal_address
        record = load_session(store, address)
        if retry.keys is not None:
            if (
                own_addresses(credentials).is_own(device)
                and record is not None
                and record.remote_registration_id not in (0, retry.registration_id)
            ):
                log.warning("an own device asks with new keys and a new registration; refused")
                return None
            answer = BundleAnswer(retry.keys, retry.device_identity, 0)
            bundle = check_bundle(store, device, answer)
            install_bundle(store, credentials, device, bundle)
            return False
        if record is None or not record.is_usable:
            return True
        if record.remote_registration_id not in (0, retry.registration_id):
            close_session(store, address)
            return True
        stuck = self._stuck.is_stuck(address, message_id, retry.count, record.base_key)
        if stuck:
            close_session(store, address)
        return stuck


def _sent_message(store: UnitOfWork, receipt: Receipt, message_id: str) -> Message | None:
    chat = canonical(store, receipt.recipient or receipt.source)
    message = store.messages.get(chat, message_id)
    if message is None and chat.is_user:
        message = store.messages.find(message_id)
    if message is None or not message.key.from_me or not message.content:
        return None
    return None if message.kind in _UNREADABLE else message


def _may_ask(store: UnitOfWork, own: OwnAddresses, chat: Jid, device: Jid) -> bool:
    """Only a device of a recipient or an own one gets a message of the chat again."""
    if own.is_own(device):
        return not own.is_this_device(device)
    if chat.is_group:
        return _member(store, chat, device) is not None
    return chat.is_status or canonical(store, device) == chat


def _may_have(store: UnitOfWork, own: OwnAddresses, message: Message, device: Jid) -> bool:
    """The same for one message: not for whoever joined the group after it."""
    if not _may_ask(store, own, message.key.chat, device):
        return False
    member = None if own.is_own(device) else _member(store, message.key.chat, device)
    return member is None or member.since <= message.timestamp + CLOCKS_APART_S


def _member(store: UnitOfWork, chat: Jid, device: Jid) -> GroupMember | None:
    group = store.groups.get(chat) if chat.is_group else None
    if group is None:
        return None
    return group.member(device) or group.member(canonical(store, device))


def _encrypt_again(
    store: UnitOfWork,
    receipt: Receipt,
    message_id: str,
    device: Jid,
    retry: RetryRequest,
    answer: BundleAnswer | None,
) -> Node | None:
    credentials: Credentials | None = store.devices.get()
    message = _sent_message(store, receipt, message_id)
    if credentials is None or message is None:
        return None
    own = own_addresses(credentials)
    if not _may_have(store, own, message, device):
        log.warning("a device left the chat while it asked for a message")
        return None
    if answer is not None and not has_session(store, device):
        install_bundle(store, credentials, device, check_bundle(store, device, answer))
    if not has_session(store, device):
        raise CryptoError("no session and no bundle for the asking device")
    content, chat = message.proto(), message.key.chat
    about = traits(content)
    attrs: dict[str, AttrValue] = {}
    to = device
    if chat.is_group:
        to = chat
        attrs["participant"] = device
        group = store.groups.get(chat)
        if group is not None:
            attrs["addressing_mode"] = group.addressing.value
        # The asking device most likely lacks the key, too.
        content.MergeFrom(distribution_content(own_sender_key(store, chat, own), chat))
        store.sender_keys.mark_cold(chat, signal_device(store, device).signal_address)
    elif own.is_own(device):
        attrs["recipient"] = recipient = store.addresses.lid_of(chat) or chat
        content = device_sent(content, recipient)
    return build_resend(
        message_id,
        to,
        encrypt_for(store, device, content.SerializeToString()),
        about,
        timestamp=message.timestamp,
        count=retry.count,
        device_identity=credentials.account,
        attrs=attrs,
    )
