"""What the routes about chats need of the rooms below; the tests put fakes here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..appstate.actions import EditLabel
from ..model import ChatSummary
from ..wire import Jid


class ChatsPort(Protocol):
    """The list of chats; see `client.features.chats`."""

    async def all(self) -> Sequence[ChatSummary]:
        """Every chat, the latest first."""
        ...

    async def get(self, chat: Jid) -> ChatSummary:
        """One chat; NotFound when there is no such group or channel."""
        ...

    async def send_seen(self, chat: Jid, *, privately: bool | None = None) -> int:
        """Mark a chat as read."""
        ...


class PresencePort(Protocol):
    """What others see us do; see `client.features.presence`."""

    async def available(self) -> None: ...

    async def unavailable(self) -> None: ...

    async def composing(self, chat: Jid) -> None: ...

    async def recording(self, chat: Jid) -> None: ...

    async def paused(self, chat: Jid) -> None: ...


class ChatSettingsPort(Protocol):
    """Flags and labels of chats, which all devices share; see `client.features.settings`."""

    async def archive(self, chat: Jid) -> None: ...

    async def unarchive(self, chat: Jid) -> None: ...

    async def pin(self, chat: Jid) -> None: ...

    async def unpin(self, chat: Jid) -> None: ...

    async def mute(self, chat: Jid, until: int | None = None) -> None:
        """Mute a chat until a time, Unix seconds, or for ever."""
        ...

    async def unmute(self, chat: Jid) -> None: ...

    async def mark_read(self, chat: Jid) -> None: ...

    async def mark_unread(self, chat: Jid) -> None: ...

    async def clear_chat(self, chat: Jid, *, delete_media: bool = True) -> None: ...

    async def delete_chat(self, chat: Jid) -> None: ...

    async def labels(self) -> Sequence[EditLabel]: ...

    async def label_chat(self, chat: Jid, label_id: str, labeled: bool = True) -> None:
        """Give a chat a label, or take it away."""
        ...

    async def chats_of_label(self, label_id: str) -> Sequence[Jid]: ...

    async def label_ids_of(self, chat: Jid) -> Sequence[str]: ...
