"""What the API needs of the rooms below it, and nothing more; the tests put fakes here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from ..client.addon_reading import Vote
from ..client.compose import SendOptions
from ..client.features.media import DownloadedFile
from ..client.media_contents import MadeMedia, MediaOptions
from ..client.media_files import Source
from ..client.message_lookup import MessageReceipts
from ..client.message_status import MessageStatus
from ..model import AddOn, Evidence, Message, MessageKey, PasskeyState, SessionState
from ..model.business import OrderDetails
from ..model.contents import Content, LinkPreview
from ..wire import Jid
from .channel_ports import ChannelsPort
from .chat_ports import ChatSettingsPort, ChatsPort, PresencePort
from .group_ports import GroupsPort
from .people_ports import ContactsPort, ProfilePort


class MessagesPort(Protocol):
    """Messages of an account; see `client.features.messages`."""

    async def send(self, chat: Jid, content: Content, options: SendOptions = ...) -> Message:
        """Send a content; NotFound when there is no such recipient."""
        ...

    async def forward(self, chat: Jid, message_id: str, to: Jid) -> Message: ...

    async def react(self, chat: Jid, message_id: str, emoji: str) -> Message: ...

    async def edit(self, chat: Jid, message_id: str, content: Content | str) -> Message: ...

    async def revoke(self, chat: Jid, message_id: str) -> Message: ...

    async def pin(self, chat: Jid, message_id: str, duration_s: int = ...) -> Message: ...

    async def unpin(self, chat: Jid, message_id: str) -> Message: ...

    async def fetch(self, chat: Jid, limit: int, before: str | None = None) -> Sequence[Message]:
        """Stored messages, newest first; from the one before `before`, where that is known."""
        ...

    async def page(
        self, chat: Jid, limit: int, place: tuple[int, int] | None = None
    ) -> Sequence[Message]:
        """Stored messages, newest first; behind a message's timestamp and `seq`."""
        ...

    async def find(self, chats: Iterable[Jid], ids: Iterable[str]) -> Message | None:
        """A message by what may be its id: in these chats, else in any."""
        ...

    async def quoted(self, message: Message) -> Message | None:
        """What a message answers."""
        ...

    async def status(self, chats: Iterable[Jid], ids: Iterable[str]) -> MessageStatus | None:
        """How far the own message of such an id has come: in these chats, else in any."""
        ...

    async def receipts(self, message: Message) -> MessageReceipts: ...

    async def reactions(self, chat: Jid, message_id: str) -> Sequence[AddOn]:
        """The reactions to a message that stand."""
        ...

    async def votes(self, message: Message) -> Sequence[Vote]:
        """The votes in a poll; InvalidInput when it is none."""
        ...

    async def vote(self, chat: Jid, message_id: str, options: Sequence[str]) -> Message: ...

    async def reacted(self, messages: Iterable[Message]) -> frozenset[MessageKey]:
        """Which of these messages have a reaction that stands."""
        ...


class MediaPort(Protocol):
    """Files of an account; see `client.features.media`."""

    async def content(self, source: Source, options: MediaOptions = ...) -> MadeMedia:
        """Upload a file, and make the content that sends it."""
        ...

    async def from_url(
        self, url: str, options: MediaOptions = ..., headers: Mapping[str, str] | None = None
    ) -> MadeMedia: ...

    async def preview(self, text: str) -> LinkPreview | None:
        """The preview of the first link in a text; whatever goes wrong, None comes in time."""
        ...

    def open_url(self, url: str) -> AbstractAsyncContextManager[Path]:
        """A file of another server on disk, for as long as the context lasts."""
        ...

    def open_download(self, message: Message) -> AbstractAsyncContextManager[DownloadedFile]:
        """A message's file on disk, for as long as the context lasts."""
        ...


class SettingsPort(ChatSettingsPort, Protocol):
    """What the devices of the account share; see `client.features.settings`."""

    async def set_push_name(self, name: str) -> None:
        """Set the name that others see."""
        ...

    async def star(self, chat: Jid, message_id: str, starred: bool = True) -> None: ...

    async def delete_for_me(
        self, chat: Jid, message_id: str, *, delete_media: bool = True
    ) -> None: ...


class HistoryPort(Protocol):
    """Old messages that the phone has; see `client.features.history`."""

    async def request_older(self, chat: Jid) -> bool:
        """Ask for older messages; False when there are none, InvalidInput for unknown chats."""
        ...


class BusinessPort(Protocol):
    """What businesses sell; see `client.features.business`."""

    async def order(self, order_id: str, token: str) -> OrderDetails: ...


class ClientPort(Protocol):
    """An account that is logged in."""

    @property
    def own_jid(self) -> Jid:
        """The account, bare, by phone number."""
        ...

    @property
    def messages(self) -> MessagesPort: ...

    @property
    def media(self) -> MediaPort: ...

    @property
    def groups(self) -> GroupsPort: ...

    @property
    def chats(self) -> ChatsPort: ...

    @property
    def contacts(self) -> ContactsPort: ...

    @property
    def profile(self) -> ProfilePort: ...

    @property
    def presence(self) -> PresencePort: ...

    @property
    def settings(self) -> SettingsPort: ...

    @property
    def newsletters(self) -> ChannelsPort: ...

    @property
    def history(self) -> HistoryPort: ...

    @property
    def business(self) -> BusinessPort: ...


class SessionManager(Protocol):
    """All accounts of this server."""

    async def start(self, session_id: str) -> None: ...

    async def stop(self, session_id: str) -> None: ...

    async def restart(self, session_id: str) -> None: ...

    async def terminate(self, session_id: str) -> bool | None:
        """Whether WhatsApp has unlinked the device; None if it was not linked."""
        ...

    async def logout(self, session_id: str) -> None: ...

    def state(self, session_id: str) -> SessionState | None:
        """Where a session stands; None when it is not started."""
        ...

    def evidence(self, session_id: str) -> Evidence | None:
        """What shows that a session's connection lives; None when there is none."""
        ...

    def list(self) -> Sequence[tuple[str, SessionState]]:
        """The started sessions, in the order of their start."""
        ...

    def qr(self, session_id: str) -> str:
        """The QR text; SessionNotFound or QrNotAvailable when there is none."""
        ...

    async def request_pairing_code(
        self, session_id: str, phone: str, *, show_notification: bool = True
    ) -> str: ...

    async def known(self) -> Sequence[str]:
        """All sessions: those that are started, then those of which something is stored."""
        ...

    async def choose(self, session_id: str, name: str, value: bool) -> None:
        """Keep a choice of a session that no other device knows of."""
        ...

    async def web_version(self) -> str:
        """The client version that this server claims."""
        ...

    def passkey(self, session_id: str) -> PasskeyState:
        """How far the passkey step has come; SessionNotFound or PasskeyNotRequested without one."""
        ...

    async def answer_passkey(self, session_id: str, assertion: object) -> None: ...

    async def confirm_passkey(self, session_id: str) -> None: ...

    def client(self, session_id: str) -> ClientPort:
        """A logged-in account; SessionNotFound or SessionNotConnected when it is none."""
        ...
