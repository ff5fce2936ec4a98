"""The simulated phone: the primary device of an account, as real as its companions can tell.

It lives in the server's process but knows only what a phone knows, and speaks with the server in
stanzas. Its parts: keys and sessions (`phone_signal`), sending (`phone_outbox`), receiving
(`phone_inbox`), files (`phone_media`), linking (`phone_pairing`), app state (`appstate_store`),
history (`history`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..crypto import RandomBytes
from ..errors import CorruptRecord, CryptoError, WhatsAppError
from ..proto import pb
from ..wire import AttrValue, Jid, Node
from .appstate import SyncKey
from .appstate_store import Announce, AppState
from .history import initial_bootstrap, key_share
from .link import DeviceLink, MediaLink
from .phone_adv import AdvAccount
from .phone_content import traits
from .phone_data import data_response
from .phone_devices import OwnAddress, ask
from .phone_inbox import Inbox
from .phone_keys import upload_iq
from .phone_media import IncomingFile, OutgoingFile, PhoneMedia
from .phone_outbox import Outbox, SentMessage
from .phone_pairing import Linker
from .phone_received import ReceivedMessage
from .phone_settings import first_settings, push_name
from .phone_signal import PhoneSignal
from .saved import Saved

_log = logging.getLogger(__name__)

_FIRST_UPLOAD = 100
_REFILL = 50
_LOW_KEYS = 5
_SECRET = 32


@dataclass(slots=True)
class Owner:
    """Whose phone it is.

    Attributes:
        own: the account's two addresses.
        name: its push name.
    """

    own: OwnAddress
    name: str


class Phone:
    """Device 0 of one account; made by `create_phone`."""

    def __init__(
        self,
        owner: Owner,
        link: DeviceLink,
        media: MediaLink,
        signal: PhoneSignal,
        account: AdvAccount,
        app_state: AppState,
        *,
        clock: Callable[[], float],
        random_bytes: RandomBytes,
    ) -> None:
        self.owner = owner
        self.app_state = app_state
        self._link = link
        self._signal = signal
        self._clock = clock
        self._random_bytes = random_bytes
        self._tasks: set[asyncio.Task[None]] = set()
        own = owner.own
        signal.learn(own.pn, own.lid)
        self.media = PhoneMedia(media, clock, random_bytes)
        self.outbox = Outbox(link, signal, own, clock=clock, random_bytes=random_bytes)
        self.inbox = Inbox(link, signal, own, self._on_peer, clock)
        self.linker = Linker(
            link, signal.local.identity, own, account, clock=clock, random_bytes=random_bytes
        )

    # --- what the person does --------------------------------------------------------------------

    async def pair_by_qr(self, text: str) -> Jid:
        """Scan a companion's QR code; see `Linker.pair_by_qr`."""
        return await self.linker.pair_by_qr(text)

    async def enter_code(self, code: str) -> Jid:
        """Type the code that a companion shows; see `Linker.enter_code`."""
        return await self.linker.enter_code(code)

    async def send_text(self, to: Jid, text: str, message_id: str | None = None) -> SentMessage:
        """Write to somebody; see `Outbox.send_text`."""
        return await self.outbox.send_text(to, text, message_id)

    async def send_message(
        self, to: Jid, message: pb.Message, message_id: str | None = None
    ) -> SentMessage:
        """Send any message; see `Outbox.send_message`.

        One that others may vote on, react to or comment gets the secret that this takes.
        """
        shown = traits(message).attrs
        if "edit" not in shown and shown["type"] != "reaction":
            info = message.messageContextInfo
            info.messageSecret = info.messageSecret or self._random_bytes(_SECRET)
        return await self.outbox.send_message(to, message, message_id)

    async def send_file(
        self, to: Jid, file: OutgoingFile, message_id: str | None = None
    ) -> SentMessage:
        """Send a file; see `PhoneMedia.upload` and `Outbox.send_message`."""
        return await self.send_message(to, await self.media.upload(file), message_id)

    async def fetch_file(self, message_id: str) -> IncomingFile:
        """Look at the file of a message; see `PhoneMedia.fetch`."""
        message, _ = self._find(message_id) or (pb.Message(), 0)
        return await self.media.fetch(message)

    async def mark_read(self, chat: Jid, ids: Iterable[str] | None = None) -> list[str]:
        """Look at messages; see `Inbox.mark_read`."""
        return await self.inbox.mark_read(chat, ids)

    def messages(self, after: int = 0) -> list[ReceivedMessage]:
        """What this phone has decrypted, from the message after number `after` on."""
        return self.inbox.messages[max(after, 0) :]

    # --- what the server hands over --------------------------------------------------------------

    async def deliver(self, node: Node) -> None:
        """Take the next stanza for device 0 and acknowledge it.

        A stanza that is broken or can not be served is logged, as a phone would carry on.
        """
        try:
            await self._handle(node)
        except WhatsAppError as exc:
            _log.warning("the phone can not serve %s: %s", node.to_xml(), exc)

    async def _handle(self, node: Node) -> None:
        if node.tag == "message":
            await self.inbox.receive(node)
        elif node.tag == "receipt":
            await self._acknowledge(node)
            if node.get("type") == "retry":
                await self.outbox.answer_retry(node)
            elif node.get("type") == "server-error":
                message, _ = self._find(node.attr("id")) or (None, 0)
                await self._link.send(self.media.answer_retry(node, message))
        elif node.tag == "notification":
            await self._acknowledge(node)
            await self._notified(node)
        elif node.tag == "call":
            await self._acknowledge(node)
        elif node.tag == "ack" and node.get("class") == "message":
            self.outbox.on_ack(node)

    async def _acknowledge(self, node: Node) -> None:
        attrs: dict[str, AttrValue] = {
            "class": node.tag,
            "id": node.attr("id"),
            "to": node.jid("from"),
        }
        for name in ("participant", "type"):
            if name in node.attrs:
                attrs[name] = node.attrs[name]
        await self._link.send(Node("ack", attrs))

    async def _notified(self, node: Node) -> None:
        kind = node.get("type")
        if kind == "link_code_companion_reg":
            self.linker.on_notification(node)
        elif kind == "encrypt":
            count = node.find("count")
            if count is not None and count.get_int("value", 0) < _LOW_KEYS:
                await self.upload_keys(_REFILL)
            source = node.jid("from")
            if node.find("identity") and not source.device and source not in self.owner.own:
                self._signal.forget_user(source)
        elif kind == "devices" and node.jid("from") in self.owner.own:
            removed = node.find("remove")
            if removed is not None:
                gone = {device.jid("jid").device for device in removed.children("device")}
                # Linking another companion may take a minute; the phone goes on meanwhile.
                self._in_background(self.linker.forget(gone))

    async def linked(self, device: Jid) -> None:
        """Give a new companion the app-state keys and the start of its history.

        Raises:
            QueryError, CryptoError: the companion has no usable bundle.
        """
        own = self.owner.own
        names = {**self.inbox.names, own.pn: self.owner.name, own.lid: self.owner.name}
        lids = {
            Jid(pn, own.pn.server): Jid(lid, own.lid.server)
            for pn, lid in self._signal.lids.items()
        }
        share = key_share(self.app_state.keys, self.linker.account)
        await self.outbox.send_peer(device, share)
        await self.outbox.send_peer(device, initial_bootstrap(names, lids))

    async def app_state_query(self, device: int, node: Node) -> Node:
        """Answer an IQ of `w:sync:app:state` of a device of this account."""
        return await self.app_state.answer(device, node)

    # --- what companions ask ---------------------------------------------------------------------

    async def _on_peer(self, companion: Jid, name: str, request: pb.ProtocolMessage) -> None:
        if request.type == pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST:
            wanted = [key.keyId for key in request.appStateSyncKeyRequest.keyIds]
            known = [key for key in self.app_state.keys if key.id in wanted]
            missing = [key_id for key_id in wanted if key_id not in {key.id for key in known}]
            await self.outbox.send_peer(companion, key_share(known, self.linker.account, missing))
        elif request.type == pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE:
            answer = data_response(name, request.peerDataOperationRequestMessage, self._find)
            await self.outbox.send_peer(companion, answer)

    def _find(self, message_id: str) -> tuple[pb.Message, int] | None:
        """A message that this phone got or sent, and when (unix seconds)."""
        for received in reversed(self.inbox.messages):
            if received.id == message_id:
                return received.message, received.timestamp
        return self.outbox.sent(message_id)

    # --- keys and settings -----------------------------------------------------------------------

    async def upload_keys(self, count: int) -> None:
        """Make one-time keys and give their public halves to the server.

        Raises:
            QueryError: the server refused them.
        """
        keys = self._signal.make_pre_keys(count)
        await ask(self._link, upload_iq(self._signal.local, self._signal.signed_pre_key, keys))

    async def set_name(self, name: str) -> None:
        """Change the push name; companions learn it from app state.

        Raises:
            CryptoError, ProtocolError: a companion has uploaded a patch that does not verify.
        """
        self.owner.name = name
        await self.app_state.write("critical_block", [push_name(name, self._now_ms())])

    async def write_first_settings(self) -> None:
        """Write what a new phone has in app state; clients take their own name from it."""
        for collection, mutations in first_settings(self.owner.name, self._now_ms()).items():
            await self.app_state.write(collection, mutations)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def close(self) -> None:
        """Switch the phone off: whoever waits for an ack is told."""
        self.outbox.close()
        for task in self._tasks:
            task.cancel()

    def _in_background(self, work: Coroutine[object, object, None]) -> None:
        async def run() -> None:
            try:
                await work
            except WhatsAppError as exc:
                _log.warning("the phone could not finish something: %s", exc)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def dump(self) -> dict[str, object]:
        """The phone's state as JSON values."""
        return {
            "name": self.owner.name,
            "signal": self._signal.dump(),
            "account": self.linker.account.dump(),
            "app_state": self.app_state.dump(),
            "sent": self.outbox.dump(),
            "inbox": self.inbox.dump(),
        }


