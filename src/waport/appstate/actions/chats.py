"""Actions on chats and messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ...wire import Jid
from .base import Action, MessageRange, MessageRef

FOREVER: Final = -1
"""The end of a mute that has none."""


@dataclass(frozen=True, slots=True)
class PinChat(Action):
    """A chat stands on top of the list. The mutation's time is the time of pinning."""

    chat: Jid
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class ArchiveChat(Action):
    """A chat is out of the list.

    Attributes:
        messages: up to where; a message after that may bring the chat back. Always written.
    """

    chat: Jid
    archived: bool = False
    messages: MessageRange | None = None


@dataclass(frozen=True, slots=True)
class MarkChatRead(Action):
    """A chat was read on another device, or marked as unread.

    Attributes:
        messages: up to where. Always written.
    """

    chat: Jid
    read: bool = True
    messages: MessageRange | None = None


@dataclass(frozen=True, slots=True)
class MuteChat(Action):
    """A chat makes no sound.

    Attributes:
        end_ms: Unix milliseconds, or `FOREVER`; 0 when it is not muted.
        auto_muted: WhatsApp did it by itself.
        mentions_end_ms: until when mentions of everybody are muted too; 0 when they are not.
    """

    chat: Jid
    muted: bool = False
    end_ms: int = 0
    auto_muted: bool = False
    mentions_end_ms: int = 0


@dataclass(frozen=True, slots=True)
class LockChat(Action):
    """A chat is behind the phone's lock."""

    chat: Jid
    locked: bool = False


@dataclass(frozen=True, slots=True)
class ClearChat(Action):
    """The messages of a chat are deleted for this account.

    Attributes:
        delete_starred: the starred ones too.
        delete_media: their files too.
        messages: up to where; later ones stay. Always written.
    """

    chat: Jid
    delete_starred: bool
    delete_media: bool
    messages: MessageRange | None = None


@dataclass(frozen=True, slots=True)
class DeleteChat(Action):
    """A chat is deleted for this account.

    Attributes:
        delete_media: its files too.
        messages: up to where; later ones stay. Always written.
    """

    chat: Jid
    delete_media: bool
    messages: MessageRange | None = None


@dataclass(frozen=True, slots=True)
class StarMessage(Action):
    """A message is starred."""

    message: MessageRef
    starred: bool = False


@dataclass(frozen=True, slots=True)
class DeleteMessageForMe(Action):
    """A message is deleted for this account.

    Attributes:
        delete_media: its file too.
        timestamp_s: the message's time, Unix seconds.
    """

    message: MessageRef
    delete_media: bool = False
    timestamp_s: int = 0


@dataclass(frozen=True, slots=True)
class Favorites(Action):
    """The favorite chats, all of them, in order."""

    chats: tuple[Jid, ...] = ()


@dataclass(frozen=True, slots=True)
class BotWelcome(Action):
    """A bot was asked for its first message."""

    chat: Jid
    is_sent: bool = False


@dataclass(frozen=True, slots=True)
class PinThread(Action):
    """A thread of an AI chat stands on top."""

    chat: Jid
    thread_id: str
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class RenameThread(Action):
    """A thread of an AI chat has a title."""

    chat: Jid
    thread_id: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class DeleteThread(Action):
    """A thread of an AI chat is gone."""

    chat: Jid
    thread_id: str


class ButtonState(IntEnum):
    """What became of the buttons of a message."""

    NONE = 0
    DISABLED = 1


@dataclass(frozen=True, slots=True)
class InteractiveMessageState(Action):
    """The buttons of a message were used up.

    Attributes:
        detail: the last text of the index, whose meaning is not known.
        agm_id: the id of an automatically generated message, if it is one.
    """

    message: MessageRef
    detail: str
    buttons: ButtonState = ButtonState.NONE
    agm_id: str = ""
