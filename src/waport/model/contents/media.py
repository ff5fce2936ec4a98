"""Files: pictures, videos, sounds, documents, stickers."""

from __future__ import annotations

from dataclasses import dataclass, field

from .context import NO_CONTEXT, Context


@dataclass(frozen=True, slots=True)
class MediaFile:
    """An encrypted file on the media hosts.

    Attributes:
        mimetype: of the plain file.
        url: a whole address, of one host.
        direct_path: the path on every host; its query is part of it.
        media_key: 32 bytes; empty for files of channels, which are not encrypted.
        sha256: of the plain file, 32 bytes.
        enc_sha256: of the encrypted file, 32 bytes.
        length: bytes of the plain file.
        key_timestamp: when the key was made, Unix seconds.

    Source: docs/protocol/messages.md, "Content".
    """

    mimetype: str = ""
    url: str = ""
    direct_path: str = ""
    media_key: bytes = field(default=b"", repr=False)
    sha256: bytes = b""
    enc_sha256: bytes = b""
    length: int = 0
    key_timestamp: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """A picture.

    Attributes:
        file: the JPEG or PNG.
        caption: the text below it.
        width, height: pixels, as its sender claims.
        thumbnail: a small JPEG.
        view_once: it can be opened once.
    """

    file: MediaFile
    caption: str = ""
    width: int = 0
    height: int = 0
    thumbnail: bytes = field(default=b"", repr=False)
    view_once: bool = False
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Video:
    """A film, an animation or a video note.

    Attributes:
        file: the MP4.
        caption: the text below it.
        seconds: how long it is, as its sender claims.
        width, height: pixels, as its sender claims.
        is_gif: it plays by itself, again and again, without sound.
        gif_source: who offers the animation, as a number of the schema; 0 for nobody.
        is_note: it is round and was taken while talking.
        thumbnail: a small JPEG.
        sidecar: MACs for playing while it downloads.
        view_once: it can be opened once.
    """

    file: MediaFile
    caption: str = ""
    seconds: int = 0
    width: int = 0
    height: int = 0
    is_gif: bool = False
    gif_source: int = 0
    is_note: bool = False
    thumbnail: bytes = field(default=b"", repr=False)
    sidecar: bytes = field(default=b"", repr=False)
    view_once: bool = False
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound file or a voice note.

    Attributes:
        file: for a voice note Ogg with Opus.
        seconds: how long it is, as its sender claims.
        is_voice: it is a voice note.
        waveform: 64 loudnesses from 0 to 100, one byte each; empty when there is none.
        sidecar: MACs for playing while it downloads.
        background_argb: behind a voice status, 0xAARRGGBB; 0 when there is none.
        view_once: it can be heard once.
    """

    file: MediaFile
    seconds: int = 0
    is_voice: bool = False
    waveform: bytes = field(default=b"", repr=False)
    sidecar: bytes = field(default=b"", repr=False)
    background_argb: int = 0
    view_once: bool = False
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Document:
    """Any file.

    Attributes:
        file: the file.
        file_name: its name with extension.
        title: its name as shown.
        page_count: pages, 0 when unknown.
        caption: the text below it.
        thumbnail: a small JPEG of its first page.
    """

    file: MediaFile
    file_name: str = ""
    title: str = ""
    page_count: int = 0
    caption: str = ""
    thumbnail: bytes = field(default=b"", repr=False)
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Sticker:
    """A sticker.

    Attributes:
        file: a WebP of 512 x 512, or a zipped Lottie animation (`application/was`).
        width, height: pixels.
        is_animated: the WebP has several frames.
        is_lottie: the file is a Lottie animation.
        is_avatar: it shows its sender's avatar.
        first_frame_length: bytes of the file up to the end of the first frame.
        first_frame_sidecar: their MAC.
        thumbnail: a PNG.
        label: what it shows, for people who don't see it.
    """

    file: MediaFile
    width: int = 0
    height: int = 0
    is_animated: bool = False
    is_lottie: bool = False
    is_avatar: bool = False
    first_frame_length: int = 0
    first_frame_sidecar: bytes = field(default=b"", repr=False)
    thumbnail: bytes = field(default=b"", repr=False)
    label: str = ""
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Album:
    """The head of an album; each medium follows as a message of its own that names this one.

    Attributes:
        images, videos: how many are to come.
    """

    images: int = 0
    videos: int = 0
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)
