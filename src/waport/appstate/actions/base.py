"""What all actions have in common, and how they name messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ...wire import Jid


class Action:
    """What a mutation does, as a value.

    The attributes that say what it is about stand first and have no default. The others have the
    default that the removal of the record goes back to.
    """

    __slots__ = ()


class Unread(Enum):
    """Why an action stayed unread."""

    UNLISTED = "unlisted"
    """Its name is in no table."""

    LISTED = "listed"
    """It is known, but nobody here has a use for it."""

    NEWER = "newer"
    """Its author uses a later version of the action."""

    MALFORMED = "malformed"
    """Its index or its value is not what its name demands."""


@dataclass(frozen=True, slots=True)
class UnknownAction(Action):
    """An action that this program cannot read. It counts, has no effect, and is kept as it came.

    Attributes:
        index: as in the mutation.
        value: as in the mutation.
        version: as in the mutation.
        reason: why it stayed unread.
        name: of the action; empty when the index has none.
    """

    index: bytes = field(repr=False)
    value: bytes = field(repr=False)
    version: int
    reason: Unread
    name: str = ""


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message, as app state names it.

    Attributes:
        chat: the chat, as the writer knows it (by phone number or LID).
        id: the stanza id.
        from_me: this account wrote it.
        participant: the author, only in groups and only when it is somebody else. Some writers
            leave it out even then.
    """

    chat: Jid
    id: str
    from_me: bool
    participant: Jid | None = None

    @property
    def needs_participant(self) -> bool:
        """Whether it names no message without an author."""
        return not self.from_me and (self.chat.is_group or self.chat.is_broadcast)


@dataclass(frozen=True, slots=True)
class RangeMessage:
    """One of the newest messages of a range.

    Attributes:
        timestamp_s: None where the writer left it out.
    """

    key: MessageRef
    timestamp_s: int | None = None


@dataclass(frozen=True, slots=True)
class MessageRange:
    """Which messages of a chat an action covers: all up to a time.

    Attributes:
        last_message_s: of the newest message that is covered, Unix seconds.
        last_system_message_s: of the newest notice in the chat, if that is later; else 0.
        messages: the newest ones, those at `last_message_s` at least; empty in an empty chat.

    Source: docs/protocol/app-state.md, "Message ranges".
    """

    last_message_s: int
    last_system_message_s: int = 0
    messages: tuple[RangeMessage, ...] = ()

    def covers(self, other: MessageRange) -> bool:
        """Whether every message that the other range names is one of this range's, or older."""
        own = {message.key.id for message in self.messages}
        return all(
            message.key.id in own
            or (message.timestamp_s is not None and message.timestamp_s < self.last_message_s)
            for message in other.messages
        )

    def union(self, other: MessageRange) -> MessageRange:
        """The range that covers what either covers."""
        last = max(self.last_message_s, other.last_message_s)
        newest: dict[str, RangeMessage] = {}
        for message in (*self.messages, *other.messages):
            known = newest.get(message.key.id)
            if known is None or (known.timestamp_s or 0) < (message.timestamp_s or 0):
                newest[message.key.id] = message
        system = max(self.last_system_message_s, other.last_system_message_s)
        return MessageRange(
            last,
            system if system > last else 0,
            tuple(each for each in newest.values() if (each.timestamp_s or 0) >= last),
        )
