"""What a file that is to be sent says of itself: size, duration, a small picture, a waveform.

Nothing here is trusted: files come from whoever may send messages. Everything runs in two threads
of its own, bounded in size and time. A file that is not what it should be is a `MediaError`; a
detail that can't be found out is None. The optional extra `media` (PyAV) adds details, it is never
needed.
"""

from __future__ import annotations

import asyncio
import io
import logging
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TypeVar

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)
from tinytag import TinyTag, TinyTagException

from ..errors import MediaError
from .ogg import OpusStream, read_opus
from .probe_files import (
    BoundedFile,
    ProbeStopped,
    Source,
    audio_type,
    open_file,
    other_image_type,
    video_type,
    webp_canvas,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

THUMBNAIL_SIDE = 100
"""The longer side of pictures inside messages, in pixels."""

THUMBNAIL_QUALITY = 50

MAX_DECODED_PIXELS = 32_000_000
"""Images with more are not decoded, save for JPEG files that can be decoded to a smaller size."""

WORK_S = 8.0
"""What one file may take in its thread."""

TIMEOUT_S = 20.0
"""The same with the wait for a thread."""

_FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
    )
)
"""The only parsers that get to see a file: others run programs, or are seldom looked after."""

_MAY_MOVE = ("WEBP", "GIF", "PNG")
_TURNED = (5, 6, 7, 8)
_ORIENTATION = 0x0112
_TAGGED = frozenset(
    (
        "audio/aiff",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/x-ms-wma",
        "video/3gpp",
        "video/mp4",
        "video/quicktime",
        "video/x-ms-wmv",
    )
)
"""Containers whose duration can be read without the extra."""

# The size of an image is judged here, so Pillow need not warn of it on the console.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="probe")

LIBRARY_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    Image.DecompressionBombError,
    struct.error,
    zlib.error,
)
"""What parsers of damaged files raise: they are not written to tell damage from their own bugs."""


@dataclass(frozen=True, slots=True)
class ImageDetails:
    """An image.

    Attributes:
        mimetype: by its content.
        width: in pixels, as shown.
        height: the same.
        is_animated: it has more than one picture.
        thumbnail: a small JPEG.
    """

    mimetype: str | None = None
    width: int | None = None
    height: int | None = None
    is_animated: bool = False
    thumbnail: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AudioDetails:
    """A sound.

    Attributes:
        mimetype: by its content.
        seconds: at least 1.
        is_voice: Opus in Ogg, which voice notes must be.
        waveform: 64 values from 0 to 100; only with the extra, and when asked for.
    """

    mimetype: str | None = None
    seconds: int | None = None
    is_voice: bool = False
    waveform: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class VideoDetails:
    """A video.

    Attributes:
        mimetype: by its content.
        width: in pixels, as shown; only with the extra.
        height: the same.
        seconds: at least 1.
        thumbnail: a small JPEG; only with the extra.
    """

    mimetype: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: int | None = None
    thumbnail: bytes | None = field(default=None, repr=False)


def has_av() -> bool:
    """Whether the optional extra `media` is installed."""
    return find_spec("av") is not None


async def probe_image(source: Source, *, side: int = THUMBNAIL_SIDE) -> ImageDetails:
    """Look at an image.

    Args:
        side: the longer side of the thumbnail, in pixels.

    Raises:
        MediaError: it is no image, or one with absurdly many pixels.
    """
    return await _run(lambda file: read_image(file, side), source, ImageDetails())


async def probe_audio(source: Source, *, with_waveform: bool = False) -> AudioDetails:
    """Look at a sound.

    Args:
        with_waveform: decode it, too, for voice notes.

    Raises:
        MediaError: it is no audio file.
    """
    return await _run(lambda file: read_audio(file, with_waveform), source, AudioDetails())


async def probe_video(source: Source, *, side: int = THUMBNAIL_SIDE) -> VideoDetails:
    """Look at a video.

    Args:
        side: the longer side of the thumbnail, in pixels.

    Raises:
        MediaError: it is no video file.
    """
    return await _run(lambda file: read_video(file, side), source, VideoDetails())


async def in_pool(read: Callable[[BoundedFile], T], source: Source) -> T:
    """Have a file read that is not trusted, in one of the two threads for that.

    Raises:
        TimeoutError, ProbeStopped: it takes too long.
    """

    def job() -> T:
        with open_file(source) as file:
            return read(BoundedFile(file, time.monotonic() + WORK_S))

    async with asyncio.timeout(TIMEOUT_S):
        return await asyncio.get_running_loop().run_in_executor(_POOL, job)


async def _run(read: Callable[[BoundedFile], T], source: Source, unknown: T) -> T:
    try:
        return await in_pool(read, source)
    except (TimeoutError, ProbeStopped):
        log.warning("a file could not be looked at in time")
        return unknown


# --- images --------------------------------------------------------------------------------------


