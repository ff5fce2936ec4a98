"""What a chat remembers so that old history does not undo what happened since."""

from __future__ import annotations

from typing import NamedTuple

from .schema import chats as table


class ChatMarks(NamedTuple):
    """Bounds for what the phone's history says of a chat.

    Attributes:
        settled: archived, pinned and muted were told by the app state, or set here: they stay.
        counted: the history has told the unread count once: from then on it is kept here.
        read_at: whatever was written until then is read, Unix seconds.
        history_end: `Conversation.EndOfHistoryTransferType`, the latest told; -1 when never.
    """

    settled: bool = False
    counted: bool = False
    read_at: int = 0
    history_end: int = -1

    def joined(self, other: ChatMarks) -> ChatMarks:
        """Those of two chats that turn out to be one."""
        return ChatMarks(
            self.settled or other.settled,
            self.counted or other.counted,
            max(self.read_at, other.read_at),
            max(self.history_end, other.history_end),
        )


NO_MARKS = ChatMarks()

MARK_COLUMNS = tuple(table.c[name] for name in ChatMarks._fields)
