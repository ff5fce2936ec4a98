"""Domain events about what all devices of an account share; this program's own changes, too."""

from __future__ import annotations

from dataclasses import dataclass

from ..appstate.actions import Action
from .chat import Chat
from .contact import Contact
from .message import Message


@dataclass(frozen=True, slots=True)
class ChatFlagged:
    """A chat was pinned or muted, or no longer is.

    Attributes:
        chat: as it is now.
        previous: as it was.
    """

    chat: Chat
    previous: Chat


@dataclass(frozen=True, slots=True)
class MessageStarred:
    """A message got a star, or lost it; `message.starred` tells."""

    message: Message


@dataclass(frozen=True, slots=True)
class ContactSaved:
    """A person stands in the address book under a name, or no longer does: it is empty then."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """A record that all devices share was set: a label or what it is on, a quick reply, a setting.

    Attributes:
        action: what it says, by its type; see `appstate.actions`. Of a record that was taken away
            it says what holds without one.
        removed: it was taken away.
    """

    action: Action
    removed: bool = False
