"""What an account does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...events import MessageJson, stanza_id
from ...wire import Jid
from ..fields import Kind, body, defined, optional, required
from ..kinds import ADDRESS, ADDRESSES, ANYTHING, BOOLEAN, OBJECT, OBJECTS, TEXT, nested
from .common import SuccessEnvelope


@body
class SendOptions:
    """Options of a message; those that do not fit its content are ignored."""

    quoted_message_id: str | None = optional(
        "quotedMessageId",
        TEXT,
        default=None,
        note="The message to reply to; unknown ones are left out.",
    )
    mentions: tuple[Jid, ...] = optional(
        "mentions", ADDRESSES, default=(), note="People to mention."
    )
    caption: str | None = optional("caption", TEXT, default=None)
    send_audio_as_voice: bool = optional("sendAudioAsVoice", BOOLEAN, default=False)
    send_video_as_gif: bool = optional("sendVideoAsGif", BOOLEAN, default=False)
    link_preview: bool = optional("linkPreview", BOOLEAN, default=True)
    send_media_as_sticker: bool = optional("sendMediaAsSticker", BOOLEAN, default=False)
    sticker_name: str | None = optional("stickerName", TEXT, default=None)
    sticker_author: str | None = optional("stickerAuthor", TEXT, default=None)
    sticker_categories: object = optional("stickerCategories", ANYTHING, default=None)
    send_media_as_document: bool = optional("sendMediaAsDocument", BOOLEAN, default=False)
    send_media_as_hd: bool = optional("sendMediaAsHd", BOOLEAN, default=False)
    is_view_once: bool = optional("isViewOnce", BOOLEAN, default=False)
    parse_vcards: bool = optional("parseVCards", BOOLEAN, default=True)
    group_mentions: tuple[Mapping[str, object], ...] = optional(
        "groupMentions", OBJECTS, default=()
    )
    send_seen: bool = optional("sendSeen", BOOLEAN, default=True)
    invoked_bot_wid: str | None = optional("invokedBotWid", TEXT, default=None)
    wait_until_msg_sent: bool = optional("waitUntilMsgSent", BOOLEAN, default=True)
    media: Mapping[str, object] | None = optional(
        "media", OBJECT, default=None, note="Not supported yet: refused."
    )
    extra: Mapping[str, object] | None = optional("extra", OBJECT, default=None)

    @property
    def quoted_id(self) -> str | None:
        """The raw id of the message to reply to."""
        return stanza_id(self.quoted_message_id) if self.quoted_message_id else None


_OPTIONS: Final = nested(SendOptions)


@body
class SendMessageRequest:
    """A message to send. `content` is a text where `contentType` is `string`."""

    chat: Jid = required("chatId", ADDRESS, example="15551234567@c.us")
    content_type: str = required("contentType", TEXT, example="string")
    raw_content: object = defined("content", ANYTHING, example="Hello")
    raw_options: object = optional("options", Kind(ANYTHING.read, _OPTIONS.schema), default=None)
    media_from_url_options: Mapping[str, object] | None = optional(
        "mediaFromURLOptions", OBJECT, default=None
    )

    @property
    def text(self) -> str:
        """The content of a text message.

        Raises:
            InvalidRequest: it is no text.
        """
        return TEXT.read(self.raw_content, "content")

    @property
    def options(self) -> SendOptions:
        """The options. They are read after the content, whose type depends on `contentType`.

        Raises:
            InvalidRequest: one has a wrong type.
        """
        return (
            SendOptions()
            if self.raw_options is None
            else _OPTIONS.read(self.raw_options, "options")
        )


class SentMessageAnswer(SuccessEnvelope):
    """The message as it was sent; `ack` says how far it had come."""

    message: MessageJson
