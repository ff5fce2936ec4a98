"""Pictures as stickers: WebP as it is, others made into a WebP of 512 x 512.

Source: docs/protocol/messages.md, "Stickers".
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageOps

from ..errors import InvalidInput, MediaError
from .media_files import read_source
from .probe_files import BoundedFile, ProbeStopped, Source, webp_canvas
from .probing import LIBRARY_ERRORS, MAX_DECODED_PIXELS, in_pool, open_image, probe_image
from .riff import with_exif

SIDE = 512
"""Width and height of a sticker, in pixels."""

MAX_FRAMES = 60
"""Pictures of an animation that is made; of a longer one some are left out."""

MAX_FRAME_PIXELS = 4_000_000
"""Of an animation that a sticker is made of: each of its pictures has to be decoded."""

STILL_BYTES = 100 * 1024
ANIMATED_BYTES = 500 * 1024
"""What official clients make at most; reached by a lower quality where that is enough."""

MAX_PACK_BYTES = 4096
"""Of what a sticker says of its pack."""

_QUALITIES = (80, 50, 20)
_SHORTEST_MS, _USUAL_MS = 20, 100
"""Times of a frame: browsers and phones show shorter ones as long as the usual one."""


@dataclass(frozen=True, slots=True)
class StickerPack:
    """What a sticker says of itself when it is kept.

    Attributes:
        name: of the pack.
        author: of the pack.
        emojis: what the sticker stands for.
    """

    name: str = ""
    author: str = ""
    emojis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StickerFile:
    """A WebP that can be sent as a sticker.

    Attributes:
        source: the file.
        width, height: pixels.
        is_animated: it has more than one picture.
    """

    source: Source
    width: int
    height: int
    is_animated: bool


async def make_sticker(source: Source, pack: StickerPack | None, max_bytes: int) -> StickerFile:
    """A sticker of a picture.

    Args:
        source: not larger than may be uploaded.
        pack: written into the file.
        max_bytes: of the sticker.

    Raises:
        InvalidInput: the pack's names are too long.
        MediaError: it is no picture of the kinds that we look into, has too many pixels, or makes
            too large a sticker.
        TimeoutError, ProbeStopped: it takes too long.
        OSError: the source can't be read.
    """
    if await in_pool(lambda file: webp_canvas(file.head()) is None, source):
        made, is_animated = await in_pool(_convert, source)
        sticker = StickerFile(made, SIDE, SIDE, is_animated)
    else:
        details = await probe_image(source)
        sticker = StickerFile(source, details.width or 0, details.height or 0, details.is_animated)
    if pack is not None:
        data = await read_source(sticker.source, max_bytes)
        sticker = StickerFile(
            with_exif(data, _exif(pack)), sticker.width, sticker.height, sticker.is_animated
        )
    return sticker


def _convert(file: BoundedFile) -> tuple[bytes, bool]:
    try:
        with open_image(file) as image:
            frames = getattr(image, "n_frames", 1) if image.format in ("GIF", "PNG") else 1
            if frames > 1:
                data = _animation(image, frames, file)
                with Image.open(io.BytesIO(data)) as made:
                    return data, bool(getattr(made, "is_animated", False))
            return _still(image), False
    except (MediaError, ProbeStopped):
        raise
    except LIBRARY_ERRORS as exc:
        raise MediaError("the picture cannot be made a sticker") from exc


def _still(image: Image.Image) -> bytes:
    image.draft("RGB", (SIDE, SIDE))
    if image.width * image.height > MAX_DECODED_PIXELS:
        raise MediaError("the image has too many pixels")
    picture = _fit(ImageOps.exif_transpose(image.convert("RGBA")), Image.Resampling.LANCZOS)
    data = b""
    for quality in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=4)
        data = out.getvalue()
        if len(data) <= STILL_BYTES:
            break
    return data


def _animation(image: Image.Image, count: int, file: BoundedFile) -> bytes:
    shown = list(_frames(image, count, file))
    pictures = [picture for picture, _ in shown]
    durations = [duration for _, duration in shown]
    data = b""
    for quality in _QUALITIES:
        file.check()
        out = io.BytesIO()
        pictures[0].save(
            out,
            "WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
            quality=quality,
            method=0,
        )
        data = out.getvalue()
        if len(data) <= ANIMATED_BYTES:
            break
    return data


def _frames(image: Image.Image, count: int, file: BoundedFile) -> Iterator[tuple[Image.Image, int]]:
    """At most `MAX_FRAMES` pictures, evenly chosen, and for how many ms each is shown."""
    step = -(-count // MAX_FRAMES)
    picture, duration = None, 0
    for number in range(count):
        file.check()
        image.seek(number)
        # Of a GIF any picture may be larger than those before it.
        if image.width * image.height > MAX_FRAME_PIXELS:
            raise MediaError("the animation has too many pixels")
        if number % step == 0:
            if picture is not None:
                yield picture, duration
            picture, duration = _fit(image.convert("RGBA"), Image.Resampling.BILINEAR), 0
        told = int(image.info.get("duration", 0))
        duration += told if _SHORTEST_MS <= told <= 60_000 else _USUAL_MS
    if picture is not None:
        yield picture, duration


def _fit(image: Image.Image, resampling: Image.Resampling) -> Image.Image:
    """The whole picture in the middle of a transparent square."""
    inner = ImageOps.contain(image, (SIDE, SIDE), resampling)
    square = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    square.paste(inner, ((SIDE - inner.width) // 2, (SIDE - inner.height) // 2))
    return square


def _exif(pack: StickerPack) -> bytes:
    """The pack as phones read it: JSON in a TIFF directory of one entry.

    Source: docs/protocol/messages.md, "Stickers".
    """
    told = {
        "sticker-pack-id": hashlib.sha256(
            f"{pack.name}\0{pack.author}".encode("utf-8", "replace")
        ).hexdigest(),
        "sticker-pack-name": pack.name,
        "sticker-pack-publisher": pack.author,
        "emojis": list(pack.emojis) or [""],
    }
    text = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    if len(text) > MAX_PACK_BYTES:
        raise InvalidInput("the names of the sticker pack are too long")
    entry = b"\x01\x00" + b"\x41\x57" + b"\x07\x00" + len(text).to_bytes(4, "little")
    return b"II*\x00\x08\x00\x00\x00" + entry + b"\x16\x00\x00\x00" + text
