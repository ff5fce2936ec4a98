"""Sending messages and reading those that are stored."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from ...errors import (
    ConnectionClosed,
    CryptoError,
    InvalidInput,
    SessionError,
    query_error,
)
from ...model import Ack, Message, MessageAdded, MessageKey, MessageKind
from ...proto import pb
from ...stanza.content import add_quote, device_sent, text_content
from ...stanza.ids import message_id
from ...stanza.message import MessageAck, build_message
from ...stanza.prekeys import BundleAnswer
from ...store import Database, UnitOfWork
from ...wire import Jid, encode_stanza
from ..config import ClientConfig
from ..devices import Devices
from ..encryption import check_bundle, encrypt_for, install_bundle
from ..fanout import Fanout, NeedDevices, canonical, plan, without_session
from ..link import Link
from ..queries import Queries
from ..work import EventSink, own_addresses

log = logging.getLogger(__name__)

MAX_ROUNDS = 4
"""How often a send asks for what is missing before it gives up."""

DEVICE_GONE = 406


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is to be sent, before it is known to which devices."""

    chat: Jid
    id: str
    content: pb.Message
    kind: MessageKind
    now: int
    quoted_id: str | None = None


@dataclass(frozen=True, slots=True)
class _NeedBundles:
    devices: tuple[Jid, ...]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Encrypted, stored and committed."""

    message: Message
    stanza: bytes
    frames: Sequence[Any]


_Outcome = _Prepared | NeedDevices | _NeedBundles


@dataclass(slots=True, weakref_slot=True)
class _Lane:
    """One chat's queue. `warm`: the last send found all it needed in the store."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    warm: bool = False


