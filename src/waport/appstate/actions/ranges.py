"""Message ranges in protobufs, and the rules for naming a message.

Source: docs/protocol/app-state.md, "Message ranges".
"""

from __future__ import annotations

from typing import Any, Final

from ...proto import as_text
from ...wire import Jid
from .base import MessageRange, MessageRef, RangeMessage
from .fields import Field, Unreadable, parse_address

MAX_RANGE_MESSAGES: Final = 1000
"""Messages that a range may name."""


def message_range(attr: str, name: str) -> Field:
    """Which messages are covered; None when it is not there, but it must be written."""

    def read(part: Any) -> MessageRange | None:
        return _read_range(getattr(part, name)) if part.HasField(name) else None

    def write(part: Any, value: Any) -> None:
        if value is None:
            raise ValueError("it needs the range of messages that it covers")
        _write_range(getattr(part, name), value)

    return Field(attr, read, write)


def _read_range(part: Any) -> MessageRange:
    if len(part.messages) > MAX_RANGE_MESSAGES:
        raise Unreadable("a range names too many messages")
    messages = []
    for item in part.messages:
        key = item.key
        if not key.id:
            raise Unreadable("a message without an id")
        ref = MessageRef(
            parse_address(key.remoteJid),
            as_text(key.id),
            key.fromMe,
            parse_address(key.participant) if key.participant else None,
        )
        messages.append(RangeMessage(ref, item.timestamp if item.HasField("timestamp") else None))
    return MessageRange(part.lastMessageTimestamp, part.lastSystemMessageTimestamp, tuple(messages))


def _write_range(part: Any, value: MessageRange) -> None:
    if len(value.messages) > MAX_RANGE_MESSAGES:
        raise ValueError(f"a range names at most {MAX_RANGE_MESSAGES} messages")
    part.lastMessageTimestamp = value.last_message_s
    # A notice that is older than the newest message makes the range unreadable for the app.
    if value.last_system_message_s > value.last_message_s:
        part.lastSystemMessageTimestamp = value.last_system_message_s
    for message in value.messages:
        item = part.messages.add()
        item.key.remoteJid = str(message.key.chat)
        item.key.fromMe = message.key.from_me
        item.key.id = message_id(message.key)
        participant = participant_of(message.key)
        if participant is not None:
            item.key.participant = str(participant)
        if message.timestamp_s is not None:
            item.timestamp = message.timestamp_s


def message_id(ref: MessageRef) -> str:
    """The id as it must be written.

    Raises:
        ValueError: it has none.
    """
    if not ref.id:
        raise ValueError("a message without an id")
    return ref.id


def participant_of(ref: MessageRef) -> Jid | None:
    """The author as it must be written; None where it must not be.

    Raises:
        ValueError: it is missing where it is needed.
    """
    if not ref.needs_participant:
        return None
    if ref.participant is None:
        raise ValueError("a message of somebody else in a group needs its author")
    return ref.participant.bare