def read_image(file: BoundedFile, side: int) -> ImageDetails:
    """As `probe_image`, in the present thread.

    Raises:
        MediaError: as there.
        ProbeStopped: it takes too long.
    """
    other = other_image_type(file.head())
    if other is not None:
        return ImageDetails(other)
    with open_image(file) as image:
        return _image_details(image, side)


def open_image(file: BoundedFile) -> Image.Image:
    """Open an image of one of the five kinds that we look into; nothing is decoded yet.

    Raises:
        MediaError: it is none of these, or has absurdly many pixels.
        ProbeStopped: it takes too long.
    """
    canvas = webp_canvas(file.head())
    if canvas is not None and canvas[0] * canvas[1] > MAX_DECODED_PIXELS:
        # Pillow reserves memory for a WebP canvas before it looks at its size.
        raise MediaError("the image has too many pixels")
    try:
        return Image.open(file, formats=_FORMATS)  # type: ignore[arg-type]  # has what is needed
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise MediaError("the image has too many pixels") from exc
    except ProbeStopped:
        raise
    except LIBRARY_ERRORS as exc:
        raise MediaError("not an image") from exc


def _image_details(image: Image.Image, side: int) -> ImageDetails:
    kind = image.format or ""
    width, height = image.size
    try:
        is_animated = kind in _MAY_MOVE and bool(getattr(image, "is_animated", False))
        if image.getexif().get(_ORIENTATION) in _TURNED:
            width, height = height, width
    except LIBRARY_ERRORS:
        is_animated = False
    mimetype = "image/jpeg" if kind == "MPO" else Image.MIME.get(kind)
    details = ImageDetails(mimetype, width, height, is_animated)
    can_shrink = kind in ("JPEG", "MPO") and "progressive" not in image.info
    if width * height > MAX_DECODED_PIXELS and not can_shrink:
        return details
    try:
        return replace(details, thumbnail=_thumbnail(image, side))
    except LIBRARY_ERRORS as exc:
        log.info("no thumbnail of an image: %s", type(exc).__name__)
        return details


def _thumbnail(image: Image.Image, side: int) -> bytes:
    """A small JPEG, turned as the camera was held."""
    image.draft("RGB", (side * 2, side * 2))
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA")
    image.thumbnail((side, side))
    image = ImageOps.exif_transpose(image)
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    return _jpeg(image)


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True)
    return out.getvalue()


# --- sound and video -----------------------------------------------------------------------------


def read_audio(file: BoundedFile, with_waveform: bool) -> AudioDetails:
    """As `probe_audio`, in the present thread.

    Raises:
        MediaError: as there.
        ProbeStopped: it takes too long.
    """
    mimetype = audio_type(file.head())
    if mimetype is None:
        raise MediaError("not an audio file")
    opus: OpusStream | None = None
    if mimetype == "audio/ogg":
        opus = read_opus(file)
    seconds = _tagged_seconds(file, mimetype) if opus is None else opus.seconds
    details = AudioDetails(mimetype, _whole(seconds), opus is not None)
    if not has_av() or (seconds is not None and not with_waveform):
        return details
    from . import probe_av  # large: loaded only when it is needed

    try:
        if seconds is None:
            details = replace(details, seconds=_whole(probe_av.read_seconds(file, mimetype)))
        if with_waveform:
            details = replace(details, waveform=probe_av.read_waveform(file, mimetype))
    except LIBRARY_ERRORS as exc:
        log.info("an audio file cannot be decoded: %s", type(exc).__name__)
    return details


def read_video(file: BoundedFile, side: int) -> VideoDetails:
    """As `probe_video`, in the present thread.

    Raises:
        MediaError: as there.
        ProbeStopped: it takes too long.
    """
    mimetype = video_type(file.head())
    if mimetype is None:
        raise MediaError("not a video file")
    if not has_av():
        return VideoDetails(mimetype, seconds=_whole(_tagged_seconds(file, mimetype)))
    from . import probe_av  # large: loaded only when it is needed

    try:
        picture = probe_av.read_video(file, mimetype, side)
        if picture is None:
            return VideoDetails(mimetype)
        thumbnail = None if picture.frame is None else _jpeg(picture.frame)
    except LIBRARY_ERRORS as exc:
        log.info("a video cannot be decoded: %s", type(exc).__name__)
        return VideoDetails(mimetype)
    return VideoDetails(mimetype, picture.width, picture.height, _whole(picture.seconds), thumbnail)


def _tagged_seconds(file: BoundedFile, mimetype: str) -> float | None:
    if mimetype not in _TAGGED:
        return None
    file.seek(0)
    try:
        tag = TinyTag.get(file_obj=file, tags=False)  # type: ignore[arg-type]  # reads and seeks
    except (TinyTagException, *LIBRARY_ERRORS):
        return None
    return tag.duration


def _whole(seconds: float | None) -> int | None:
    """Whole seconds, at least one; None for a number that no file can mean."""
    if seconds is None or not 0 < seconds < 10_000_000:
        return None
    return max(round(seconds), 1)