class PhoneAccount(Protocol):
    """What a phone has to know of the account that it is for."""

    @property
    def jid(self) -> Jid:
        """The bare phone number JID."""
        ...

    @property
    def lid(self) -> Jid:
        """The bare LID."""
        ...

    @property
    def name(self) -> str:
        """The push name."""
        ...


async def create_phone(
    account: PhoneAccount,
    link: DeviceLink,
    media: MediaLink,
    state: Mapping[str, object] | None = None,
    *,
    announce: Announce,
    clock: Callable[[], float] = time.time,
    random_bytes: RandomBytes = os.urandom,
) -> Phone:
    """Switch a phone on: a new one, which gives the server its keys, or the one that was saved.

    Args:
        account: whose phone it is.
        link: its way to the server.
        media: its way to the media host.
        state: what `Phone.dump` gave; None for a new phone.
        announce: called after each new version of an app-state collection.
        clock: unix seconds.
        random_bytes: for all keys.

    Raises:
        CorruptRecord: the state can not be read.
        QueryError: the server refused the keys of the new phone.
    """
    own = OwnAddress(account.jid, account.lid)
    users = frozenset((own.pn, own.lid))
    if state is not None:
        saved = Saved(state, "phone")
        return _restore(own, users, link, media, saved, announce, clock, random_bytes)
    key = SyncKey.create(1, int(clock() * 1000), random_bytes)
    phone = Phone(
        Owner(own, account.name),
        link,
        media,
        PhoneSignal.create(users, random_bytes),
        AdvAccount.create(random_bytes),
        AppState(announce, [key], random_bytes=random_bytes),
        clock=clock,
        random_bytes=random_bytes,
    )
    await phone.upload_keys(_FIRST_UPLOAD)
    await phone.write_first_settings()
    return phone


def _restore(
    own: OwnAddress,
    users: frozenset[Jid],
    link: DeviceLink,
    media: MediaLink,
    saved: Saved,
    announce: Announce,
    clock: Callable[[], float],
    random_bytes: RandomBytes,
) -> Phone:
    try:
        signal = PhoneSignal.load(saved.part("signal"), users, random_bytes)
    except CryptoError as exc:
        raise CorruptRecord("a saved key of the phone is unusable") from exc
    phone = Phone(
        Owner(own, saved.text("name")),
        link,
        media,
        signal,
        AdvAccount.load(saved.part("account")),
        AppState.load(saved.part("app_state"), announce, random_bytes),
        clock=clock,
        random_bytes=random_bytes,
    )
    phone.outbox.restore(saved.parts("sent"))
    phone.inbox.restore(saved.part("inbox"))
    return phone
