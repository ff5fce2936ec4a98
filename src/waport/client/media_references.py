"""From a message to its file: where it lies, how it is protected, what it claims to be."""

from __future__ import annotations

from ..errors import DecodeError, InvalidInput
from ..media import MediaKind
from ..model import Message
from ..model.contents import Audio, Content, Document, Image, Sticker, Video
from ..stanza.contents import read_message
from .media_contents import MediaContent
from .media_hosts import MediaReference
from .media_inputs import clean_file_name


class NoMedia(InvalidInput):
    """The message has no file."""


def media_of(message: Message) -> MediaContent:
    """The file that a message is, whatever it is wrapped in.

    Raises:
        NoMedia: it is none.
    """
    try:
        content: Content = read_message(message.proto()).content
    except DecodeError as exc:
        raise NoMedia("the message cannot be read") from exc
    if not isinstance(content, Image | Video | Audio | Document | Sticker):
        raise NoMedia("the message has no file")
    return content


def media_reference(content: Content) -> MediaReference:
    """What a content says of its file; nothing of it is checked yet.

    Raises:
        NoMedia: it is no file.
    """
    if not isinstance(content, Image | Video | Audio | Document | Sticker):
        raise NoMedia("the message has no file")
    file = content.file
    return MediaReference(
        kind=_kind(content),
        direct_path=file.direct_path or None,
        url=file.url or None,
        media_key=file.media_key or None,
        file_sha256=file.sha256 or None,
        file_enc_sha256=file.enc_sha256 or None,
        file_length=file.length or None,
    )


def file_name_of(content: MediaContent) -> str:
    """The name that a document's sender gave it, without folders; else empty."""
    if not isinstance(content, Document):
        return ""
    return clean_file_name(content.file_name or content.title)


def _kind(content: MediaContent) -> MediaKind:
    match content:
        case Image():
            return MediaKind.IMAGE
        case Video():
            kind = MediaKind.GIF if content.is_gif else MediaKind.VIDEO
            return MediaKind.VIDEO_NOTE if content.is_note else kind
        case Audio():
            return MediaKind.VOICE if content.is_voice else MediaKind.AUDIO
        case Document():
            return MediaKind.DOCUMENT
        case Sticker():
            return MediaKind.STICKER
