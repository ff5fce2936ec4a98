"""Single messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NotRequired

from typing_extensions import TypedDict

from ...events import ContactJson, MessageJson
from ...model import Message
from ...wire import Jid
from ..errors import InvalidRequest
from ..fields import Kind, body, defined, is_something, optional, required
from ..kinds import ADDRESS, ANYTHING, BOOLEAN, INTEGER, OBJECT, TEXT
from .common import MessageAnswer, SuccessEnvelope

DAY_S: Final = 86_400
WEEK_S: Final = 604_800
MONTH_S: Final = 2_592_000
"""How long a message may stay pinned."""


@body
class MessageLookupRequest:
    """Which message. It is found by its id in any form; the chat is a hint."""

    chat: Jid = required("chatId", ADDRESS, example="15551234567@c.us")
    message_id: str = required("messageId", TEXT, example="true_15551234567@c.us_3EB0ABCDEF")


@body
class ReactMessageRequest(MessageLookupRequest):
    """A reaction to a message; an empty one takes it back."""

    emoji: str = defined("emoji", TEXT, also=("reaction",))


@body
class StarMessageRequest(MessageLookupRequest):
    """Star a message, or take the star away."""

    star: bool = defined("star", BOOLEAN)


@body
class DeleteMessageRequest(MessageLookupRequest):
    """Delete a message, for this account or for everybody."""

    for_everyone: bool = optional("forEveryone", BOOLEAN, default=False, also=("everyone",))
    clear_media: bool = optional(
        "clearMedia", BOOLEAN, default=True, note="The phone deletes the file, too."
    )


@body
class ForwardMessageRequest(MessageLookupRequest):
    """Where to forward a message to."""

    target: Jid = required("targetChatId", ADDRESS, also=("destinationChatId",))


@body
class EditMessageRequest(MessageLookupRequest):
    """The new text of an own message, or the new caption."""

    new_content: str = required("newContent", TEXT, also=("content",))


@body
class PinMessageRequest(MessageLookupRequest):
    """A message to pin for everybody in its chat."""

    duration_s: int | None = optional(
        "duration",
        INTEGER,
        default=None,
        note="Seconds: 86400, 604800 or 2592000; others become the next longer of these.",
    )

    @property
    def held_s(self) -> int:
        """One of the times that there are."""
        wanted = self.duration_s or 0
        if wanted > WEEK_S:
            return MONTH_S
        return WEEK_S if wanted > DAY_S else DAY_S


def _late(kind: Kind[Any]) -> Kind[object]:
    """Described as its kind, but read when it is known to be needed."""
    return Kind(ANYTHING.read, kind.schema)


@body
class DownloadMediaRequest:
    """Which message's file: by its ids, or by the `_data` of a Message."""

    raw_data: object = optional("messageData", _late(OBJECT), default=None)
    raw_chat: object = optional("chatId", _late(ADDRESS), default=None)
    raw_message_id: object = optional("messageId", _late(TEXT), default=None)

    @property
    def data(self) -> Mapping[str, object] | None:
        """The message as data; None when it is named by its ids.

        Raises:
            InvalidRequest: there is neither, or it is no object.
        """
        if is_something(self.raw_data):
            return OBJECT.read(self.raw_data, "messageData")
        if not (is_something(self.raw_chat) and is_something(self.raw_message_id)):
            raise InvalidRequest("Provide either messageData OR chatId + messageId")
        return None

    @property
    def ids(self) -> tuple[Jid, str]:
        """Chat and message id.

        Raises:
            InvalidRequest: one has a wrong type.
        """
        return ADDRESS.read(self.raw_chat, "chatId"), TEXT.read(self.raw_message_id, "messageId")


@body
class GetMentionsRequest(DownloadMediaRequest):
    """Whose mentions: by the message's ids, or by a Message with its `mentionedIds`."""


class ChangeAnswer(MessageAnswer, TypedDict):
    """Done; `sentId` is the id of the message that tells the others, and `ack` how far that had
    come: 1 is with WhatsApp, 0 not yet. Both are absent where nobody else is told.
    """

    ack: NotRequired[int]
    sentId: NotRequired[str]


def told(text: str, sent: Message) -> ChangeAnswer:
    """The answer of a route that has told others of a change."""
    return {"success": True, "message": text, "ack": int(sent.ack), "sentId": sent.key.id}


class ReceiptJson(TypedDict):
    """A person, and when; `t` is the same as `timestamp`, Unix seconds."""

    id: str
    timestamp: int
    t: int


class MessageInfoJson(TypedDict):
    """Who got, read and played a message, and of how many others that is not known."""

    delivery: list[ReceiptJson]
    deliveryRemaining: int
    read: list[ReceiptJson]
    readRemaining: int
    played: list[ReceiptJson]
    playedRemaining: int


class MessageInfoAnswer(SuccessEnvelope, TypedDict):
    """How far a message has come; nobody is listed for messages of others."""

    info: MessageInfoJson
    isOwn: bool


class EditedMessageAnswer(ChangeAnswer, TypedDict):
    """Done; the message as it is now."""

    editedMessage: MessageJson


class MediaContent(TypedDict):
    """A file; `data` is base64. Documents have a name."""

    mimetype: str
    filename: NotRequired[str]
    filesize: int
    data: str


class MediaAnswer(SuccessEnvelope, TypedDict):
    """The file of a message, under both its names."""

    media: MediaContent
    messageMedia: MediaContent


class QuotedMessageAnswer(SuccessEnvelope, TypedDict):
    """The message that another one answers; null when it answers none."""

    quotedMessage: MessageJson | None


class MentionsAnswer(SuccessEnvelope):
    """The people that a message mentions: their ids, and what is known of them."""

    mentions: list[str]
    contacts: list[ContactJson]
