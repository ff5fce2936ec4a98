"""Who is online, and who is typing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..wire import Jid


class PresenceState(StrEnum):
    """What somebody does, in WhatsApp's words."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    COMPOSING = "composing"
    RECORDING = "recording"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Presence:
    """What somebody does, as the server told it last.

    Attributes:
        chat: where, bare: the person, or the group in which they type.
        user: who, bare, by phone number where that is known; in what is told of a group as a whole
            the group.
        state: online or not; typing, recording, or no longer.
        last_seen: when they were online last, Unix seconds; None when that is hidden or not told.
        online: how many members of a group are online; None when not told.
    """

    chat: Jid
    user: Jid
    state: PresenceState
    last_seen: int | None = None
    online: int | None = None
