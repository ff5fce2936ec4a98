"""What an account does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...events import MessageJson, stanza_id
from ...model.contents import GroupMention
from ...wire import Jid
from ..errors import InvalidRequest
from ..fields import Kind, body, defined, optional, required
from ..kinds import ADDRESS, ADDRESSES, ANYTHING, BOOLEAN, OBJECT, TEXT, TEXTS, list_of, nested
from .common import SuccessEnvelope
from .contents import ATTACHED, CONTENT_KINDS, AttachedFile

_MAX_ECHO: Final = 100  # of a content type that nobody knows
_MAX_HEADERS: Final = 50


@body
class GroupMentionIn:
    """A group that the text mentions."""

    subject: str = required("subject", TEXT)
    group: Jid = required("id", ADDRESS, example="120363000000000001@g.us")

    def mention(self) -> GroupMention:
        """As it is sent."""
        return GroupMention(self.group, self.subject)


@body
class SendOptions:
    """Options of a message; those that do not fit its content are ignored."""

    quoted_message_id: str | None = optional(
        "quotedMessageId",
        TEXT,
        default=None,
        note="The message to reply to; an unknown one is left out, see ignoreQuoteErrors.",
    )
    ignore_quote_errors: bool = optional(
        "ignoreQuoteErrors",
        BOOLEAN,
        default=True,
        note="If false, nothing is sent where the message to reply to is not known.",
    )
    mentions: tuple[Jid, ...] = optional(
        "mentions", ADDRESSES, default=(), note="People to mention."
    )
    group_mentions: tuple[GroupMentionIn, ...] = optional(
        "groupMentions", list_of(nested(GroupMentionIn)), default=()
    )
    caption: str | None = optional(
        "caption",
        TEXT,
        default=None,
        note="Of a picture or film, whose file name is taken without it; of another file only "
        "with sendMediaAsDocument.",
    )
    send_audio_as_voice: bool = optional("sendAudioAsVoice", BOOLEAN, default=False)
    send_video_as_gif: bool = optional("sendVideoAsGif", BOOLEAN, default=False)
    link_preview: bool = optional("linkPreview", BOOLEAN, default=True)
    send_media_as_sticker: bool = optional("sendMediaAsSticker", BOOLEAN, default=False)
    sticker_name: str = optional("stickerName", TEXT, default="")
    sticker_author: str = optional("stickerAuthor", TEXT, default="")
    sticker_categories: tuple[str, ...] = optional("stickerCategories", TEXTS, default=())
    send_media_as_document: bool = optional("sendMediaAsDocument", BOOLEAN, default=False)
    send_media_as_hd: bool = optional(
        "sendMediaAsHd", BOOLEAN, default=False, note="Files are sent as they are in any case."
    )
    is_view_once: bool = optional("isViewOnce", BOOLEAN, default=False)
    parse_vcards: bool = optional(
        "parseVCards", BOOLEAN, default=True, note="A text that is a vCard is sent as a contact."
    )
    send_seen: bool = optional(
        "sendSeen", BOOLEAN, default=True, note="Mark the chat as read before."
    )
    invoked_bot_wid: str | None = optional("invokedBotWid", TEXT, default=None, note="Not used.")
    wait_until_msg_sent: bool = optional(
        "waitUntilMsgSent",
        BOOLEAN,
        default=True,
        note="Not used: the answer waits for the server, for some seconds.",
    )
    media: AttachedFile | None = optional(
        "media", ATTACHED, default=None, note="A file; the content becomes its caption."
    )
    extra: Mapping[str, object] | None = optional("extra", OBJECT, default=None, note="Not used.")

    @property
    def quoted_id(self) -> str | None:
        """The raw id of the message to reply to."""
        return stanza_id(self.quoted_message_id) if self.quoted_message_id else None


_OPTIONS: Final = nested(SendOptions)


def _headers(value: object, name: str) -> dict[str, str]:
    headers = OBJECT.read(value, name)
    if len(headers) > _MAX_HEADERS:
        raise InvalidRequest(f"{name} must be an object of at most {_MAX_HEADERS} headers")
    return {key: TEXT.read(item, f"{name}.{key[:_MAX_ECHO]}") for key, item in headers.items()}


@body
class UrlRequestOptions:
    """How the file is asked for."""

    headers: dict[str, str] | None = optional(
        "headers",
        Kind(_headers, {"type": "object", "additionalProperties": {"type": "string"}}),
        default=None,
    )


@body
class UrlOptions:
    """How a file is fetched from a URL."""

    file_name: str = optional("filename", TEXT, default="")
    unsafe_mime: bool = optional(
        "unsafeMime",
        BOOLEAN,
        default=True,
        note="If false, the URL's own extension must tell the type.",
    )
    request: UrlRequestOptions = optional(
        "reqOptions", nested(UrlRequestOptions), default=UrlRequestOptions()
    )


_URL_OPTIONS: Final = nested(UrlOptions)
_CONTENT: Final[Kind[object]] = Kind(
    ANYTHING.read,
    {
        "description": "By contentType: "
        + ", ".join(CONTENT_KINDS)
        + "; a text for string and MessageMediaFromURL.",
        "anyOf": [{**kind.schema, "title": name} for name, kind in CONTENT_KINDS.items()],
    },
)


@body
class SendMessageRequest:
    """A message to send; the form of `content` depends on `contentType`."""

    chat: Jid = required("chatId", ADDRESS, example="15551234567@c.us")
    content_type: str = required("contentType", TEXT, example="string")
    raw_content: object = defined("content", _CONTENT, example="Hello")
    raw_options: object = optional("options", Kind(ANYTHING.read, _OPTIONS.schema), default=None)
    raw_url_options: object = optional(
        "mediaFromURLOptions", Kind(ANYTHING.read, _URL_OPTIONS.schema), default=None
    )

    @property
    def content_kind(self) -> Kind[Any]:
        """The form that `content` must have.

        Raises:
            InvalidRequest: there is no such content type.
        """
        kind = CONTENT_KINDS.get(self.content_type)
        if kind is None:
            named = self.content_type[:_MAX_ECHO]
            raise InvalidRequest(f"Unsupported content type: {named}")
        return kind

    @property
    def options(self) -> SendOptions:
        """The options. They are read after the content, whose type depends on `contentType`.

        Raises:
            InvalidRequest: one has a wrong type.
        """
        if self.raw_options is None:
            return SendOptions()
        return _OPTIONS.read(self.raw_options, "options")

    @property
    def url_options(self) -> UrlOptions:
        """How a file is fetched from a URL; read after the other options.

        Raises:
            InvalidRequest: one has a wrong type.
        """
        if self.raw_url_options is None:
            return UrlOptions()
        return _URL_OPTIONS.read(self.raw_url_options, "mediaFromURLOptions")


class SentMessageAnswer(SuccessEnvelope):
    """The message as it was sent; `ack` says how far it had come."""

    message: MessageJson