class Messages:
    """Messages of one account.

    What is sent was committed before, and what was committed is sent: again after a crash or a
    reconnect, as the same bytes under the same id.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        config: ClientConfig,
        queries: Queries,
        devices: Devices,
        sink: EventSink,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._config = config
        self._queries = queries
        self._devices = devices
        self._sink = sink
        self._lanes: WeakValueDictionary[Jid, _Lane] = WeakValueDictionary()
        self._link: Link | None = None

    # --- the connection ----------------------------------------------------------------------

    async def resume(self, link: Link) -> None:
        """After a login: send again what the server has not acknowledged, then open the gate."""
        rows = await self._database.write(
            self._session_id, lambda store: store.send_queue.pending()
        )
        # No await between here and the gate: what is committed later is sent later.
        for row in rows:
            link.send_stanza(row.stanza)
        self._link = link
        if rows:
            log.info("sent %d unacknowledged messages again", len(rows))

    def pause(self) -> None:
        """The connection is gone; what is committed from now on waits for the next."""
        self._link = None

    # --- sending -----------------------------------------------------------------------------

    async def send_text(
        self,
        chat: Jid,
        text: str,
        *,
        mentions: Sequence[Jid] = (),
        quoted_id: str | None = None,
    ) -> Message:
        """Send a text to a person.

        Args:
            chat: a phone number or hidden id.
            text: at most 65536 characters.
            mentions: people named in the text.
            quoted_id: the stored message that this one answers; unknown ones are ignored.

        Returns:
            The stored message: acknowledged by the server, or pending if no ack came in time.

        Raises:
            InvalidInput: the chat is no person, or the text too long.
            NotFound: nobody is registered there.
            QueryError: the server refused the message.
            QueryTimeout, ConnectionClosed: devices or keys could not be asked for.
        """
        if not chat.is_user:
            raise InvalidInput("texts can be sent to people only")
        content = text_content(text, mentions, secret=os.urandom(32))
        now = int(time.time())
        draft = _Draft(chat, message_id(chat.user, now), content, MessageKind.TEXT, now, quoted_id)
        return await self._send(draft)

    async def _send(self, draft: _Draft) -> Message:
        acknowledged = self._queries.expect_ack(draft.id)
        try:
            prepared = await self._prepare(draft)
            if prepared.frames:
                self._sink.publish(self._session_id, prepared.frames)
            self._transmit(prepared.stanza)
            return await self._settle(prepared.message, acknowledged)
        finally:
            self._queries.forget_ack(draft.id)

    def _transmit(self, stanza: bytes) -> None:
        if self._link is None:
            return
        try:
            self._link.send_stanza(stanza)
        except ConnectionClosed:
            log.info("the connection closed under a message; it goes out after the next login")

    async def _settle(self, message: Message, acknowledged: asyncio.Future[MessageAck]) -> Message:
        try:
            async with asyncio.timeout(self._config.send_ack_timeout_s):
                answer = await asyncio.shield(acknowledged)
        except TimeoutError:
            key = message.key
            await self._database.write(
                self._session_id, lambda store: _mark_pending(store, key.chat, key.id)
            )
            return replace(message, pending=True)
        if answer.error:
            raise query_error(answer.error, "message refused")
        return message.with_ack(Ack.SERVER)

    async def _prepare(self, draft: _Draft) -> _Prepared:
        """Commit a message; in its turn among those of the same chat."""
        lane = self._lanes.setdefault(draft.chat, _Lane())
        async with lane.lock:
            future = self._attempt(draft, {})
            if not lane.warm:
                return await self._complete(lane, draft, await future)
        # The store keeps the order of submission, so the next send need not wait for the commit.
        outcome = await future
        if isinstance(outcome, _Prepared):
            return outcome
        async with lane.lock:
            return await self._complete(lane, draft, outcome)

    def _attempt(self, draft: _Draft, bundles: dict[Jid, BundleAnswer]) -> asyncio.Future[_Outcome]:
        job = partial(_prepare, draft=draft, bundles=bundles, sink=self._sink)
        return self._database.submit(self._session_id, job)

    async def _complete(self, lane: _Lane, draft: _Draft, outcome: _Outcome) -> _Prepared:
        """Ask for what is missing until the message can be encrypted."""
        bundles: dict[Jid, BundleAnswer] = {}
        lane.warm = False
        for _ in range(MAX_ROUNDS):
            match outcome:
                case _Prepared():
                    lane.warm = True
                    return outcome
                case NeedDevices(users):
                    await self._devices.fetch(users)
                case _NeedBundles(devices):
                    answers = await self._devices.bundles(devices)
                    # A device without an answer has no bundle; it is not asked for twice.
                    nothing = BundleAnswer(None, None, 0)
                    bundles |= {device: answers.get(device, nothing) for device in devices}
            outcome = await self._attempt(draft, bundles)
        raise CryptoError("the recipient's devices keep changing")

    # --- reading -----------------------------------------------------------------------------

    async def fetch(self, chat: Jid, limit: int, before: str | None = None) -> list[Message]:
        """Stored messages of a chat, newest first.

        Args:
            limit: how many at most.
            before: the id of a message; older ones follow. An unknown id is ignored.
        """
        return await self._database.read(
            self._session_id,
            lambda store: store.messages.page(canonical(store, chat), limit, before),
        )


def _mark_pending(store: UnitOfWork, chat: Jid, message: str) -> None:
    if store.send_queue.get(message) is not None:
        store.messages.set_pending(chat, message, True)


def _prepare(
    store: UnitOfWork, *, draft: _Draft, bundles: dict[Jid, BundleAnswer], sink: EventSink
) -> _Outcome:
    """Encrypt a draft for every device, store it, queue it and announce it: one transaction.

    Returns what is missing instead, with nothing changed, when devices or bundles are unknown.
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
        return _NeedBundles(unasked)
    reachable = set(fanout.devices)
    for device in missing:
        try:
            bundle = check_bundle(store, device, bundles[device])
            install_bundle(store, credentials, device, bundle)
        except CryptoError as exc:
            log.warning("left out a device: %s", exc)
            reachable.discard(device)
            if bundles[device].error == DEVICE_GONE:
                store.addresses.forget_devices(canonical(store, device))
    content = draft.content
    if draft.quoted_id is not None:
        content = _quoting(store, draft)
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
    return _Prepared(message, stanza, frames)


def _quoting(store: UnitOfWork, draft: _Draft) -> pb.Message:
    content = pb.Message()
    content.CopyFrom(draft.content)
    chat = canonical(store, draft.chat)
    quoted_id = draft.quoted_id or ""
    quoted = store.messages.get(chat, quoted_id) or store.messages.find(quoted_id)
    if quoted is not None and quoted.content:
        add_quote(content, quoted.proto(), quoted.key.id, quoted.key.sender)
    return content


def _encrypt(
    store: UnitOfWork,
    draft: _Draft,
    content: pb.Message,
    fanout: Fanout,
    reachable: set[Jid],
    account: bytes,
) -> bytes:
    plaintext = content.SerializeToString()
    own_plaintext = device_sent(content, fanout.to).SerializeToString()
    peers = [device for device in fanout.peers if device in reachable]
    if fanout.peers and not peers:
        raise CryptoError("no device of the recipient can be encrypted for")
    copies = [(device, encrypt_for(store, device, plaintext)) for device in peers]
    copies += [
        (device, encrypt_for(store, device, own_plaintext))
        for device in fanout.own
        if device in reachable
    ]
    node = build_message(
        draft.id,
        fanout.to,
        copies,
        device_identity=account,
        peer_recipient_pn=fanout.chat if fanout.to.is_lid and fanout.chat.is_pn else None,
    )
    return encode_stanza(node)
