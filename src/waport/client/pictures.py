"""Profile pictures: whatever picture is given becomes a square JPEG.

Source: docs/protocol/queries.md, "Profile pictures".
"""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from ..errors import InvalidInput, MediaError
from .probe_files import BoundedFile, ProbeStopped, Source
from .probing import LIBRARY_ERRORS, MAX_DECODED_PIXELS, in_pool, open_image

SIDE = 640
"""Width and height of a profile picture, in pixels."""

QUALITY = 75

MAX_SOURCE = 64 * 1024 * 1024
"""Bytes of a file that a picture is made of."""


async def profile_picture(source: Source) -> bytes:
    """The middle of a picture as a JPEG of `SIDE` by `SIDE` pixels.

    Args:
        source: JPEG, PNG, WebP, GIF or BMP. Of an animation the first picture counts; what is
            transparent becomes white.

    Raises:
        InvalidInput: it is no picture of these kinds, has too many pixels, or takes too long.
        OSError: the source can't be read.
    """
    try:
        return await in_pool(_convert, source)
    except (TimeoutError, ProbeStopped) as exc:
        raise InvalidInput("the picture takes too long to look at") from exc
    except MediaError as exc:
        raise InvalidInput(f"no usable picture: {exc}") from exc


def _convert(file: BoundedFile) -> bytes:
    if file.size > MAX_SOURCE:
        raise MediaError("the file is too large")
    try:
        with open_image(file) as image:
            # Large JPEG files are decoded to a smaller size at once.
            image.draft("RGB", (SIDE * 2, SIDE * 2))
            if image.width * image.height > MAX_DECODED_PIXELS:
                raise MediaError("the image has too many pixels")
            return _square(image)
    except (MediaError, ProbeStopped):
        raise
    except LIBRARY_ERRORS as exc:
        raise MediaError("it cannot be decoded") from exc


def _square(image: Image.Image) -> bytes:
    picture = ImageOps.exif_transpose(image)
    if picture.mode != "RGB":
        picture = picture.convert("RGBA")
    picture = ImageOps.fit(picture, (SIDE, SIDE), Image.Resampling.LANCZOS)
    if picture.mode == "RGBA":
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        picture = white
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
