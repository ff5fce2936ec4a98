"""From a file to a content that can be sent: what it is, what it looks like, and its upload.

Source: docs/protocol/messages.md, "Content", "Voice notes" and "Stickers".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..errors import InvalidInput, MediaError
from ..media import MediaKind
from ..model.contents import Audio, Document, Image, MediaFile, Sticker, Video
from ..model.contents.limits import LIMITS, VOICE_MIMETYPE, Limits
from .clock import SYSTEM_CLOCK, Clock
from .media_files import Source, read_source, size_of
from .media_hosts import MediaTooLarge
from .media_inputs import (
    UNKNOWN_TYPE,
    clean_file_name,
    clean_mimetype,
    name_by_type,
    type_by_name,
)
from .media_transfer import MediaTransfer
from .probe_files import HEAD, ProbeStopped, file_type
from .probing import probe_audio, probe_image, probe_video
from .stickers import StickerPack, make_sticker
from .threads import in_thread
from .uploaded_media import UploadedMedia
from .voice import make_voice

MediaContent = Image | Video | Audio | Document | Sticker
"""A content that is a file."""

LOTTIE = "application/was"
"""A zipped Lottie animation, which is a sticker as it is."""

_AMBIGUOUS = frozenset((None, "application/zip", "application/gzip"))
_NO_PICTURES = frozenset(("image/svg+xml",))
_MATROSKA = "x-matroska"


class UnusableFile(MediaError, InvalidInput):
    """The file is not what it is to be sent as."""


class _Form(Enum):
    """What a file is sent as."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    STICKER = "sticker"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """How a file is to be sent. What does not apply to its kind is ignored.

    Attributes:
        mimetype: what it is; None: its content tells, then its name.
        file_name: its name with extension; empty when it has none.
        caption: the text below a picture, a film or a document.
        as_sticker: a picture becomes a sticker.
        as_voice: a sound becomes a voice note.
        as_gif: a film plays by itself, again and again, without sound.
        as_video_note: a film is shown round.
        as_document: whatever it is, it is sent as a file.
        view_once: a picture, film or sound can be opened once.
        seconds, width, height: instead of what the file says.
        channel: it is for a channel, so it travels unencrypted.
        sticker_pack: written into a sticker.
    """

    mimetype: str | None = None
    file_name: str = ""
    caption: str = ""
    as_sticker: bool = False
    as_voice: bool = False
    as_gif: bool = False
    as_video_note: bool = False
    as_document: bool = False
    view_once: bool = False
    seconds: int | None = None
    width: int | None = None
    height: int | None = None
    channel: bool = False
    sticker_pack: StickerPack | None = None


NO_OPTIONS = MediaOptions()


@dataclass(frozen=True, slots=True)
class MadeMedia:
    """A content whose file is uploaded.

    Attributes:
        content: to be sent.
        handle: of an upload for a channel; goes into the stanza as `media_id`.
        file_name: the name of a file that was fetched; empty for others.
    """

    content: MediaContent
    handle: str | None
    file_name: str = ""


class MediaContents:
    """Makes contents of files.

    Args:
        transfer: uploads them.
        limits: the largest files of each kind.
        clock: the time.
    """

    def __init__(
        self, transfer: MediaTransfer, *, limits: Limits = LIMITS, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._transfer = transfer
        self._limits = limits
        self._clock = clock

    async def make(self, source: Source, options: MediaOptions = NO_OPTIONS) -> MadeMedia:
        """Look at a file, upload it, and say all that a message says of it.

        Raises:
            InvalidInput: the mimetype is none, a number out of range, the caption too long, or the
                file empty.
            UnusableFile: the file is not what it is to be sent as; also an InvalidInput.
            MediaTooLarge: it is larger than files of its kind may be.
            TransferFailed: no media host took it.
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: the hosts are not known.
            OSError: the source can't be read.
        """
        size = await size_of(source)
        if not size:
            raise InvalidInput("the file is empty")
        mimetype = await _mimetype(source, options)
        form = _form(mimetype, options)
        if size > self._most(form, mimetype):
            raise MediaTooLarge(self._most(form, mimetype))
        self._check(form, options)
        try:
            match form:
                case _Form.IMAGE:
                    return await self._image(source, options)
                case _Form.VIDEO:
                    return await self._video(source, mimetype, options)
                case _Form.AUDIO:
                    return await self._audio(source, mimetype, options)
                case _Form.STICKER:
                    return await self._sticker(source, mimetype, options)
                case _Form.DOCUMENT:
                    return await self._document(source, mimetype, options)
        except (TimeoutError, ProbeStopped) as exc:
            raise UnusableFile("the file takes too long to look at") from exc

    def _check(self, form: _Form, options: MediaOptions) -> None:
        """Refuse before the upload what no message can say."""
        has_caption = form in (_Form.IMAGE, _Form.VIDEO, _Form.DOCUMENT)
        if has_caption and len(options.caption) > self._limits.caption:
            raise InvalidInput(f"a caption has at most {self._limits.caption} characters")
        for number in (options.seconds, options.width, options.height):
            if number is not None and not 0 <= number < 2**31:
                raise InvalidInput("seconds, width and height are numbers from 0 on")

    def _most(self, form: _Form, mimetype: str) -> int:
        if form is _Form.DOCUMENT:
            return self._limits.document_bytes
        if form is _Form.STICKER and mimetype in ("image/webp", LOTTIE):
            return self._limits.sticker_bytes
        return self._limits.media_bytes

    # --- the kinds -------------------------------------------------------------------------------

    async def _image(self, source: Source, options: MediaOptions) -> MadeMedia:
        try:
            details = await probe_image(source)
        except MediaError as exc:
            raise UnusableFile(f"the file cannot be sent as a picture: {exc}") from exc
        uploaded = await self._upload(source, MediaKind.IMAGE, options)
        image = Image(
            self._file(uploaded, details.mimetype or "image/jpeg"),
            caption=options.caption,
            width=_chosen(options.width, details.width),
            height=_chosen(options.height, details.height),
            thumbnail=details.thumbnail or b"",
            view_once=options.view_once,
        )
        return MadeMedia(image, uploaded.handle)

    async def _video(self, source: Source, mimetype: str, options: MediaOptions) -> MadeMedia:
        try:
            details = await probe_video(source)
        except MediaError as exc:
            raise UnusableFile(f"the file cannot be sent as a video: {exc}") from exc
        kind = MediaKind.VIDEO
        if options.as_video_note or options.as_gif:
            kind = MediaKind.VIDEO_NOTE if options.as_video_note else MediaKind.GIF
        uploaded = await self._upload(source, kind, options, with_sidecar=True)
        is_note = kind is MediaKind.VIDEO_NOTE
        video = Video(
            self._file(uploaded, _told(details.mimetype, mimetype)),
            caption="" if is_note else options.caption,
            seconds=_chosen(options.seconds, details.seconds),
            width=_chosen(options.width, details.width),
            height=_chosen(options.height, details.height),
            is_gif=kind is MediaKind.GIF,
            is_note=is_note,
            thumbnail=details.thumbnail or b"",
            sidecar=uploaded.sidecar or b"",
            view_once=options.view_once,
        )
        return MadeMedia(video, uploaded.handle)

    async def _audio(self, source: Source, mimetype: str, options: MediaOptions) -> MadeMedia:
        try:
            details = await probe_audio(source, with_waveform=options.as_voice)
        except MediaError as exc:
            raise UnusableFile(f"the file cannot be sent as a sound: {exc}") from exc
        if options.as_voice and not details.is_voice:
            try:
                source = await make_voice(source)
                details = await probe_audio(source, with_waveform=True)
            except MediaError as exc:
                raise UnusableFile(f"the file cannot be made a voice note: {exc}") from exc
        kind = MediaKind.VOICE if options.as_voice else MediaKind.AUDIO
        uploaded = await self._upload(source, kind, options, with_sidecar=True)
        told = VOICE_MIMETYPE if details.is_voice else _told(details.mimetype, mimetype)
        audio = Audio(
            self._file(uploaded, told),
            seconds=_chosen(options.seconds, details.seconds),
            is_voice=options.as_voice,
            waveform=details.waveform or b"",
            sidecar=uploaded.sidecar or b"",
            view_once=options.view_once,
        )
        return MadeMedia(audio, uploaded.handle)

    async def _sticker(self, source: Source, mimetype: str, options: MediaOptions) -> MadeMedia:
        if mimetype == LOTTIE:
            uploaded = await self._upload(source, MediaKind.STICKER, options)
            lottie = Sticker(self._file(uploaded, LOTTIE), is_animated=True, is_lottie=True)
            return MadeMedia(lottie, uploaded.handle)
        most = self._limits.sticker_bytes
        try:
            made = await make_sticker(source, options.sticker_pack, most)
        except MediaTooLarge:
            raise
        except MediaError as exc:
            raise UnusableFile(f"the file cannot be made a sticker: {exc}") from exc
        # Read before the upload, which allows more.
        data = await read_source(made.source, most)
        uploaded = await self._upload(data, MediaKind.STICKER, options)
        sticker = Sticker(
            self._file(uploaded, "image/webp"),
            width=_chosen(options.width, made.width),
            height=_chosen(options.height, made.height),
            is_animated=made.is_animated,
        )
        return MadeMedia(sticker, uploaded.handle)

    async def _document(self, source: Source, mimetype: str, options: MediaOptions) -> MadeMedia:
        thumbnail = await _thumbnail(source, mimetype)
        name = clean_file_name(options.file_name) or name_by_type(mimetype)
        uploaded = await self._upload(source, MediaKind.DOCUMENT, options)
        document = Document(
            self._file(uploaded, mimetype),
            file_name=name,
            title=name,
            caption=options.caption,
            thumbnail=thumbnail,
        )
        return MadeMedia(document, uploaded.handle)

    # --- the upload ------------------------------------------------------------------------------

    async def _upload(
        self,
        source: Source,
        kind: MediaKind,
        options: MediaOptions,
        *,
        with_sidecar: bool = False,
    ) -> UploadedMedia:
        if options.channel:
            return await self._transfer.upload_plain(source, kind)
        return await self._transfer.upload(source, kind, with_sidecar=with_sidecar)

    def _file(self, uploaded: UploadedMedia, mimetype: str) -> MediaFile:
        return MediaFile(
            mimetype=mimetype,
            url=uploaded.url,
            direct_path=uploaded.direct_path,
            media_key=uploaded.media_key or b"",
            sha256=uploaded.file_sha256,
            enc_sha256=uploaded.file_enc_sha256 or b"",
            length=uploaded.file_length,
            key_timestamp=int(self._clock.unix()) if uploaded.media_key else 0,
        )


async def _mimetype(source: Source, options: MediaOptions) -> str:
    """What the caller says the file is; else what its first bytes say, then its name."""
    if options.mimetype is not None:
        return clean_mimetype(options.mimetype)
    found = file_type(await _head(source))
    if found in _AMBIGUOUS:
        found = type_by_name(options.file_name) or found
    return found or UNKNOWN_TYPE


async def _head(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source[:HEAD]
    path = source

    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(HEAD)

    return await in_thread(read)


def _form(mimetype: str, options: MediaOptions) -> _Form:
    if options.as_sticker:
        return _Form.STICKER
    if options.as_document or mimetype in _NO_PICTURES:
        return _Form.DOCUMENT
    if mimetype == "application/ogg":
        return _Form.AUDIO
    family = mimetype.partition("/")[0]
    return _Form(family) if family in ("image", "video", "audio") else _Form.DOCUMENT


def _told(found: str | None, claimed: str) -> str:
    """The mimetype of a sound or film: as found, since that is what players go by."""
    # One container, two names: only whoever made the file knows which of them is meant.
    if found is None or claimed.endswith(_MATROSKA):
        return claimed
    return found


def _chosen(wanted: int | None, found: int | None) -> int:
    return (found or 0) if wanted is None else wanted


async def _thumbnail(source: Source, mimetype: str) -> bytes:
    """A small picture of a document that is a picture or a film; empty for others."""
    try:
        if mimetype.startswith("image/"):
            return (await probe_image(source)).thumbnail or b""
        if mimetype.startswith("video/"):
            return (await probe_video(source)).thumbnail or b""
    except MediaError:
        return b""  # as a document anything may be sent
    return b""
