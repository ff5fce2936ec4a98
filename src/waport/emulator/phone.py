"""The simulated phone: the primary device of an account, as real as its companions can tell.

It lives in the server's process but knows only what a phone knows, and speaks with the server in
stanzas. Its parts: keys and sessions (`phone_signal`), sending (`phone_outbox`), receiving
(`phone_inbox`), its chats (`phone_chats`), files (`phone_media`), linking (`phone_pairing`), app
state (`appstate_store`), history (`history`, `phone_history`), tokens (`phone_strangers`), channels
(`phone_newsletters`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass

from ..crypto import RandomBytes
from ..errors import WhatsAppError
from ..proto import pb
from ..wire import AttrValue, Jid, Node
from . import phone_addons
from .appstate_store import AppState
from .history import initial_bootstrap, key_share
from .link import DeviceLink, MediaLink
from .phone_adv import AdvAccount
from .phone_calls import PhoneCalls
from .phone_chats import PhoneChats
from .phone_content import traits
from .phone_data import data_response
from .phone_devices import OwnAddress, ask
from .phone_habits import Habits
from .phone_history import PhoneHistory
from .phone_inbox import Inbox
from .phone_keys import upload_iq
from .phone_media import IncomingFile, OutgoingFile, PhoneMedia
from .phone_newsletters import PhoneNewsletters
from .phone_outbox import Outbox, SentMessage
from .phone_pairing import Linker
from .phone_received import ReceivedMessage
from .phone_settings import first_settings, push_name
from .phone_signal import PhoneSignal
from .phone_state import PhoneState
from .phone_strangers import PhoneTokens
from .phone_trouble import NO_TROUBLE, Trouble

_log = logging.getLogger(__name__)

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
    """Device 0 of one account; made by `create_phone`.

    Attributes:
        owner: whose it is.
        app_state: the account's collections.
        media: its files.
        outbox: what it sends.
        inbox: what it has received.
        chats: both together.
        linker: its companions.
        tokens: what it knows of strangers.
        newsletters: what it does about channels.
        habits: how it treats requests.
        calls: whom it calls, and who calls it.
        state: what it does for companions about app state.
        history: its old chats.
    """

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
        self.chats = PhoneChats(self.inbox, self.outbox, signal, own)
        self.tokens = PhoneTokens(link, clock, random_bytes)
        self.newsletters = PhoneNewsletters(link)
        self.habits = Habits()
        self.calls = PhoneCalls(link, own, self._in_background, random_bytes)
        self.history = PhoneHistory(
            media, own, self.outbox.send_peer, self.habits, clock, random_bytes
        )
        self.linker = Linker(
            link, signal.local.identity, own, account, clock=clock, random_bytes=random_bytes
        )
        self.state = PhoneState(app_state, self.outbox, self.linker, own, self.habits, self._now_ms)

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
        self,
        to: Jid,
        message: pb.Message,
        message_id: str | None = None,
        *,
        trouble: Trouble = NO_TROUBLE,
        media_id: str | None = None,
    ) -> SentMessage:
        """Send any message; see `Outbox.send_message`.

        One that others may vote on, react to or comment gets the secret that this takes.
        """
        shown = traits(message).attrs
        if "edit" not in shown and shown["type"] != "reaction" and not to.is_newsletter:
            info = message.messageContextInfo
            info.messageSecret = info.messageSecret or self._random_bytes(_SECRET)
        return await self.outbox.send_message(
            to, message, message_id, trouble=trouble, media_id=media_id
        )

    async def send_file(
        self, to: Jid, file: OutgoingFile, message_id: str | None = None
    ) -> SentMessage:
        """Send a file; see `PhoneMedia.upload` and `Outbox.send_message`."""
        if to.is_newsletter:
            post, handle = await self.media.upload_plain(file)
            return await self.send_message(to, post, message_id, media_id=handle)
        return await self.send_message(to, await self.media.upload(file), message_id)

    async def vote(self, chat: Jid, poll_id: str, options: Iterable[str]) -> pb.Message:
        """A vote in a poll of a chat, to be sent there; see `phone_addons.vote`."""
        target, sender = await self.chats.target(chat, poll_id)
        return phone_addons.vote(target, sender, options, self._now_ms(), self._random_bytes)

    async def answer_event(self, chat: Jid, event_id: str, response: str) -> pb.Message:
        """An answer to an event, to be sent to its chat; see `phone_addons.answer_event`."""
        target, sender = await self.chats.target(chat, event_id)
        t_ms, random_bytes = self._now_ms(), self._random_bytes
        return phone_addons.answer_event(target, sender, response, t_ms, random_bytes)

    async def react_secretly(self, chat: Jid, message_id: str, text: str) -> pb.Message:
        """An encrypted reaction, to be sent to its chat; see `phone_addons.react_secretly`."""
        target, sender = await self.chats.target(chat, message_id)
        t_ms, random_bytes = self._now_ms(), self._random_bytes
        return phone_addons.react_secretly(target, sender, text, t_ms, random_bytes)

    async def change_secretly(
        self, chat: Jid, message_id: str, kind: str, content: pb.Message
    ) -> pb.Message:
        """An encrypted change, to be sent to its chat; see `phone_addons.change_secretly`."""
        target, sender = await self.chats.target(chat, message_id)
        return phone_addons.change_secretly(target, sender, kind, content, self._random_bytes)

    async def fetch_file(self, message_id: str) -> IncomingFile:
        """Look at the file of a message; see `PhoneMedia.fetch`."""
        found = self.chats.find(message_id)
        return await self.media.fetch(pb.Message() if found is None else found.message)

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
        elif node.tag == "status":
            await self._acknowledge(node)
            await self.inbox.receive(Node("message", node.attrs, node.content))
        elif node.tag == "receipt":
            await self._acknowledge(node)
            if node.get("type") == "retry" and self.habits.retries == "answer":
                await self.outbox.answer_retry(node)
            elif node.get("type") == "server-error" and self.habits.media != "ignore":
                found = self.chats.find(node.attr("id"))
                is_there = found is not None and self.habits.media == "answer"
                message = found.message if found is not None and is_there else None
                await self._link.send(self.media.answer_retry(node, message))
        elif node.tag == "notification":
            await self._acknowledge(node)
            await self._notified(node)
        elif node.tag == "call":
            await self._acknowledge(node)
            await self.calls.receive(node)
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
        elif kind == "passkey_step":
            # The last of them takes as long as the companion does.
            self._in_background(self.linker.passkeys.on_notification(node))
        elif kind == "privacy_token":
            self.tokens.on_notification(node)
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
        history = initial_bootstrap(names, lids, self.tokens.conversations(), self.tokens.salt)
        await self.outbox.send_peer(device, history)

    async def app_state_query(self, device: int, node: Node) -> Node:
        """Answer an IQ of `w:sync:app:state` of a device of this account."""
        return await self.app_state.answer(device, node)

    # --- what companions ask ---------------------------------------------------------------------

    async def _on_peer(self, companion: Jid, name: str, request: pb.ProtocolMessage) -> None:
        if request.type == pb.ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST:
            await self.state.answer_keys(companion, request.appStateSyncKeyRequest)
        elif request.type == pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE:
            await self._on_data_request(companion, name, request.peerDataOperationRequestMessage)

    async def _on_data_request(
        self, companion: Jid, name: str, request: pb.PeerDataOperationRequestMessage
    ) -> None:
        if request.peerDataOperationRequestType == pb.COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY:
            await self.state.answer_copy(companion, name, request)
        elif await self.history.answer(companion, name, request):
            return
        elif self.habits.placeholders != "ignore":
            is_willing = self.habits.placeholders == "answer"
            find = self.chats.web_message if is_willing else _nothing
            await self.outbox.send_peer(companion, data_response(name, request, find))

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

    @property
    def token_salt(self) -> bytes:
        """The secret behind the account's salted tokens; empty when it has none."""
        return self.tokens.salt

    async def make_token_salt(self) -> None:
        """Make that secret; companions learn it from app state, later ones from history too.

        Raises:
            CryptoError, ProtocolError: a companion has uploaded a patch that does not verify.
        """
        await self.app_state.write("regular_high", [self.tokens.new_salt(self._now_ms())])

    async def write_first_settings(self) -> None:
        """Write what a new phone has in app state; clients take their own name from it."""
        for collection, mutations in first_settings(self.owner.name, self._now_ms()).items():
            await self.app_state.write(collection, mutations)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def close(self) -> None:
        """Switch the phone off: whoever waits for an ack is told."""
        self.outbox.close()
        self.calls.close()
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
            "tokens": self.tokens.dump(),
        }


def _nothing(key: pb.MessageKey) -> None:
    """A phone that knows no message."""
