"""Chats."""

from __future__ import annotations

from typing import Final

from typing_extensions import TypedDict

from ...events import ChatJson, ContactJson, LabelJson, MessageJson, stanza_id
from ...model import Message
from ...wire import Jid
from ..errors import InvalidRequest
from ..fields import Kind, body, optional, required
from ..kinds import ADDRESS, BOOLEAN, INTEGER, TEXT, nested
from .common import CURSOR_NOTE, MessageAnswer, PageEnvelope, SuccessEnvelope

MAX_SEARCHED: Final = 20_000
"""Stored messages that one search looks at; an endless limit ends there."""


@body
class SearchOptions:
    """The other server's filters: the newest `limit` messages that fit, oldest first."""

    limit: int | None = optional("limit", INTEGER, default=None, note="Up to 20,000 when left out.")
    from_me: bool | None = optional("fromMe", BOOLEAN, default=None)
    since_s: int | None = optional("since", INTEGER, default=None, note="Unix seconds.")
    message_id: str | None = optional("messageId", TEXT, default=None)

    @property
    def wanted(self) -> int:
        """How many messages the answer may have."""
        if self.message_id is not None:
            return 1
        return self.limit if self.limit is not None and self.limit > 0 else MAX_SEARCHED

    @property
    def has_filters(self) -> bool:
        """Whether there are messages that do not fit."""
        return (self.from_me, self.since_s, self.message_id) != (None, None, None)

    def is_past(self, message: Message) -> bool:
        """Whether neither this message fits nor any that is older."""
        return self.since_s is not None and message.timestamp < self.since_s

    def fits(self, message: Message) -> bool:
        """Whether a message passes the filters; the limit is not looked at."""
        if self.from_me is not None and message.key.from_me is not self.from_me:
            return False
        if self.is_past(message):
            return False
        return self.message_id is None or message.key.id == stanza_id(self.message_id)


@body
class FetchMessagesRequest:
    """Which messages of a chat to read. Page by passing the last id as `before`."""

    chat: Jid = required("chatId", ADDRESS, example="15551234567@c.us")
    limit: int | None = optional("limit", INTEGER, default=None, note="1 to 500; 50 when left out.")
    before: str | None = optional("before", TEXT, default=None, note="A message id, in any form.")
    search: SearchOptions | None = optional("searchOptions", nested(SearchOptions), default=None)
    cursor: str | None = optional("cursor", TEXT, default=None, note=CURSOR_NOTE)


class MessagesAnswer(PageEnvelope):
    """Messages: newest first, or oldest first where `searchOptions` was used."""

    messages: list[MessageJson]


FOREVER_S: Final = -1
MAX_DURATION_S: Final = 10**10
"""Some centuries: what is longer is no time to wait for."""


def _duration(value: object, name: str) -> int:
    seconds = INTEGER.read(value, name)
    if not (seconds == FOREVER_S or 0 <= seconds <= MAX_DURATION_S):
        raise InvalidRequest(f"{name} must be a number from 0 to {MAX_DURATION_S}, or -1")
    return seconds


_DURATION: Final = Kind(_duration, {"type": "integer", "minimum": -1, "maximum": MAX_DURATION_S})


@body
class ChatIdRequest:
    """Which chat."""

    chat: Jid = required("chatId", ADDRESS, example="15551234567@c.us")


@body
class MuteChatRequest(ChatIdRequest):
    """For how long a chat is muted."""

    duration_s: int = optional(
        "duration", _DURATION, default=8 * 3600, note="Seconds; -1 for ever."
    )


@body
class ChatSearchOptions:
    """Which chats are listed."""

    since_s: int | None = optional("since", INTEGER, default=None, note="Unix seconds.")
    unread: bool | None = optional("unread", BOOLEAN, default=None)


@body
class GetChatsRequest:
    """Which chats are listed; all of them when left out."""

    search: ChatSearchOptions = optional(
        "searchOptions", nested(ChatSearchOptions), default=ChatSearchOptions()
    )
    limit: int | None = optional("limit", INTEGER, default=None, note="Of a page: 1 to 500.")
    cursor: str | None = optional("cursor", TEXT, default=None, note=CURSOR_NOTE)


class ChatsAnswer(PageEnvelope):
    """Chats, the latest first."""

    chats: list[ChatJson]


class ChatAnswer(SuccessEnvelope):
    """A chat."""

    chat: ChatJson


class ChangedChatAnswer(MessageAnswer):
    """Done; `result` is what the chat is now: archived or not, pinned or not."""

    result: bool


class MuteJson(TypedDict):
    """Whether a chat is muted, and until when: Unix seconds, 0 for not, -1 for ever."""

    isMuted: bool
    muteExpiration: int


class MutedChatAnswer(MessageAnswer):
    """Done."""

    result: MuteJson


class LabelsAnswer(SuccessEnvelope):
    """Labels."""

    labels: list[LabelJson]


class ContactAnswer(SuccessEnvelope):
    """A person, group or channel."""

    contact: ContactJson
