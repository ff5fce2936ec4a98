"""Actions on labels, quick replies and notes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ...wire import Jid
from .base import Action


class LabelKind(IntEnum):
    """What a label is: a list that the app makes by itself, or one of the user's."""

    NONE = 0
    UNREAD = 1
    GROUPS = 2
    FAVORITES = 3
    PREDEFINED = 4
    CUSTOM = 5
    COMMUNITY = 6
    SERVER_ASSIGNED = 7
    DRAFTED = 8
    AI_HANDOFF = 9
    CHANNELS = 10
    AI_RESPONDING = 11
    ARCHIVED = 12
    LOCKED = 13
    INVITES = 14
    THIRD_PARTY = 15
    LEAD = 16
    MENTIONS_AND_REPLIES = 17


@dataclass(frozen=True, slots=True)
class EditLabel(Action):
    """A label or list.

    Attributes:
        color: a number into WhatsApp's palette.
        predefined_id: which of the labels that every business has; 0 for none.
        deleted: how a label goes away; the record stays.
        order: its place in the list.
        is_active: None where the writer left it out.
        kind: what it is.
        is_immutable: the user cannot change it.
        mute_end_ms: until when its chats are muted, Unix milliseconds; 0 when they are not.
    """

    label_id: str
    name: str = ""
    color: int = 0
    predefined_id: int = 0
    deleted: bool = False
    order: int = 0
    is_active: bool | None = None
    kind: LabelKind = LabelKind.NONE
    is_immutable: bool = False
    mute_end_ms: int = 0


@dataclass(frozen=True, slots=True)
class LabelChat(Action):
    """A chat has a label, or does not have it any more.

    Attributes:
        origin: which model set it, when it was one.
    """

    label_id: str
    chat: Jid
    labeled: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True)
class LabelMessage(Action):
    """A message has a label, or does not have it any more.

    Attributes:
        origin: which model set it, when it was one.
    """

    label_id: str
    chat: Jid
    message_id: str
    labeled: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True)
class OrderLabels(Action):
    """The labels, all of them, in order."""

    label_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSublist(Action):
    """A chat stands in a part of a predefined list."""

    predefined_id: str
    chat: Jid


@dataclass(frozen=True, slots=True)
class EditQuickReply(Action):
    """A text to send by a shortcut.

    Attributes:
        reply_id: a Unix time as text.
        used: how often.
        deleted: how it goes away; the record stays.
    """

    reply_id: str
    shortcut: str = ""
    message: str = ""
    keywords: tuple[str, ...] = ()
    used: int = 0
    deleted: bool = False
    label_ids: tuple[str, ...] = ()


class NoteKind(IntEnum):
    """What a note is."""

    NONE = 0
    UNSTRUCTURED = 1
    STRUCTURED = 2


@dataclass(frozen=True, slots=True)
class EditNote(Action):
    """A business's note on a chat.

    Attributes:
        created_at: as its writer counts; the unit is not known.
        deleted: how it goes away; the record stays.
    """

    note_id: str
    kind: NoteKind = NoteKind.NONE
    chat: Jid | None = None
    created_at: int = 0
    deleted: bool = False
    text: str = ""
