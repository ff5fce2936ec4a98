"""From the body of sendMessage to a message that is sent."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final, TypeVar
from urllib.parse import urlsplit

from ..client.compose import SendOptions as Sending
from ..client.media_contents import MadeMedia, MediaOptions
from ..client.media_files import Source
from ..client.media_inputs import clean_mimetype, decode_base64, type_by_name
from ..client.stickers import StickerPack
from ..client.threads import in_thread
from ..errors import InvalidInput, WhatsAppError
from ..model import Message, MessageKind
from ..model.contents import (
    Content,
    Document,
    Image,
    Text,
    Video,
    check_content,
)
from ..model.contents.limits import MAX_CAPTION, MAX_TEXT
from ..wire import Jid
from .addresses import is_reachable
from .errors import HttpError, InvalidRequest, contact_not_found
from .ports import ClientPort
from .recipients import answers_for, check_recipient
from .schemas.client import SendMessageRequest, SendOptions, UrlOptions
from .schemas.contents import (
    CardContent,
    EventContent,
    FileContent,
    MenuContent,
    PlaceContent,
    PollContent,
)
from .uploads import UploadedFile
from .vcards import card_of, read_card

log = logging.getLogger(__name__)

C = TypeVar("C", bound=Content)

_DECODED_AT_ONCE: Final = 16_384
"""Characters of base64 that are decoded where they are: in a few microseconds."""

_SEEN_TIMEOUT_S: Final = 5.0
"""How long marking a chat as read may hold up what is sent to it."""

_MAX_PACK_NAMES: Final = 1000
"""Characters of all that a sticker says of its pack."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A content and what goes with it.

    Attributes:
        media_id: of an upload for a channel.
        secret: what votes need; empty makes one up.
    """

    content: Content
    media_id: str = ""
    secret: bytes = b""


async def send_message(client: ClientPort, request: SendMessageRequest) -> Message:
    """Read the body, make its content, and send it.

    Raises:
        InvalidRequest: something in the body is unusable.
        HttpError: there is no such recipient, or nobody of whom a card is wanted.
        WhatsAppError: the file could not be had, or the message not be sent.
    """
    content = _read_content(request)
    options, url_options = request.options, request.url_options
    _check_options(options)
    check_recipient(request.chat, "chatId")
    maker = _Maker(client, request, options, url_options)
    quoted_id = await _quoted_id(client, request.chat, options)
    made = await maker.make(content)
    _check(made.content)
    if options.send_seen:
        await _see(client, request.chat)
    with answers_for(request.chat):
        return await client.messages.send(
            request.chat,
            made.content,
            Sending(
                quoted_id=quoted_id,
                mentions=tuple(jid for jid in options.mentions if is_reachable(jid)),
                group_mentions=tuple(
                    each.mention() for each in options.group_mentions if is_reachable(each.group)
                ),
                media_id=made.media_id,
                secret=made.secret,
            ),
        )


def _read_content(request: SendMessageRequest) -> object:
    """The content as the value of its content type."""
    kind = request.content_kind
    raw = request.raw_content
    if isinstance(raw, UploadedFile):
        if request.content_type != "MessageMedia":
            raise InvalidRequest("a file part goes with the contentType MessageMedia")
        return raw
    return kind.read(raw, "content")


def _check_options(options: SendOptions) -> None:
    if options.caption is not None and len(options.caption) > MAX_CAPTION:
        raise InvalidRequest(
            f"options.caption must be a string of at most {MAX_CAPTION} characters"
        )
    pack = (options.sticker_name, options.sticker_author, *options.sticker_categories)
    if sum(map(len, pack)) > _MAX_PACK_NAMES:
        raise InvalidRequest("stickerName, stickerAuthor and stickerCategories are too long")


def _check(content: Content) -> None:
    """Refuse what WhatsApp would refuse, in words that the caller may read."""
    try:
        check_content(content)
    except InvalidInput as exc:
        raise InvalidRequest(str(exc)) from exc


async def _quoted_id(client: ClientPort, chat: Jid, options: SendOptions) -> str | None:
    quoted_id = options.quoted_id
    if quoted_id is None or options.ignore_quote_errors:
        return quoted_id
    quoted = await client.messages.find([chat], [quoted_id])
    if quoted is None or not quoted.content or quoted.kind is MessageKind.REVOKED:
        raise HttpError(404, "message_not_found", "Could not get the quoted message.")
    return quoted_id


async def _see(client: ClientPort, chat: Jid) -> None:
    """Mark a chat as read; a message is sent though that fails."""
    if not (chat.is_user or chat.is_group):
        return
    try:
        async with asyncio.timeout(_SEEN_TIMEOUT_S):
            await client.chats.send_seen(chat)
    except (WhatsAppError, TimeoutError) as exc:
        log.info("a chat was not marked as read: %s", type(exc).__name__)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the content of one message."""

    client: ClientPort
    request: SendMessageRequest
    options: SendOptions
    url_options: UrlOptions

    async def make(self, content: object) -> _Made:
        """From what the caller gave to what is sent."""
        match content:
            case UploadedFile():
                if not content.size:
                    raise InvalidRequest("the file must not be empty")
                return await self._file(content.path, content.mimetype, content.file_name)
            case FileContent():
                return await self._encoded(content, "content")
            case PlaceContent():
                return _Made(content.content())
            case PollContent() | EventContent():
                return _Made(content.content(), secret=content.secret)
            case MenuContent():
                return await self._text(content.text)
            case CardContent():
                return await self._card(content.contact)
            case str() if self.request.content_type == "MessageMediaFromURL":
                return await self._from_url(content)
            case str():
                return await self._words(content)
        raise AssertionError("a content without a form")

    # --- words -----------------------------------------------------------------------------------

    async def _words(self, text: str) -> _Made:
        attached = self.options.media
        if attached is not None:
            if len(text) > MAX_CAPTION:
                raise _too_long("content", MAX_CAPTION)
            return await self._encoded(attached, "options.media", caption=text)
        if self.options.parse_vcards and (card := read_card(text)) is not None:
            return _Made(card)
        return await self._text(text)

    async def _text(self, text: str) -> _Made:
        if len(text) > MAX_TEXT:
            raise _too_long("content", MAX_TEXT)
        wanted = self.options.link_preview
        return _Made(Text(text, await self.client.media.preview(text) if wanted else None))

    async def _card(self, person: Jid) -> _Made:
        if not person.is_user or not is_reachable(person):
            raise contact_not_found()
        with answers_for(person):
            contact = await self.client.contacts.get(person)
        if not contact.jid.is_pn:
            # A card needs the number, and nothing tells it.
            raise contact_not_found()
        return _Made(card_of(contact))

    # --- files -----------------------------------------------------------------------------------

    async def _encoded(self, file: FileContent, name: str, caption: str | None = None) -> _Made:
        try:
            mimetype = clean_mimetype(file.mimetype)
        except InvalidInput as exc:
            raise InvalidRequest(f"{name}.mimetype must be a MIME type") from exc
        data = await _decoded(file.data, f"{name}.data")
        return await self._file(data, mimetype, file.file_name or "", caption)

    async def _file(
        self, source: Source, mimetype: str | None, file_name: str, caption: str | None = None
    ) -> _Made:
        await self._ensure_group()
        made = await self.client.media.content(source, self._media_options(mimetype, file_name))
        return self._made(made, file_name, caption)

    async def _from_url(self, url: str) -> _Made:
        if not self.url_options.unsafe_mime and _type_of_url(url) is None:
            raise InvalidRequest(
                "Unable to determine MIME type using URL. Set unsafeMime to true to download it "
                "anyway."
            )
        await self._ensure_group()
        file_name = self.url_options.file_name
        made = await self.client.media.from_url(
            url.strip(), self._media_options(None, file_name), self.url_options.request.headers
        )
        return self._made(made, file_name or made.file_name, None)

    async def _ensure_group(self) -> None:
        """No file is uploaded for a group that the account is not in."""
        if self.request.chat.is_group:
            with answers_for(self.request.chat):
                await self.client.groups.ensure([self.request.chat])

    def _media_options(self, mimetype: str | None, file_name: str) -> MediaOptions:
        options = self.options
        pack = None
        if options.sticker_name or options.sticker_author or options.sticker_categories:
            pack = StickerPack(
                options.sticker_name, options.sticker_author, options.sticker_categories
            )
        return MediaOptions(
            mimetype=mimetype,
            file_name=file_name,
            as_sticker=options.send_media_as_sticker,
            as_voice=options.send_audio_as_voice,
            as_gif=options.send_video_as_gif,
            as_document=options.send_media_as_document,
            view_once=options.is_view_once,
            channel=self.request.chat.is_newsletter,
            sticker_pack=pack,
        )

    def _made(self, made: MadeMedia, file_name: str, caption: str | None) -> _Made:
        content = made.content
        if isinstance(content, Image | Video):
            given = self.options.caption or file_name if caption is None else caption
            if not (isinstance(content, Video) and content.is_note):
                content = replace(content, caption=given[:MAX_CAPTION])
        elif isinstance(content, Document):
            if caption is None and self.options.send_media_as_document:
                caption = self.options.caption
            content = replace(content, caption=caption or "")
        return _Made(content, media_id=made.handle or "")


def _too_long(name: str, most: int) -> InvalidRequest:
    return InvalidRequest(f"{name} must be a string of at most {most} characters")


async def _decoded(text: str, name: str) -> bytes:
    try:
        if len(text) <= _DECODED_AT_ONCE:
            data = decode_base64(text)
        else:
            data = await in_thread(decode_base64, text)
    except InvalidInput as exc:
        raise InvalidRequest(f"{name} must be base64") from exc
    if not data:
        raise InvalidRequest(f"{name} must not be empty")
    return data


def _type_of_url(url: str) -> str | None:
    """The mimetype that the extension of a URL's path stands for."""
    try:
        name = PurePosixPath(urlsplit(url.strip()).path).name
    except ValueError:
        return None
    return type_by_name(name)
